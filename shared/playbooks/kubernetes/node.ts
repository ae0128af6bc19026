import type { ActionName } from "#shared/domain/action.ts";
import { list, text } from "#shared/playbooks/kubernetes/facts.ts";
import { NODE } from "#shared/playbooks/kubernetes/kinds.ts";
import { CORDONED } from "#shared/playbooks/kubernetes/marks.ts";
import type { Plan, Reach } from "#shared/playbooks/playbook.ts";
import { many } from "#shared/playbooks/words.ts";
import type { KubeObject, KubernetesApi } from "#shared/ports/kubernetes.ts";

const NEXT_BEST = "next best: kubernetes:terminate, which ends the pod alone";

/** What of a node matters here. */
export interface NodeFacts {
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly taints: readonly { readonly key: string; readonly effect: string }[];
  readonly unschedulable: boolean;
  readonly ready: boolean;
}

export function nodeFacts({ metadata, spec = {}, status = {} }: KubeObject): NodeFacts {
  return {
    name: metadata.name,
    uid: metadata.uid,
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    taints: list(spec["taints"]).map(({ key, effect }) => ({ key: text(key) ?? "", effect: text(effect) ?? "" })),
    unschedulable: spec["unschedulable"] === true,
    ready: list(status["conditions"]).some(({ type, status: is }) => type === "Ready" && is === "True"),
  };
}

/** The node of the offender. A plan of another playbook is a bug. */
export function nodeOf({ action, workload }: Plan, name: ActionName): string {
  if (workload.kind !== "pod" || action !== name) throw new Error(`${name} was given a plan of ${action} for a ${workload.kind}`);
  if (workload.node === null) throw new Error(`a plan of ${name} has no node`);
  return workload.node;
}

const CONTROL_PLANE = ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];

/** https://kubernetes.io/docs/reference/labels-annotations-taints/#node-role-kubernetes-io-control-plane */
const isControlPlane = ({ labels, taints }: NodeFacts): boolean =>
  CONTROL_PLANE.some((key) => Object.hasOwn(labels, key) || taints.some((taint) => taint.key === key));

/** One pod per node (EKS Fargate), or no machine of its own: https://virtual-kubelet.io/docs/ */
const isVirtual = ({ labels }: NodeFacts): boolean =>
  labels["eks.amazonaws.com/compute-type"] === "fargate" || labels["type"] === "virtual-kubelet";

/** Pods that ask for nothing special can be placed there. */
const takesPods = (node: NodeFacts): boolean =>
  node.ready &&
  !node.unschedulable &&
  !isVirtual(node) &&
  !node.taints.some(({ effect }) => effect === "NoSchedule" || effect === "NoExecute");

/** Other nodes that take pods. */
export interface Others {
  readonly takePods: number;
  readonly all: number;
}

export async function othersOf(name: string, api: KubernetesApi, signal: AbortSignal): Promise<Others> {
  const others = ((await api.list(NODE, {}, signal)) ?? []).map(nodeFacts).filter((node) => node.name !== name);
  return { takePods: others.filter(takesPods).length, all: others.length };
}

/** Why pods are not kept from this node; null: they may be. */
export function objectionTo(node: NodeFacts, others: Others, reach: Reach): string | null {
  const protection = reach.nodeProtection(node.name, { ...node.annotations, ...node.labels });
  if (protection !== null) return `${protection}; ${NEXT_BEST}`;
  if (isControlPlane(node)) return `node ${node.name} is of the control plane; ${NEXT_BEST}`;
  if (isVirtual(node)) return `node ${node.name} is Fargate's or virtual: it is no machine that others share; ${NEXT_BEST}`;
  return others.takePods > 0
    ? null
    : `no pod could be placed any more: of ${many(others.all, "other node")} none takes pods (ready, schedulable, without taint); ${NEXT_BEST}`;
}

/** Who keeps pods from it, in words; null: nobody does. */
export function cordonedBy({ name, unschedulable, annotations }: NodeFacts): string | null {
  if (!unschedulable) return null;
  const incident = annotations[CORDONED];
  const ours = incident !== undefined && /^[0-9a-f]{16}$/.test(incident) ? ` (by falco-responder, incident ${incident})` : "";
  return `node ${name} is cordoned already${ours}`;
}

export async function nodeNow(name: string, uid: string | null, api: KubernetesApi, signal: AbortSignal): Promise<NodeFacts | null> {
  const found = await api.get(NODE, null, name, signal);
  return found === null || (uid !== null && found.metadata.uid !== uid) ? null : nodeFacts(found);
}
