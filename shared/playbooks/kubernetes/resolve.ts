import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { Resolution } from "#shared/domain/workload.ts";
import type { Pods } from "#shared/ports/pods.ts";

export function resolvePod(_entry: QueueEntry, _cluster: Cluster, _pods: Pods, _signal: AbortSignal): Promise<Resolution> {
  return Promise.resolve({ kind: "unverified", because: "pods are not looked for" });
}
