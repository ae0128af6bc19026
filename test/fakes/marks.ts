import type { TaskMarks } from "#shared/ports/task-marks.ts";
import { Answers } from "./answers.ts";
import type { FakeEcs } from "./tasks.ts";

/** Protection and tags of the tasks of a fake cluster. */
export class FakeMarks extends Answers<keyof TaskMarks> implements TaskMarks {
  readonly #ecs: FakeEcs;
  /** Why ECS refuses every change of a protection; null: it does not. */
  refuses: string | null = null;

  constructor(ecs: FakeEcs) {
    super();
    this.#ecs = ecs;
  }

  protection(taskArn: string): ReturnType<TaskMarks["protection"]> {
    return this.answer("protection", () =>
      this.#ofService(taskArn) ? { untilMs: this.#ecs.isProtected(taskArn) ? (this.#ecs.protections.get(taskArn) ?? null) : null } : null,
    );
  }

  protect(taskArn: string, minutes: number | null): ReturnType<TaskMarks["protect"]> {
    return this.answer("protect", () => {
      if (this.refuses !== null) return { kind: "refused", because: this.refuses };
      const ending = this.#ecs.task(taskArn)?.desiredStatus === "STOPPED";
      if (ending || !this.#ofService(taskArn)) return { kind: "refused", because: "TASK_NOT_VALID" };
      if (minutes === null) this.#ecs.protections.delete(taskArn);
      else this.#ecs.protections.set(taskArn, this.#ecs.nowMs() + minutes * 60_000);
      return { kind: "set", untilMs: this.#ecs.protections.get(taskArn) ?? null };
    });
  }

  tag(taskArn: string, key: string, value: string): Promise<"tagged" | "gone"> {
    return this.answer("tag", () => (this.#retag(taskArn, (tags) => ({ ...tags, [key]: value })) ? "tagged" : "gone"));
  }

  untag(taskArn: string, key: string): Promise<"untagged" | "gone"> {
    return this.answer("untag", () => {
      const without = (tags: Readonly<Record<string, string>>) => Object.fromEntries(Object.entries(tags).filter(([name]) => name !== key));
      return this.#retag(taskArn, without) ? "untagged" : "gone";
    });
  }

  #ofService(taskArn: string): boolean {
    const task = this.#ecs.task(taskArn);
    return task !== undefined && task.lastStatus !== "STOPPED" && (task.group?.startsWith("service:") ?? false);
  }

  #retag(taskArn: string, change: (tags: Readonly<Record<string, string>>) => Readonly<Record<string, string>>): boolean {
    const task = this.#ecs.task(taskArn);
    if (task === undefined || task.lastStatus === "STOPPED") return false;
    this.#ecs.change(taskArn, { tags: change(task.tags) });
    return true;
  }
}
