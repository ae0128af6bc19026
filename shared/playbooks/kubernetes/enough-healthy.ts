import type { Owner } from "#shared/domain/workload.ts";
import { controllerOf, type PodFacts, podFacts, whole } from "#shared/playbooks/kubernetes/facts.ts";
import { DEPLOYMENT, POD, REPLICA_SET, STATEFUL_SET } from "#shared/playbooks/kubernetes/kinds.ts";
import type { Needs, Params } from "#shared/playbooks/playbook.ts";
import type { Kind, KubeObject, KubernetesApi } from "#shared/ports/kubernetes.ts";

const KEY = "min_healthy_replicas";

export const enoughHealthyNeeds: Needs["rbac"] = [
  { apiGroups: ["apps"], resources: ["deployments", "statefulsets"], verbs: ["get"] },
  { apiGroups: ["apps"], resources: ["replicasets"], verbs: ["get", "list"] },
  { apiGroups: [""], resources: ["pods"], verbs: ["list"] },
];

/** "2" or "33%": Falco Talon's parameter. A share is of the replicas that the owner wants, rounded up. */
export interface MinHealthy {
  readonly value: number;
  readonly percent: boolean;
}

/** Null: not given; a text: why not. */
export function minHealthyIn(params: Params): MinHealthy | null | string {
  const given = params[KEY];
  if (given === undefined) return null;
  const found = /^(\d{1,5})(%?)$/.exec(String(given));
  const value = Number(found?.[1]);
  const percent = found?.[2] === "%";
  if (found === null || (percent && value > 100)) return `${KEY} must be a number of replicas, such as 2, or a share, such as 33%`;
  return { value, percent };
}

/** How many more ready pods an owner may lose. A pod that is not ready costs nothing. */
export interface Health {
  readonly title: string;
  spare: number;
}

/**
 * Of the Deployment behind a ReplicaSet, all its ReplicaSets together; of a StatefulSet. Null: what makes the pod cannot be counted.
 * Ready pods that are not being deleted count, read from the pods themselves: the owner's status lags.
 */
export async function healthOf(
  controller: Owner,
  namespace: string,
  min: MinHealthy,
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<Health | null> {
  const owner = await countable(controller, namespace, api, signal);
  if (owner === null) return null;
  const wanted = whole(owner.object.spec?.["replicas"]) ?? 1;
  const sets =
    owner.kind === DEPLOYMENT
      ? ((await api.list(REPLICA_SET, { namespace }, signal)) ?? []).filter((set) => controllerOf(set)?.uid === owner.object.metadata.uid)
      : [owner.object];
  const makers = sets.map(({ metadata }) => metadata.uid);
  const pods = ((await api.list(POD, { namespace }, signal)) ?? []).map(podFacts);
  const healthy = pods.filter((pod) => isHealthy(pod) && makers.includes(pod.controller?.uid ?? "")).length;
  const least = min.percent ? Math.ceil((wanted * min.value) / 100) : min.value;
  return { title: `${owner.kind.kind}/${owner.object.metadata.name}`, spare: healthy - least };
}

export const isHealthy = ({ ready, deletionTimestamp }: PodFacts): boolean => ready && deletionTimestamp === null;

async function countable(
  controller: Owner,
  namespace: string,
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<{ readonly kind: Kind; readonly object: KubeObject } | null> {
  const read = async ({ kind, apiVersion, name, uid }: Owner, known: Kind): Promise<KubeObject | null> => {
    if (kind !== known.kind || apiVersion !== `${known.group}/${known.version}`) return null;
    const found = await api.get(known, namespace, name, signal);
    return found?.metadata.uid === uid ? found : null;
  };
  const stateful = await read(controller, STATEFUL_SET);
  if (stateful !== null) return { kind: STATEFUL_SET, object: stateful };
  const set = await read(controller, REPLICA_SET);
  if (set === null) return null;
  const above = controllerOf(set);
  const deployment = above === null ? null : await read(above, DEPLOYMENT);
  return deployment === null ? { kind: REPLICA_SET, object: set } : { kind: DEPLOYMENT, object: deployment };
}
