import { afterAll, beforeAll, describe, expect } from "vitest";
import type { TaskFacts, Tasks } from "#shared/ports/tasks.ts";
import { cases, type Differences, stranger, until } from "./cases.ts";

/** One ECS cluster with a service of two tasks that bears the tag `team: shop`. */
export interface TasksWorld {
  readonly tasks: Tasks;
  readonly service: string;
  readonly taskArns: readonly string[];
  /** The EC2 machine under a container instance of the cluster, and that instance. */
  readonly instance: { readonly ec2InstanceId: string; readonly arn: string };
  /** Lets time pass. */
  wait(): Promise<void>;
  close(): Promise<void>;
}

const signal = new AbortController().signal;

export function tasksContract(name: string, open: () => Promise<TasksWorld>, differences: Differences = {}): void {
  describe(`Tasks: ${name}`, () => {
    const { it, close } = cases(differences);
    let world: TasksWorld;
    let first = "";
    beforeAll(async () => {
      world = await open();
      first = world.taskArns[0] ?? "";
    }, 120_000);
    afterAll(() => world?.close());

    const one = async (arn: string): Promise<TaskFacts> => {
      const [task] = (await world.tasks.describe([arn], signal)).tasks;
      if (task === undefined) throw new Error(`not described: ${arn}`);
      return task;
    };

    it("a running task is described with the ids of its containers", async () => {
      const task = await one(first);
      expect(task).toMatchObject({ taskArn: first, desiredStatus: "RUNNING", group: `service:${world.service}`, stoppedReason: null });
      expect(task.taskDefinitionArn).toMatch(/:task-definition\/[^:]+:\d+$/);
      expect(task.containers[0]?.runtimeId).toMatch(/^[0-9a-f]{64}$/);
    });

    it("what ECS does not know is missing, and its neighbours are described", async () => {
      const unknown = stranger(first);
      const { tasks, missing } = await world.tasks.describe([unknown, first], signal);
      expect(tasks.map(({ taskArn }) => taskArn)).toEqual([first]);
      expect(missing).toEqual([unknown]);
    });

    it("more tasks than one call takes are all asked for", async () => {
      const many = Array.from({ length: 130 }, (_, n) => stranger(first, n));
      const { tasks, missing } = await world.tasks.describe([...many, ...world.taskArns], signal);
      expect(missing).toHaveLength(130);
      expect(tasks.map(({ taskArn }) => taskArn).sort()).toEqual([...world.taskArns].sort());
    });

    it("the tags of a service are read, and an unknown service is an error", async () => {
      expect(await world.tasks.serviceTags(world.service, signal)).toEqual({ team: "shop" });
      await expect(world.tasks.serviceTags("nobody", signal)).rejects.toThrow();
    });

    it("a container instance is found by its machine", async () => {
      expect(await world.tasks.instanceByEc2Id(world.instance.ec2InstanceId, signal)).toBe(world.instance.arn);
      expect(await world.tasks.instanceByEc2Id("i-00000000000000000", signal)).toBeNull();
    });

    it("a stopped task is accepted, accepted again, STOPPED in time, still on its instance, and replaced", async () => {
      const { containerInstanceArn } = await one(first);
      if (containerInstanceArn === null) throw new Error("no container instance");
      expect(await world.tasks.listOnInstance(containerInstanceArn, signal)).toContain(first);
      expect(await world.tasks.stop(first, "falco-responder: a test", signal)).toBe("accepted");
      expect((await one(first)).desiredStatus).toBe("STOPPED");
      expect(await world.tasks.stop(first, "falco-responder: a test", signal)).toBe("accepted");
      await until(async () => (await one(first)).lastStatus === "STOPPED", world.wait);
      expect((await one(first)).stoppedReason).toBe("falco-responder: a test");
      expect(await world.tasks.listOnInstance(containerInstanceArn, signal)).toContain(first);
      for (const other of world.taskArns.slice(1)) expect((await one(other)).desiredStatus).toBe("RUNNING");
    });

    it("a task that ECS does not know is gone", async () => {
      expect(await world.tasks.stop(stranger(first), "falco-responder: a test", signal)).toBe("gone");
    });
    close();
  });
}
