import { afterAll, beforeAll, describe, expect } from "vitest";
import type { TaskMarks } from "#shared/ports/task-marks.ts";
import type { Tasks } from "#shared/ports/tasks.ts";
import { cases, type Differences, stranger, until } from "./cases.ts";

/** One ECS cluster with two running tasks without tags: one of a service, one of none. */
export interface TaskMarksWorld {
  readonly marks: TaskMarks;
  readonly tasks: Pick<Tasks, "describe" | "stop">;
  readonly serviceTask: string;
  readonly standaloneTask: string;
  /** The world's time, ms since the epoch. */
  nowMs(): number;
  wait(): Promise<void>;
  close(): Promise<void>;
}

const signal = new AbortController().signal;
const MINUTE = 60_000;

export function taskMarksContract(name: string, open: () => Promise<TaskMarksWorld>, differences: Differences = {}): void {
  describe(`TaskMarks: ${name}`, () => {
    const { it, close } = cases(differences);
    let world: TaskMarksWorld;
    beforeAll(async () => {
      world = await open();
    }, 120_000);
    afterAll(() => world?.close());

    const tagsOf = async (task: string) => (await world.tasks.describe([task], signal)).tasks[0]?.tags;
    const near = (ms: number) => ({ asymmetricMatch: (seen: unknown) => typeof seen === "number" && Math.abs(seen - ms) < MINUTE / 2 });

    it("a task of a service is protected for the minutes asked, anew each time, and no longer when it is taken off", async () => {
      const { marks, serviceTask } = world;
      expect(await marks.protection(serviceTask, signal)).toEqual({ untilMs: null });
      expect(await marks.protect(serviceTask, 5, signal)).toEqual({ kind: "set", untilMs: near(world.nowMs() + 5 * MINUTE) });
      expect(await marks.protect(serviceTask, 2_880, signal)).toEqual({ kind: "set", untilMs: near(world.nowMs() + 2_880 * MINUTE) });
      expect(await marks.protection(serviceTask, signal)).toEqual({ untilMs: near(world.nowMs() + 2_880 * MINUTE) });
      expect(await marks.protect(serviceTask, null, signal)).toEqual({ kind: "set", untilMs: null });
      expect(await marks.protection(serviceTask, signal)).toEqual({ untilMs: null });
    });

    it("a task of no service cannot be protected", async () => {
      expect(await world.marks.protect(world.standaloneTask, 5, signal)).toMatchObject({ kind: "refused" });
      expect(await world.marks.protection(world.standaloneTask, signal)).toBeNull();
    });

    it("a task that ECS does not know cannot be protected", async () => {
      expect(await world.marks.protect(stranger(world.serviceTask), 5, signal)).toMatchObject({ kind: "refused" });
      expect(await world.marks.protection(stranger(world.serviceTask), signal)).toBeNull();
    });

    it("a tag is put on a task, replaced, and taken off, also when it is not there", async () => {
      const { marks, standaloneTask: task } = world;
      expect(await marks.tag(task, "falco-responder/incident", "one", signal)).toBe("tagged");
      expect(await marks.tag(task, "owner", "shop", signal)).toBe("tagged");
      expect(await marks.tag(task, "falco-responder/incident", "two", signal)).toBe("tagged");
      expect(await tagsOf(task)).toEqual({ "falco-responder/incident": "two", owner: "shop" });
      expect(await marks.untag(task, "falco-responder/incident", signal)).toBe("untagged");
      expect(await marks.untag(task, "falco-responder/incident", signal)).toBe("untagged");
      expect(await tagsOf(task)).toEqual({ owner: "shop" });
    });

    it("a task that ECS does not know takes no tag", async () => {
      expect(await world.marks.tag(stranger(world.serviceTask), "owner", "shop", signal)).toBe("gone");
      expect(await world.marks.untag(stranger(world.serviceTask), "owner", signal)).toBe("gone");
    });

    it("the tags of a task die with it, and a stopped task takes no new ones", async () => {
      const { marks, tasks, standaloneTask: task } = world;
      await marks.tag(task, "owner", "shop", signal);
      await tasks.stop(task, "falco-responder: a test", signal);
      await until(async () => (await tasks.describe([task], signal)).tasks[0]?.lastStatus === "STOPPED", world.wait);
      expect(await tagsOf(task)).toEqual({});
      expect(await marks.tag(task, "owner", "shop", signal)).toBe("gone");
    });

    it("a task that was told to stop can no longer be protected", async () => {
      const { marks, tasks, serviceTask } = world;
      await tasks.stop(serviceTask, "falco-responder: a test", signal);
      expect(await marks.protect(serviceTask, 5, signal)).toMatchObject({ kind: "refused" });
    });
    close();
  });
}
