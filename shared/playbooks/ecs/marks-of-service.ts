import type { Workload } from "#shared/domain/workload.ts";
import type { Reach } from "#shared/playbooks/playbook.ts";

/**
 * The workload with the tags that its service has now, for a task that has ended: ECS shows it without them, or not at all. Null: no service
 * of it is there.
 */
export async function underServiceTags(workload: Workload, { cluster, access }: Reach, signal: AbortSignal): Promise<Workload | null> {
  if (workload.kind !== "task" || workload.service === null) return null;
  const service = await (await access.services(cluster)).describe(workload.service, signal);
  return service === null ? null : { ...workload, labels: service.tags };
}
