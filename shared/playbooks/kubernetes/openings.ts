import type { Enforcer } from "#shared/playbooks/kubernetes/cni.ts";
import { list, object, text } from "#shared/playbooks/kubernetes/facts.ts";
import {
  CALICO_GLOBAL_NETWORK_POLICY,
  CALICO_NETWORK_POLICY,
  CILIUM_CLUSTERWIDE_NETWORK_POLICY,
  CILIUM_NETWORK_POLICY,
  NETWORK_POLICY,
} from "#shared/playbooks/kubernetes/kinds.ts";
import { calicoSelects, ciliumSelects, type Labels, selects } from "#shared/playbooks/kubernetes/selectors.ts";
import type { Json, KubeObject, KubernetesApi } from "#shared/ports/kubernetes.ts";

export type Direction = "ingress" | "egress";
export const BOTH: readonly Direction[] = ["ingress", "egress"];

/** The pod as a policy sees it: with the labels that it will have. */
export interface Selectable {
  readonly namespace: string;
  readonly labels: Labels;
}

/** One policy that selects the pod, or may: what cannot be told from its labels counts. */
export interface Selecting {
  readonly name: string;
  /** Directions that it isolates the pod in, so that only what some policy allows passes. */
  readonly governs: readonly Direction[];
  /** Directions that it lets something through in. */
  readonly opens: readonly Direction[];
  /** Of a Calico policy: where it stands among the others. */
  readonly rank?: { readonly tier: string; readonly order: number };
}

/**
 * Kubernetes policies that select such a pod. They only add: what one allows, no other takes away.
 * https://kubernetes.io/docs/concepts/services-networking/network-policies/
 */
export async function plainPolicies(pod: Selectable, api: KubernetesApi, signal: AbortSignal): Promise<readonly Selecting[]> {
  const found = (await api.list(NETWORK_POLICY, { namespace: pod.namespace }, signal)) ?? [];
  return found
    .filter(({ spec }) => selects(spec?.["podSelector"], pod.labels))
    .map(({ metadata, spec = {} }) => {
      const types = typesOf(spec);
      const governs = BOTH.filter((direction) => types.includes(direction));
      return {
        name: `NetworkPolicy ${metadata.name}`,
        governs,
        opens: governs.filter((direction) => list(spec[direction]).length > 0),
      };
    });
}

/** Absent: ingress always, egress when there are such rules. */
function typesOf(spec: Json): readonly string[] {
  const given = spec["policyTypes"];
  if (Array.isArray(given) && given.length > 0) return given.map((type) => String(type).toLowerCase());
  return list(spec["egress"]).length > 0 ? BOTH : ["ingress"];
}

/** Of Cilium: of the namespace and of the cluster. https://docs.cilium.io/en/stable/security/policy/ */
export async function ciliumPolicies(pod: Selectable, api: KubernetesApi, signal: AbortSignal): Promise<readonly Selecting[]> {
  const [own, clusterwide] = await Promise.all([
    api.list(CILIUM_NETWORK_POLICY, { namespace: pod.namespace }, signal),
    api.list(CILIUM_CLUSTERWIDE_NETWORK_POLICY, {}, signal),
  ]);
  return [
    ...(own ?? []).flatMap((policy) => ciliumPolicy(policy, pod, "CiliumNetworkPolicy")),
    ...(clusterwide ?? []).flatMap((policy) => ciliumPolicy(policy, pod, "CiliumClusterwideNetworkPolicy")),
  ];
}

function ciliumPolicy(policy: KubeObject, { labels, namespace }: Selectable, what: string): readonly Selecting[] {
  return [object(policy.spec), ...list(policy["specs"])].flatMap((spec): readonly Selecting[] => {
    if (spec["endpointSelector"] === undefined) return [];
    if (ciliumSelects(spec["endpointSelector"], labels, namespace) === false) return [];
    // An empty rule allows nothing: it only isolates.
    const opens = BOTH.filter((direction) => list(spec[direction]).some((rule) => Object.keys(rule).length > 0));
    return [{ name: `${what} ${policy.metadata.name}`, governs: opens, opens }];
  });
}

/** Of Calico: of the namespace and of the cluster. https://docs.tigera.io/calico/latest/reference/resources/networkpolicy */
export async function calicoPolicies(pod: Selectable, api: KubernetesApi, signal: AbortSignal): Promise<readonly Selecting[]> {
  const [own, global] = await Promise.all([
    api.list(CALICO_NETWORK_POLICY, { namespace: pod.namespace }, signal),
    api.list(CALICO_GLOBAL_NETWORK_POLICY, {}, signal),
  ]);
  return [
    ...(own ?? []).flatMap((policy) => calicoPolicy(policy, pod, "Calico NetworkPolicy")),
    ...(global ?? []).flatMap((policy) => calicoPolicy(policy, pod, "Calico GlobalNetworkPolicy")),
  ];
}

function calicoPolicy({ metadata, spec = {} }: KubeObject, { labels }: Selectable, what: string): readonly Selecting[] {
  // Selectors of namespaces and service accounts only narrow it further.
  if (calicoSelects(text(spec["selector"]) ?? "", labels) === false) return [];
  const opens = BOTH.filter((direction) => list(spec[direction]).some(({ action }) => /^(allow|pass)$/i.test(String(action))));
  const types = Array.isArray(spec["types"]) && spec["types"].length > 0 ? typesOf({ policyTypes: spec["types"] }) : [];
  const governs = BOTH.filter((direction) => types.includes(direction) || list(spec[direction]).length > 0);
  const rank = { tier: text(spec["tier"]) ?? "default", order: orderOf(spec["order"]) };
  return [{ name: `${what} ${metadata.name}`, governs, opens, rank }];
}

/** A policy without an order comes last. */
const orderOf = (order: unknown): number => (typeof order === "number" ? order : Number.POSITIVE_INFINITY);

/** Whatever selects such a pod and lets something through, of the kinds that this enforcer reads. Names, for people. */
export async function openingsOf(
  pod: Selectable,
  directions: readonly Direction[],
  enforcer: Enforcer | null,
  own: string,
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const [plain, theirs] = await Promise.all([
    plainPolicies(pod, api, signal),
    enforcer?.deny === "cilium"
      ? ciliumPolicies(pod, api, signal)
      : enforcer?.deny === "calico"
        ? calicoPolicies(pod, api, signal)
        : ([] as const),
  ]);
  return [...plain, ...theirs]
    .filter(({ name, opens }) => name !== `NetworkPolicy ${own}` && opens.some((direction) => directions.includes(direction)))
    .map(({ name }) => name);
}

/** Tiers that come after the default one. */
const BASELINE = ["kube-baseline", "baselineadminnetworkpolicy"];

/** Is this Calico policy judged before one of that tier and order? In doubt yes. Equal orders are judged by name, so they may be. */
export function precedes({ rank }: Selecting, ours: NonNullable<Selecting["rank"]>): boolean {
  if (rank === undefined) return false;
  if (rank.tier === ours.tier) return rank.order <= ours.order;
  return !BASELINE.includes(rank.tier) && rank.tier !== "default";
}
