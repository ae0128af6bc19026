import type { Owner } from "#shared/domain/workload.ts";
import { controllerOf, type PodFacts, podFacts, whole } from "#shared/playbooks/kubernetes/facts.ts";
import { podsOf, titleOf } from "#shared/playbooks/kubernetes/family.ts";
import { DAEMON_SET, DEPLOYMENT, JOB, POD, REPLICA_SET, STATEFUL_SET } from "#shared/playbooks/kubernetes/kinds.ts";
import { kindOfOwner } from "#shared/playbooks/kubernetes/owner.ts";
import type { Needs, Params } from "#shared/playbooks/playbook.ts";
import { many } from "#shared/playbooks/words.ts";
import type { Kind, KubeObject, KubernetesApi } from "#shared/ports/kubernetes.ts";

/** To count the healthy pods of any owner. */
export const healthyNeeds: Needs["rbac"] = [
  { apiGroups: ["apps"], resources: ["replicasets", "deployments", "statefulsets", "daemonsets"], verbs: ["get"] },
  { apiGroups: ["batch"], resources: ["jobs"], verbs: ["get"] },
  { apiGroups: [""], resources: ["pods"], verbs: ["list"] },
];

/** Falco Talon's name. */
export const MIN_HEALTHY = "min_healthy_replicas";
const NEXT_BEST = "next best: more replicas first, or kubernetes:networkpolicy";

/** How many healthy pods must remain: so many, or so many percent of those that are wanted. */
export interface Floor {
  readonly value: number;
  readonly percent: boolean;
}

/** "3", 3 or "33%"; null: no floor; or why not. */
export function floorIn(params: Params): Floor | null | { readonly because: string } {
  const given = params[MIN_HEALTHY];
  if (given === undefined) return null;
  const [, digits, sign] = /^(\d{1,6})(%?)$/.exec(typeof given === "number" ? String(given) : typeof given === "string" ? given : "") ?? [];
  const value = Number(digits);
  if (digits === undefined || (sign === "%" && value > 100))
    return { because: `${MIN_HEALTHY} must be a whole number such as 3, or a percentage such as 33%` };
  return { value, percent: sign === "%" };
}

/** Why the pod must stay; null: enough others of its owner are healthy without it. Reads the pods that are there now. */
export async function tooFew(pod: PodFacts, floor: Floor, api: KubernetesApi, signal: AbortSignal): Promise<string | null> {
  const replicas = await replicasOf(pod, api, signal);
  const set = `${MIN_HEALTHY} is ${floor.value}${floor.percent ? "%" : ""}`;
  if ("because" in replicas) return `${set}, and ${replicas.because}; ${NEXT_BEST}`;
  const { of, pods, desired } = replicas;
  if (floor.percent && desired === null)
    return `${set}, and nobody here knows how many pods ${of} wants: give it as a number; ${NEXT_BEST}`;
  // Binary fractions would make 7.000000000000001 of 7% of 100.
  const needed = floor.percent ? Math.ceil((floor.value * (desired ?? 0)) / 100) : floor.value;
  const healthy = pods.filter(({ uid, ready, deletionTimestamp }) => uid !== pod.uid && ready && deletionTimestamp === null).length;
  if (healthy >= needed) return null;
  const share = floor.percent ? ` of ${desired} wanted, which is ${needed}` : "";
  return `${set}${share}, and ${many(healthy, "healthy pod")} of ${of} would remain; ${NEXT_BEST}`;
}

interface Replicas {
  readonly of: string;
  readonly pods: readonly PodFacts[];
  /** Null: not known. */
  readonly desired: number | null;
}

/** The pods among which this one counts: those of the Deployment above its ReplicaSet, or of its controller. */
async function replicasOf(pod: PodFacts, api: KubernetesApi, signal: AbortSignal): Promise<Replicas | { readonly because: string }> {
  const { controller, namespace } = pod;
  if (controller === null) return { of: "no controller", pods: [], desired: 1 };
  const kind = kindOfOwner(controller);
  if (kind === null) return { of: titleOf(controller), pods: await underOf(controller, namespace, api, signal), desired: null };
  const made = await ownerNow(kind, controller, namespace, api, signal);
  const above = made === null || kind !== REPLICA_SET ? null : controllerOf(made);
  if (made === null || above === null) return await counted(kind, controller, made, api, signal);
  if (kindOfOwner(above) !== DEPLOYMENT) return { of: titleOf(above), pods: await podsOf(kind, made, api, signal), desired: null };
  return await counted(DEPLOYMENT, above, await ownerNow(DEPLOYMENT, above, namespace, api, signal), api, signal);
}

async function counted(
  kind: Kind,
  owner: Owner,
  found: KubeObject | null,
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<Replicas | { readonly because: string }> {
  if (found === null) return { because: `${titleOf(owner)} is gone: how many pods it wants is not known` };
  return { of: titleOf(owner), pods: await podsOf(kind, found, api, signal), desired: desiredOf(kind, found) };
}

async function ownerNow(kind: Kind, { name, uid }: Owner, namespace: string, api: KubernetesApi, signal: AbortSignal) {
  const found = await api.get(kind, namespace, name, signal);
  return found?.metadata.uid === uid ? found : null;
}

/** Of a controller whose selector nobody here knows: by its uid alone. */
async function underOf({ uid }: Owner, namespace: string, api: KubernetesApi, signal: AbortSignal): Promise<readonly PodFacts[]> {
  return ((await api.list(POD, { namespace }, signal)) ?? []).map(podFacts).filter(({ controller }) => controller?.uid === uid);
}

/** The server fills the counts of specs in; one that is left out there means 1. */
function desiredOf(kind: Kind, { spec = {}, status = {} }: KubeObject): number | null {
  if (kind === DAEMON_SET) return whole(status["desiredNumberScheduled"]);
  if (kind === JOB) return whole(spec["parallelism"]) ?? 1;
  return kind === DEPLOYMENT || kind === STATEFUL_SET || kind === REPLICA_SET ? (whole(spec["replicas"]) ?? 1) : null;
}
