import type { ActionName } from "#shared/domain/action.ts";
import { AUDIT } from "#shared/domain/alert.ts";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { Resolution, Workload } from "#shared/domain/workload.ts";
import { invokeLambda } from "#shared/playbooks/aws/invoke-lambda.ts";
import { drainInstance } from "#shared/playbooks/ecs/drain-instance.ts";
import { isolateInstance } from "#shared/playbooks/ecs/isolate-instance.ts";
import { isolateTask } from "#shared/playbooks/ecs/isolate-task.ts";
import { protectTask } from "#shared/playbooks/ecs/protect-task.ts";
import { lookAtTask, resolveTask } from "#shared/playbooks/ecs/resolve.ts";
import { revokeRoleSessions } from "#shared/playbooks/ecs/revoke-role-sessions.ts";
import { scaleServiceToZero } from "#shared/playbooks/ecs/scale-service.ts";
import { stopTask } from "#shared/playbooks/ecs/stop-task.ts";
import { tagTask } from "#shared/playbooks/ecs/tag-task.ts";
import { annotation } from "#shared/playbooks/kubernetes/annotation.ts";
import { calicoNetworkPolicy } from "#shared/playbooks/kubernetes/calico-network-policy.ts";
import { ciliumNetworkPolicy } from "#shared/playbooks/kubernetes/cilium-network-policy.ts";
import { cordon } from "#shared/playbooks/kubernetes/cordon.ts";
import { deleteObject } from "#shared/playbooks/kubernetes/delete.ts";
import { drain } from "#shared/playbooks/kubernetes/drain.ts";
import { evict } from "#shared/playbooks/kubernetes/evict.ts";
import { label } from "#shared/playbooks/kubernetes/label.ts";
import { keepLog } from "#shared/playbooks/kubernetes/log.ts";
import { networkPolicy } from "#shared/playbooks/kubernetes/network-policy.ts";
import { quarantine } from "#shared/playbooks/kubernetes/quarantine.ts";
import { lookAtPod, resolvePod } from "#shared/playbooks/kubernetes/resolve.ts";
import { lookAtObject, resolveObject } from "#shared/playbooks/kubernetes/resolve-object.ts";
import { revokeTokens } from "#shared/playbooks/kubernetes/revoke-tokens.ts";
import { scaleToZero } from "#shared/playbooks/kubernetes/scale-to-zero.ts";
import { suspend } from "#shared/playbooks/kubernetes/suspend.ts";
import { terminate } from "#shared/playbooks/kubernetes/terminate.ts";
import type { Playbook } from "#shared/playbooks/playbook.ts";
import type { Clock } from "#shared/ports/clock.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";

/** Every response action by its name in the policy. */
export const playbooks: Readonly<Record<ActionName, Playbook>> = {
  "ecs:tag-task": tagTask,
  "ecs:protect-task": protectTask,
  "aws:invoke-lambda": invokeLambda,
  "ecs:isolate-task": isolateTask,
  "ecs:revoke-role-sessions": revokeRoleSessions,
  "ecs:scale-service-to-zero": scaleServiceToZero,
  "ecs:stop-task": stopTask,
  "kubernetes:terminate": terminate,
  "kubernetes:log": keepLog,
  "kubernetes:label": label,
  "kubernetes:annotation": annotation,
  "kubernetes:cordon": cordon,
  "calico:networkpolicy": calicoNetworkPolicy,
  "cilium:networkpolicy": ciliumNetworkPolicy,
  "kubernetes:networkpolicy": networkPolicy,
  "kubernetes:quarantine": quarantine,
  "kubernetes:revoke-tokens": revokeTokens,
  "kubernetes:scale-to-zero": scaleToZero,
  "kubernetes:suspend": suspend,
  "kubernetes:evict": evict,
  "kubernetes:delete": deleteObject,
  "kubernetes:drain": drain,
  "ecs:drain-instance": drainInstance,
  "ecs:isolate-instance": isolateInstance,
};

/** The workload as it is now, if it is still the same one with the same container; whatever else is said with its reason. */
export async function look(former: Workload, cluster: Cluster, access: ClusterAccess, signal: AbortSignal): Promise<Resolution> {
  if (former.kind === "task") return await lookAtTask(former, cluster, await access.tasks(cluster), signal);
  if (former.kind === "pod") return await lookAtPod(former, cluster, await access.kubernetes(cluster), signal);
  return await lookAtObject(former, cluster, await access.kubernetes(cluster), signal);
}

/**
 * Whom the alert accuses, as the control plane of its cluster describes it. Only `found` may be acted on; any doubt is `unverified`.
 * `known`: the ECS task that the same claims led to before, asked about first. Throws PipelineError when the control plane cannot be asked.
 */
export async function resolve(
  entry: QueueEntry,
  cluster: Cluster,
  access: ClusterAccess,
  clock: Clock,
  signal: AbortSignal,
  known: string | null = null,
): Promise<Resolution> {
  const { alert } = entry;
  if (entry.cluster !== cluster.name)
    return { kind: "unverified", because: `the alert speaks for cluster ${entry.cluster ?? "(none)"}, not for ${cluster.name}` };
  if (alert.onHost) return { kind: "unverified", because: "the process runs on the host, outside any container" };
  if (alert.internal) return { kind: "unverified", because: "Falco speaks of itself" };
  if (cluster.kind !== "ecs" && alert.source === AUDIT)
    return await resolveObject(entry, cluster, await access.kubernetes(cluster), signal);
  if (alert.containerId === null) return { kind: "unverified", because: "the alert names no container id" };
  return cluster.kind === "ecs"
    ? resolveTask(entry, cluster, await access.tasks(cluster), clock, signal, known)
    : resolvePod(entry, cluster, await access.kubernetes(cluster), clock, signal);
}
