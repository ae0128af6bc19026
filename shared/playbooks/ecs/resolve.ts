import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { Resolution } from "#shared/domain/workload.ts";
import type { Clock } from "#shared/ports/clock.ts";
import type { Tasks } from "#shared/ports/tasks.ts";

export function resolveTask(
  _entry: QueueEntry,
  _cluster: Cluster,
  _tasks: Tasks,
  _clock: Clock,
  _signal: AbortSignal,
): Promise<Resolution> {
  return Promise.resolve({ kind: "unverified", because: "tasks are not looked for" });
}
