import type { PodWorkload } from "#shared/domain/workload.ts";
import { isMirror, list, type PodFacts, podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { POD, POD_DISRUPTION_BUDGET } from "#shared/playbooks/kubernetes/kinds.ts";
import { selects } from "#shared/playbooks/kubernetes/selectors.ts";
import type { Params, Reach } from "#shared/playbooks/playbook.ts";
import { few } from "#shared/playbooks/words.ts";
import type { KubeObject, KubernetesApi } from "#shared/ports/kubernetes.ts";

/** Why a pod of the node is not evicted, in the order in which they are told. */
const STAYS = {
  daemon: "of DaemonSets",
  mirror: "static",
  ended: "ended already",
  protected: "protected",
  excluded: "in excluded namespaces",
  stateful: "of StatefulSets",
  alone: "that no controller would make again",
} as const;

export interface Resident {
  readonly pod: PodFacts;
  /** Null: it is to go. */
  readonly stays: keyof typeof STAYS | null;
  readonly offender: boolean;
  readonly losesFiles: boolean;
}

export const residentName = ({ pod }: Pick<Resident, "pod">): string => `${pod.namespace}/${pod.name}`;
export const namesOf = (residents: readonly Pick<Resident, "pod">[]): string => few(residents.map(residentName));
export const isGoing = ({ pod }: Resident): boolean => pod.deletionTimestamp !== null;

/** Every pod of the node, and who of them stays there. */
export async function podsOn(
  node: string,
  offender: string,
  params: Params,
  reach: Reach,
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<readonly Resident[]> {
  const found = (await api.list(POD, { fields: `spec.nodeName=${node}` }, signal)) ?? [];
  return found.map((object) => {
    const pod = podFacts(object);
    return {
      pod,
      stays: staysOf(pod, params, reach),
      offender: pod.uid === offender,
      losesFiles: list(object.spec?.["volumes"]).some((volume) => Object.hasOwn(volume, "emptyDir")),
    };
  });
}

/** https://kubernetes.io/docs/tasks/administer-cluster/safely-drain-node/ */
function staysOf(pod: PodFacts, params: Params, reach: Reach): Resident["stays"] {
  if (isMirror(pod)) return "mirror";
  if (pod.controller?.kind === "DaemonSet") return "daemon";
  if (pod.phase === "Succeeded" || pod.phase === "Failed") return "ended";
  if (reach.protection(asWorkload(pod, reach)) !== null) return "protected";
  if (namespacesIn(params, "excluded_namespaces").includes(pod.namespace)) return "excluded";
  if (params["ignore_statefulsets"] === true && pod.controller?.kind === "StatefulSet") return "stateful";
  return pod.controller === null ? "alone" : null;
}

export const namespacesIn = (params: Params, key: string): readonly string[] => {
  const given = params[key];
  return Array.isArray(given) ? (given as readonly string[]) : [];
};

/** As far as protection asks about it. */
function asWorkload(pod: PodFacts, { cluster }: Reach): PodWorkload {
  const [container] = pod.containers;
  return {
    kind: "pod",
    cluster: cluster.name,
    uid: pod.uid,
    owner: pod.controller,
    container: { name: container?.name ?? "", id: container?.id ?? "", image: container?.image ?? null },
    labels: pod.labels,
    namespace: pod.namespace,
    name: pod.name,
    node: pod.node,
    phase: pod.phase,
    annotations: pod.annotations,
    serviceAccount: pod.serviceAccount,
    priorityClass: pod.priorityClass,
    hostNetwork: pod.hostNetwork,
    mirror: isMirror(pod),
    deleting: pod.deletionTimestamp !== null,
  };
}

/** "3 of DaemonSets, 1 protected (shop/db)": names where somebody may have to do something about them. */
export function stayingIn(residents: readonly Resident[]): string | null {
  const parts = Object.entries(STAYS).flatMap(([why, says]) => {
    const those = residents.filter(({ stays }) => stays === why);
    if (those.length === 0) return [];
    return [`${those.length} ${says}${why === "daemon" || why === "ended" ? "" : ` (${namesOf(those)})`}`];
  });
  return parts.length === 0 ? null : parts.join(", ");
}

/** Budgets that allow no eviction of these now, by "namespace/name". */
export async function closedBudgets(residents: readonly Resident[], api: KubernetesApi, signal: AbortSignal): Promise<readonly string[]> {
  const closed: string[] = [];
  for (const namespace of new Set(residents.map(({ pod }) => pod.namespace)))
    for (const budget of (await api.list(POD_DISRUPTION_BUDGET, { namespace }, signal)) ?? [])
      if (isClosed(budget) && residents.some(({ pod }) => pod.namespace === namespace && selectedBy(budget, pod)))
        closed.push(`${namespace}/${budget.metadata.name}`);
  return closed;
}

const isClosed = ({ status }: KubeObject): boolean => Number(status?.["disruptionsAllowed"] ?? 0) < 1;
const selectedBy = ({ spec }: KubeObject, { labels }: PodFacts): boolean =>
  typeof spec?.["selector"] === "object" && spec["selector"] !== null && selects(spec["selector"], labels);
