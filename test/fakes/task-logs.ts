import type { TaskLogs } from "#shared/ports/task-logs.ts";
import { Answers } from "./answers.ts";

type Line = { readonly atMs: number; readonly line: string };

/** Log streams, in memory. */
export class FakeLogs extends Answers<keyof TaskLogs> implements TaskLogs {
  readonly #streams = new Map<string, readonly Line[]>();

  stream(logGroup: string, logStream: string, lines: readonly Line[]): void {
    this.#streams.set(JSON.stringify([logGroup, logStream]), lines);
  }

  recent(logGroup: string, logStream: string, most: number): ReturnType<TaskLogs["recent"]> {
    return this.answer("recent", () => {
      const lines = this.#streams.get(JSON.stringify([logGroup, logStream]));
      return lines === undefined ? null : most === 0 ? [] : lines.slice(-most);
    });
  }
}
