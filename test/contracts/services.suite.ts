import { afterAll, beforeAll, describe, expect } from "vitest";
import type { ServiceFacts, Services } from "#shared/ports/services.ts";
import { cases, type Differences, until } from "./cases.ts";

/** One ECS cluster with a REPLICA service of two running tasks, tagged `team: shop` and scaled automatically from 1 to 4, and a DAEMON service. */
export interface ServicesWorld {
  readonly services: Services;
  readonly service: string;
  readonly daemon: string;
  /** Lets time pass; automatic scaling looks once. */
  wait(): Promise<void>;
  close(): Promise<void>;
}

const signal = new AbortController().signal;
const SUSPENDED = { in: false, out: true, scheduled: true };
const FREE = { in: false, out: false, scheduled: false };

export function servicesContract(name: string, open: () => Promise<ServicesWorld>, differences: Differences = {}): void {
  describe(`Services: ${name}`, () => {
    const { it, close } = cases(differences);
    let world: ServicesWorld;
    beforeAll(async () => {
      world = await open();
    }, 120_000);
    afterAll(() => world?.close());

    const one = async (service: string): Promise<ServiceFacts> => {
      const facts = await world.services.describe(service, signal);
      if (facts === null) throw new Error(`not described: ${service}`);
      return facts;
    };
    const running = (count: number) => async () => {
      const { runningCount, pendingCount } = await one(world.service);
      return runningCount === count && pendingCount === 0;
    };

    it("a service is described with its counts, its percents and its tags", async () => {
      const facts = await one(world.service);
      expect(facts).toMatchObject({ name: world.service, status: "ACTIVE", schedulingStrategy: "REPLICA", deploymentController: "ECS" });
      expect(facts).toMatchObject({ desiredCount: 2, runningCount: 2, pendingCount: 0, tags: { team: "shop" } });
      expect(facts.arn).toMatch(new RegExp(`:service/[^/]+/${world.service}$`));
      expect(facts.taskDefinitionArn).toMatch(/:task-definition\/[^:]+:\d+$/);
    });

    it("a service is found by its ARN too", async () => {
      const facts = await one(world.service);
      expect(await one(facts.arn)).toEqual(facts);
    });

    it("a service that ECS does not know is null", async () => {
      expect(await world.services.describe("nobody", signal)).toBeNull();
    });

    it("its tasks are listed, all of them and no others", async () => {
      const tasks = await world.services.tasksOf(world.service, signal);
      expect(new Set(tasks).size).toBe(2);
      expect(await world.services.tasksOf(world.daemon, signal)).not.toContain(tasks[0]);
    });

    it("a DAEMON service says so and takes no count", async () => {
      expect((await one(world.daemon)).schedulingStrategy).toBe("DAEMON");
      await expect(world.services.setDesiredCount(world.daemon, 0, signal)).rejects.toMatchObject({ code: "aws_rejected" });
    });

    it("an unknown service takes no count", async () => {
      await expect(world.services.setDesiredCount("nobody", 0, signal)).rejects.toMatchObject({ code: "aws_rejected" });
    });

    it("the capacities of a service that is scaled automatically are told, and of one that is not there are none", async () => {
      expect(await world.services.scaling(world.service, signal)).toEqual({ minCapacity: 1, maxCapacity: 4, suspended: FREE });
      expect(await world.services.scaling(world.daemon, signal)).toBeNull();
    });

    it("while scaling out is suspended a count of zero stays, and the capacities are as they were", async () => {
      await world.services.suspendScaling(world.service, SUSPENDED, signal);
      expect(await world.services.scaling(world.service, signal)).toEqual({ minCapacity: 1, maxCapacity: 4, suspended: SUSPENDED });
      await world.services.setDesiredCount(world.service, 0, signal);
      await until(running(0), world.wait);
      await world.wait();
      expect(await one(world.service)).toMatchObject({ desiredCount: 0, runningCount: 0, pendingCount: 0 });
      expect(await world.services.tasksOf(world.service, signal)).toEqual([]);
    });

    it("without suspension automatic scaling raises a count of zero again", async () => {
      await world.services.suspendScaling(world.service, FREE, signal);
      await world.services.setDesiredCount(world.service, 0, signal);
      await until(async () => (await one(world.service)).desiredCount === 1, world.wait, 20);
    });

    it("a count gives as many tasks, up and down, also when it is set twice, and is no new deployment", async () => {
      const { taskDefinitionArn } = await one(world.service);
      for (const count of [3, 2]) {
        await world.services.setDesiredCount(world.service, count, signal);
        await world.services.setDesiredCount(world.service, count, signal);
        await until(running(count), world.wait);
        expect(await one(world.service)).toMatchObject({ desiredCount: count, taskDefinitionArn });
        expect(await world.services.tasksOf(world.service, signal)).toHaveLength(count);
      }
    });
    close();
  });
}
