import type { PolicyAction } from "#shared/domain/policy.ts";
import type { PodFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { CILIUM_NETWORK_POLICY, NETWORK_POLICY, NODE, POD } from "#shared/playbooks/kubernetes/kinds.ts";
import type { Kind } from "#shared/ports/kubernetes.ts";
import { said } from "./effects.ts";
import { asking, HERE, type Stage } from "./stage.ts";

export const TERMINATE = "kubernetes:terminate";
export const EVICT = "kubernetes:evict";
export const ISOLATE = "kubernetes:quarantine";
export const RESTRICT = "kubernetes:networkpolicy";
export const CILIUM = "cilium:networkpolicy";
export const CORDON = "kubernetes:cordon";

/** The policy asks for this. */
export const given =
  (action: PolicyAction["action"], params: PolicyAction["params"] = {}) =>
  (stage: Stage): void => {
    stage.policy = asking(action, params);
  };

// What an action does to the stage's offender, write by write.

export const policyOf = (what: "quarantine" | "restrict" | "remote", { namespace, uid }: PodFacts) => ({
  namespace,
  name: `falco-responder-${what}-${uid}`,
});
const made = (kind: Kind, what: Parameters<typeof policyOf>[0]) => (stage: Stage) => said.create(kind, policyOf(what, stage.offender));
const relabelled = ({ offender }: Stage, ...more: readonly string[]) => said.patch(POD, offender, "metadata.labels", ...more);

export const walled = made(NETWORK_POLICY, "quarantine");
export const quarantined = (stage: Stage): readonly string[] => [walled(stage), relabelled(stage, "metadata.annotations")];
export const restricted = (stage: Stage): readonly string[] => [made(NETWORK_POLICY, "restrict")(stage), relabelled(stage)];
export const denied = (stage: Stage): readonly string[] => [made(CILIUM_NETWORK_POLICY, "remote")(stage), relabelled(stage)];
export const evicted = ({ offender }: Stage): readonly string[] => [said.evict(offender)];
export const cordoned = (): readonly string[] => [
  said.patch(NODE, { namespace: null, name: HERE }, "metadata.annotations", "spec.unschedulable"),
];
export const labelled = (stage: Stage): readonly string[] => [relabelled(stage)];
