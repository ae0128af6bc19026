import type { Cluster } from "#shared/domain/registry.ts";
import type { Owner, PodWorkload, TaskWorkload, Workload } from "#shared/domain/workload.ts";
import { whole } from "#shared/playbooks/kubernetes/facts.ts";
import { CRON_JOB, DAEMON_SET, JOB } from "#shared/playbooks/kubernetes/kinds.ts";
import { kindOfOwner } from "#shared/playbooks/kubernetes/owner.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";
import type { Kind, KubeObject } from "#shared/ports/kubernetes.ts";

/** How many of an owner's replicas serve now, and how many it wants; null: it does not say. */
export interface Replicas {
  readonly running: number;
  readonly desired: number | null;
}

/** Null: nobody owns it, so there are no others. `because`: why they cannot be counted. One read of the owner. Throws PipelineError. */
export async function replicasOf(
  workload: Workload,
  cluster: Cluster,
  access: Pick<ClusterAccess, "services" | "kubernetes">,
  signal: AbortSignal,
): Promise<Replicas | null | { readonly because: string }> {
  if (workload.kind === "task") return await ofService(workload, cluster, access, signal);
  return workload.kind === "pod" ? await ofController(workload, cluster, access, signal) : null;
}

async function ofService(
  { service }: TaskWorkload,
  cluster: Cluster,
  access: Pick<ClusterAccess, "services">,
  signal: AbortSignal,
): Promise<Replicas | null | { readonly because: string }> {
  if (service === null) return null;
  const facts = await (await access.services(cluster)).describe(service, signal);
  if (facts === null) return { because: "ECS does not know its service" };
  return { running: facts.runningCount, desired: facts.desiredCount };
}

async function ofController(
  { owner, namespace }: PodWorkload,
  cluster: Cluster,
  access: Pick<ClusterAccess, "kubernetes">,
  signal: AbortSignal,
): Promise<Replicas | null | { readonly because: string }> {
  if (owner === null) return null;
  const kind = kindOfOwner(owner);
  if (kind === null) return { because: `nobody here knows how many pods a ${owner.kind} has` };
  const found = await (await access.kubernetes(cluster)).get(kind, namespace, owner.name, signal);
  return found === null || !isSame(found, owner) ? { because: `its ${owner.kind} is gone` } : countsIn(kind, found);
}

const isSame = ({ metadata }: KubeObject, { uid }: Owner): boolean => uid === null || metadata.uid === uid;

/** https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/ : a count that is left out of a status is 0. */
function countsIn(kind: Kind, { spec = {}, status = {} }: KubeObject): Replicas {
  if (kind === DAEMON_SET) return { running: whole(status["numberReady"]) ?? 0, desired: whole(status["desiredNumberScheduled"]) };
  if (kind === JOB) return { running: whole(status["active"]) ?? 0, desired: whole(spec["parallelism"]) ?? 1 };
  if (kind === CRON_JOB) return { running: Array.isArray(status["active"]) ? status["active"].length : 0, desired: null };
  return { running: whole(status["readyReplicas"]) ?? 0, desired: whole(spec["replicas"]) ?? 1 };
}
