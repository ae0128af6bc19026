import { type PodFacts, podFacts, whole } from "#shared/playbooks/kubernetes/facts.ts";
import { CRON_JOB, DAEMON_SET, DEPLOYMENT, JOB, POD, REPLICA_SET } from "#shared/playbooks/kubernetes/kinds.ts";
import { type Hop, kindOfOwner, ownersOf } from "#shared/playbooks/kubernetes/owner.ts";
import type { Params } from "#shared/playbooks/playbook.ts";
import type { KubeObject, KubernetesApi } from "#shared/ports/kubernetes.ts";

/** "3": so many; "33%": of what the owner wants, rounded up. Falco Talon's name. */
export const MIN_HEALTHY = "min_healthy_replicas";

export interface Floor {
  readonly count: number;
  readonly percent: boolean;
}

/** Null: no floor is asked for; or why it is none. */
export function floorIn(params: Params): Floor | null | string {
  const given = params[MIN_HEALTHY];
  if (given === undefined) return null;
  const found = /^(\d{1,5})(%?)$/.exec(String(given));
  const count = Number(found?.[1]);
  const percent = found?.[2] === "%";
  if (found === null || (percent && count > 100)) return `${MIN_HEALTHY} must be a number such as 2, or a percentage such as 33%`;
  return { count, percent };
}

/** What an owner has left without the offender. */
export interface Standing {
  /** Ready pods that do not terminate, the offender not among them. */
  readonly healthy: number;
  /** What the owner wants: replicas, nodes of a DaemonSet, parallelism of a Job. */
  readonly desired: number;
}

export const healthyNeeds = [
  { apiGroups: ["apps"], resources: ["daemonsets", "deployments", "replicasets", "statefulsets"], verbs: ["get"] },
  { apiGroups: ["apps"], resources: ["replicasets"], verbs: ["list"] },
  { apiGroups: ["batch"], resources: ["cronjobs", "jobs"], verbs: ["get"] },
  { apiGroups: [""], resources: ["pods"], verbs: ["list"] },
] as const;

/** Why the floor forbids to end this pod now, with the numbers; null: it does not. What cannot be counted is refused: nobody asked for a guess. */
export async function belowFloor(floor: Floor, pod: PodFacts, api: KubernetesApi, signal: AbortSignal): Promise<string | null> {
  const standing = await standingOf(pod, api, signal);
  if (typeof standing === "string") return `${MIN_HEALTHY} is set, and ${standing}`;
  const { healthy, desired } = standing;
  const wanted = floor.percent ? Math.ceil((desired * floor.count) / 100) : floor.count;
  if (healthy >= wanted) return null;
  const of = floor.percent ? `${wanted} (${floor.count}% of ${desired})` : String(wanted);
  return `${healthy} healthy replicas would be left without it, and ${MIN_HEALTHY} wants ${of}`;
}

/** Counted over all of the owner's pods, those of a Deployment's older ReplicaSets too. */
async function standingOf(pod: PodFacts, api: KubernetesApi, signal: AbortSignal): Promise<Standing | string> {
  if (pod.controller === null) return { healthy: 0, desired: 1 };
  const hops = await ownersOf(pod.controller, pod.namespace, api, signal);
  const counted = hops.findLast(({ owner, object }) => object !== null && kindOfOwner(owner) !== CRON_JOB);
  const [direct] = hops;
  if (direct === undefined || counted?.object == null) return `its controller (${direct?.owner.kind ?? "none"}) cannot be counted`;
  const uids = await controllersUnder(counted, pod.namespace, api, signal);
  const pods = ((await api.list(POD, { namespace: pod.namespace }, signal)) ?? []).map(podFacts);
  const siblings = pods.filter(({ uid, controller }) => uid !== pod.uid && controller?.uid != null && uids.has(controller.uid));
  return {
    healthy: siblings.filter(({ ready, phase, deletionTimestamp }) => ready && phase === "Running" && deletionTimestamp === null).length,
    desired: desiredOf(counted.object, counted),
  };
}

/** Uids of what makes the owner's pods: itself, or a Deployment's ReplicaSets. */
async function controllersUnder(
  { owner, object }: Hop,
  namespace: string,
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const uid = object?.metadata.uid ?? "";
  if (kindOfOwner(owner) !== DEPLOYMENT) return new Set([uid]);
  const sets = (await api.list(REPLICA_SET, { namespace }, signal)) ?? [];
  return new Set(
    sets.filter(({ metadata }) => metadata.ownerReferences?.some((one) => one.uid === uid)).map(({ metadata }) => metadata.uid),
  );
}

/** Kubernetes' own presets are 1. */
function desiredOf({ spec, status }: KubeObject, { owner }: Hop): number {
  const kind = kindOfOwner(owner);
  if (kind === DAEMON_SET) return whole(status?.["desiredNumberScheduled"]) ?? 1;
  if (kind === JOB) return whole(spec?.["parallelism"]) ?? 1;
  return whole(spec?.["replicas"]) ?? 1;
}
