import { afterAll, beforeAll, describe, expect } from "vitest";
import type { TaskLogs } from "#shared/ports/task-logs.ts";
import { cases, type Differences } from "./cases.ts";

/** A log group with a stream of the lines "line 0" to "line 4", a second apart from `fromMs` on, and a stream without lines. */
export interface TaskLogsWorld {
  readonly logs: TaskLogs;
  readonly group: string;
  readonly stream: string;
  readonly emptyStream: string;
  readonly fromMs: number;
  close(): Promise<void>;
}

const signal = new AbortController().signal;

export function taskLogsContract(name: string, open: () => Promise<TaskLogsWorld>, differences: Differences = {}): void {
  describe(`TaskLogs: ${name}`, () => {
    const { it, close } = cases(differences);
    let world: TaskLogsWorld;
    beforeAll(async () => {
      world = await open();
    }, 120_000);
    afterAll(() => world?.close());

    const lines = (...numbers: readonly number[]) => numbers.map((n) => ({ atMs: world.fromMs + n * 1_000, line: `line ${n}` }));

    it("the last lines of a stream come oldest first", async () => {
      expect(await world.logs.recent(world.group, world.stream, 3, signal)).toEqual(lines(2, 3, 4));
      expect(await world.logs.recent(world.group, world.stream, 100, signal)).toEqual(lines(0, 1, 2, 3, 4));
    });

    it("a stream without lines is empty, not absent", async () => {
      expect(await world.logs.recent(world.group, world.emptyStream, 3, signal)).toEqual([]);
    });

    it("no such stream and no such group are null", async () => {
      expect(await world.logs.recent(world.group, "nobody", 3, signal)).toBeNull();
      expect(await world.logs.recent("/nobody", world.stream, 3, signal)).toBeNull();
    });
    close();
  });
}
