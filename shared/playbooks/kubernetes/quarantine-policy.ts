import { type Cni, DENY_KINDS } from "#shared/playbooks/kubernetes/cni.ts";
import { text } from "#shared/playbooks/kubernetes/facts.ts";
import type { PodAt } from "#shared/playbooks/kubernetes/guarded.ts";
import { CALICO_TIER, NETWORK_POLICY } from "#shared/playbooks/kubernetes/kinds.ts";
import { PREFIX, QUARANTINE, RESTRICTED } from "#shared/playbooks/kubernetes/marks.ts";
import { BOTH, calicoPolicies, openingsOf, precedes, type Selectable } from "#shared/playbooks/kubernetes/openings.ts";
import type { OurPolicy } from "#shared/playbooks/kubernetes/our-policy.ts";
import type { Labels } from "#shared/playbooks/kubernetes/selectors.ts";
import type { KubernetesApi } from "#shared/ports/kubernetes.ts";

/** How a pod is cut off: by the absence of any allow, by a deny of Cilium, or by a deny of Calico in one of its tiers. */
export type Variant = { readonly by: "plain" } | { readonly by: "cilium" } | { readonly by: "calico"; readonly tier: string };

/** Before any policy that people write: they begin at 0, and Kubernetes' own stand at 1000. */
const CALICO_ORDER = -1_000;
/** Tiers that Calico keeps for administrators: what no policy there decides passes on to the next tier. */
const ADMIN_TIERS = ["kube-admin", "adminnetworkpolicy"];

/** The first tier in which a deny of ours leaves all else to other policies; null: there is none, as before Calico 3.30. */
export async function passingTier(api: KubernetesApi, signal: AbortSignal): Promise<string | null> {
  for (const name of ADMIN_TIERS) {
    const tier = await api.get(CALICO_TIER, null, name, signal);
    if (text(tier?.spec?.["defaultAction"]) === "Pass") return name;
  }
  return null;
}

export async function variantFor({ enforcer }: Cni, api: KubernetesApi, signal: AbortSignal): Promise<Variant> {
  if (enforcer?.deny !== "calico") return { by: enforcer?.deny === "cilium" ? "cilium" : "plain" };
  return { by: "calico", tier: (await passingTier(api, signal)) ?? "default" };
}

/** In its store Calico puts the tier before the name. https://docs.tigera.io/calico/latest/reference/resources/tier */
const nameOf = (variant: Variant, uid: string): string =>
  `${variant.by === "calico" ? `${variant.tier}.` : ""}falco-responder-quarantine-${uid}`;

/** Both directions, and nothing passes. `policyTypes` must name Egress: without it an empty policy is about ingress alone. */
export function quarantinePolicy(variant: Variant, { uid }: Pick<PodAt, "uid">): OurPolicy {
  const name = nameOf(variant, uid);
  const matchLabels = { [QUARANTINE]: uid };
  if (variant.by === "plain")
    return { kind: NETWORK_POLICY, name, spec: { podSelector: { matchLabels }, policyTypes: ["Ingress", "Egress"] } };
  if (variant.by === "cilium")
    return {
      kind: DENY_KINDS.cilium,
      name,
      spec: {
        endpointSelector: { matchLabels },
        ingressDeny: [{ fromEntities: ["all"] }],
        egressDeny: [{ toEntities: ["all"] }],
      },
    };
  const spec = {
    tier: variant.tier,
    order: CALICO_ORDER,
    selector: `${QUARANTINE} == '${uid}'`,
    types: ["Ingress", "Egress"],
    ingress: [{ action: "Deny" }],
    egress: [{ action: "Deny" }],
  };
  return { kind: DENY_KINDS.calico, name, spec };
}

/** The labels of a quarantined pod: its uid, and what else is ours, but not what an allow-list of ours selects by. */
export const quarantinedLabels = (former: Labels, uid: string): Labels => ({
  ...Object.fromEntries(Object.entries(former).filter(([key]) => key.startsWith(PREFIX) && key !== RESTRICTED)),
  [QUARANTINE]: uid,
});

/** Policies that would let the pod's traffic through all the same, once it has these labels. A deny of Cilium beats them all. */
export async function leaksOf(
  variant: Variant,
  pod: Selectable,
  uid: string,
  { enforcer }: Cni,
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (variant.by === "cilium") return [];
  if (variant.by === "plain") return await openingsOf(pod, BOTH, enforcer, nameOf(variant, uid), api, signal);
  const ours = { tier: variant.tier, order: CALICO_ORDER };
  const before = (await calicoPolicies(pod, api, signal)).filter((one) => one.opens.length > 0 && precedes(one, ours));
  return before.map(({ name }) => name);
}
