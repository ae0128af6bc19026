import type { ActionName } from "#shared/domain/action.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { TaskWorkload, Workload } from "#shared/domain/workload.ts";
import { type Params, type Plan, type Reach, unknownParam } from "#shared/playbooks/playbook.ts";
import type { TaskFacts } from "#shared/ports/tasks.ts";

/** The workload as a task, or why the playbook can plan nothing: another kind of target, or a parameter that it does not know. */
export function aimAtTask(
  name: ActionName,
  does: string,
  workload: Workload,
  params: Params,
  known: readonly string[],
): TaskWorkload | string {
  if (workload.kind !== "task") return `${name} ${does}, and the target is a ${workload.kind}`;
  const strange = unknownParam(params, known);
  return strange === null ? workload : `${name}: ${strange}`;
}

/** The task of a plan of this playbook. A plan of another one is a bug. */
export function taskOf({ action, workload }: Plan, name: ActionName): TaskWorkload {
  if (workload.kind !== "task") throw new Error(`a plan of ${name} holds a ${workload.kind}`);
  if (action !== name) throw new Error(`${name} was given a plan of ${action}`);
  return workload;
}

/** The task as ECS describes it now; null: ECS says that it does not know it. Throws when ECS says nothing about it: that proves nothing. */
export async function taskNow(taskArn: string, { cluster, access }: Reach, signal: AbortSignal): Promise<TaskFacts | null> {
  const { tasks, missing } = await (await access.tasks(cluster)).describe([taskArn], signal);
  const task = tasks.find((found) => found.taskArn === taskArn);
  if (task !== undefined) return task;
  if (missing.includes(taskArn)) return null;
  throw new PipelineError("aws_unreachable", "ECS answered without a word about the task");
}
