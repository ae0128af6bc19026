import type { ActionName } from "#shared/domain/action.ts";
import type { PodWorkload, Workload } from "#shared/domain/workload.ts";
import { isMirror, type PodFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { QUARANTINE } from "#shared/playbooks/kubernetes/marks.ts";
import { type Params, type Plan, unknownParam } from "#shared/playbooks/playbook.ts";

const NEXT_BEST = "next best: kubernetes:terminate";
/** Label values and object names are made of it. https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ */
const UID = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

/** The workload as a pod that a network policy can be about, or why not. */
export function aimAtTraffic(name: ActionName, workload: Workload, params: Params, known: readonly string[]): PodWorkload | string {
  if (workload.kind !== "pod") return `${name} is about the traffic of pods, and the target is a ${workload.kind}`;
  const strange = unknownParam(params, known);
  if (strange !== null) return `${name}: ${strange}`;
  if (!UID.test(workload.uid)) return `the pod's uid is not one that a label can hold; ${NEXT_BEST}`;
  return exempt(workload) ?? workload;
}

/** Whom no network policy reaches. https://kubernetes.io/docs/concepts/services-networking/network-policies/#networkpolicy-and-hostnetwork-pods */
function exempt({ mirror, hostNetwork }: Pick<PodWorkload, "mirror" | "hostNetwork">): string | null {
  if (mirror)
    return "the pod mirrors a static pod: the API cannot control it, and its labels are the kubelet's; next best: kubernetes:cordon";
  return hostNetwork ? `the pod has its node's network (hostNetwork): no network policy applies to it; ${NEXT_BEST}` : null;
}

/** The same of the pod as it is now. ended: nothing is left to do. */
export function standing(pod: PodFacts): { readonly kind: "nothing" | "refused"; readonly because: string } | null {
  if (pod.deletionTimestamp !== null) return { kind: "nothing", because: "the pod is already being deleted" };
  if (pod.phase === "Succeeded" || pod.phase === "Failed")
    return { kind: "refused", because: `the pod has ended (${pod.phase}): it has no traffic` };
  const because = exempt({ mirror: isMirror(pod), hostNetwork: pod.hostNetwork });
  return because === null ? null : { kind: "refused", because };
}

export const GONE = { kind: "nothing", because: "the pod is gone; what we made for it goes with it" } as const;

/** Of a pod that is cut off already: an allow-list would open it again, and a deny would add nothing. */
export const isCutOff = (pod: PodFacts): boolean => pod.labels[QUARANTINE] === pod.uid;
export const CUT_OFF = { kind: "nothing", because: "the pod is quarantined: it may connect to nothing" } as const;

/** The pod of a plan of this playbook. A plan of another one is a bug. */
export function podOf({ action, workload }: Plan, name: ActionName): PodWorkload {
  if (workload.kind !== "pod") throw new Error(`a plan of ${name} holds a ${workload.kind}`);
  if (action !== name) throw new Error(`${name} was given a plan of ${action}`);
  return workload;
}

/** What no policy cuts, whoever enforces it. */
export const NOT_CUT =
  "NOT cut: the pod's own node (and what runs on it with hostNetwork), loopback, and further interfaces that it may have (Multus, EKS egress).";
