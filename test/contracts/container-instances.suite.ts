import { afterAll, beforeAll, describe, expect } from "vitest";
import type { ContainerInstances, InstanceFacts } from "#shared/ports/container-instances.ts";
import type { Tasks } from "#shared/ports/tasks.ts";
import { cases, type Differences, stranger, until } from "./cases.ts";

/** One ECS cluster with two connected container instances: on the first run a task of a service (100 to 200 percent) and a task of none. */
export interface ContainerInstancesWorld {
  readonly instances: ContainerInstances;
  readonly tasks: Pick<Tasks, "describe" | "listOnInstance">;
  readonly instance: { readonly arn: string; readonly ec2InstanceId: string };
  readonly other: string;
  readonly serviceTask: string;
  readonly standaloneTask: string;
  /** An instance that is still REGISTERING, and one whose agent is away. */
  readonly registering: string;
  readonly disconnected: string;
  wait(): Promise<void>;
  close(): Promise<void>;
}

const signal = new AbortController().signal;

export function containerInstancesContract(
  name: string,
  open: () => Promise<ContainerInstancesWorld>,
  differences: Differences = {},
): void {
  describe(`ContainerInstances: ${name}`, () => {
    const { it, close } = cases(differences);
    let world: ContainerInstancesWorld;
    beforeAll(async () => {
      world = await open();
    }, 120_000);
    afterAll(() => world?.close());

    const one = async (arn: string): Promise<InstanceFacts> => {
      const facts = await world.instances.describe(arn, signal);
      if (facts === null) throw new Error(`not described: ${arn}`);
      return facts;
    };
    const desiredOf = async (task: string) => (await world.tasks.describe([task], signal)).tasks[0]?.desiredStatus;

    it("an instance is described with its machine, its agent and its counts", async () => {
      const { arn, ec2InstanceId } = world.instance;
      expect(await one(arn)).toEqual({
        arn,
        ec2InstanceId,
        status: "ACTIVE",
        agentConnected: true,
        runningTasksCount: 2,
        pendingTasksCount: 0,
      });
    });

    it("an instance that ECS does not know is null", async () => {
      expect(await world.instances.describe(stranger(world.instance.arn), signal)).toBeNull();
    });

    it("the instances on which daemons run are listed with their machine, one that is still registering is not", async () => {
      const listed = await world.instances.list(signal);
      const { arn, ec2InstanceId } = world.instance;
      expect(listed).toContainEqual({ arn, machine: ec2InstanceId, agentConnected: true, registeredAtMs: expect.any(Number) });
      expect(listed.map((one) => one.arn)).toContain(world.other);
      expect(listed.map((one) => one.arn)).not.toContain(world.registering);
    });

    it("an agent that is away is told", async () => {
      expect((await one(world.disconnected)).agentConnected).toBe(false);
    });

    it("an unknown instance and one that is still registering cannot be drained", async () => {
      expect(await world.instances.setStatus(stranger(world.instance.arn), "DRAINING", signal)).toMatchObject({ kind: "refused" });
      expect(await world.instances.setStatus(world.registering, "DRAINING", signal)).toMatchObject({ kind: "refused" });
      expect((await one(world.registering)).status).toBe("REGISTERING");
    });

    it("a drained instance loses the task of the service, which is replaced elsewhere, and keeps the one of none", async () => {
      const { arn } = world.instance;
      expect(await world.instances.setStatus(arn, "DRAINING", signal)).toEqual({ kind: "set" });
      expect(await world.instances.setStatus(arn, "DRAINING", signal)).toEqual({ kind: "set" });
      expect((await one(arn)).status).toBe("DRAINING");
      await until(async () => (await desiredOf(world.serviceTask)) === "STOPPED", world.wait);
      await until(async () => (await one(world.other)).runningTasksCount === 1, world.wait);
      await until(async () => (await one(arn)).runningTasksCount === 1, world.wait);
      expect(await desiredOf(world.standaloneTask)).toBe("RUNNING");
    });

    it("an instance goes back to ACTIVE, also twice", async () => {
      const { arn } = world.instance;
      expect(await world.instances.setStatus(arn, "ACTIVE", signal)).toEqual({ kind: "set" });
      expect(await world.instances.setStatus(arn, "ACTIVE", signal)).toEqual({ kind: "set" });
      expect((await one(arn)).status).toBe("ACTIVE");
    });
    close();
  });
}
