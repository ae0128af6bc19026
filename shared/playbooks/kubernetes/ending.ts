import type { ActionName } from "#shared/domain/action.ts";
import type { PodWorkload, Workload } from "#shared/domain/workload.ts";
import { type PodFacts, podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { podNow } from "#shared/playbooks/kubernetes/guarded.ts";
import { belowFloor, floorIn, MIN_HEALTHY } from "#shared/playbooks/kubernetes/healthy.ts";
import { POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { type Bounds, wholeNumber } from "#shared/playbooks/params.ts";
import { type Params, type Plan, type Planning, type Reach, refused, unknownParam, type Verification } from "#shared/playbooks/playbook.ts";
import type { KubernetesApi } from "#shared/ports/kubernetes.ts";

/** 0 would be a forced delete: the object goes at once and no kubelet confirms that the containers stopped. */
const GRACE: Bounds = {
  key: "grace_period_seconds",
  min: 1,
  max: 300,
  preset: 1,
  unit: "seconds (0 would force it, and nothing would confirm that it stopped)",
};

/** Falco Talon's guards: true = leave pods of that owner kind alone. */
const IGNORES = [
  { key: "ignore_daemonsets", spares: (pod: PodWorkload) => pod.owner?.kind === "DaemonSet", what: "a DaemonSet's pod" },
  { key: "ignore_statefulsets", spares: (pod: PodWorkload) => pod.owner?.kind === "StatefulSet", what: "a StatefulSet's pod" },
  { key: "ignore_standalone_pods", spares: (pod: PodWorkload) => pod.owner === null, what: "a standalone pod" },
] as const;

const KNOWN = [GRACE.key, ...IGNORES.map(({ key }) => key), MIN_HEALTHY];

/** The plan to end a pod, by delete or eviction: the parameters with their bounds checked. */
export function planToEnd(name: ActionName, does: string, workload: Workload, params: Params, occasion: Plan["occasion"]): Planning {
  if (workload.kind !== "pod") return refused(`${name} ${does} pods, and the target is a ${workload.kind}`);
  const strange = unknownParam(params, KNOWN);
  if (strange !== null) return refused(`${name}: ${strange}`);
  if (workload.mirror) return refused("the pod mirrors a static pod: the kubelet recreates it and the API cannot control it");
  const wrong = IGNORES.find(({ key }) => params[key] !== undefined && typeof params[key] !== "boolean");
  if (wrong !== undefined) return refused(`${wrong.key} must be true or false`);
  const spared = IGNORES.find(({ key, spares }) => params[key] === true && spares(workload));
  if (spared !== undefined) return refused(`${spared.key} is set and this is ${spared.what}`);
  const grace = wholeNumber(params, GRACE);
  if (typeof grace === "string") return refused(grace);
  const floor = floorIn(params);
  if (typeof floor === "string") return refused(floor);
  const kept = floor === null ? {} : { [MIN_HEALTHY]: String(params[MIN_HEALTHY]) };
  return { kind: "planned", plan: { action: name, workload, params: { [GRACE.key]: grace, ...kept }, occasion } };
}

export function graceOf({ action, params }: Plan): number {
  const grace = wholeNumber(params, GRACE);
  if (typeof grace === "string") throw new Error(`a plan of ${action} is unbounded: ${grace}`);
  return grace;
}

/** The pod of a plan of this playbook. A plan of another one is a bug. */
export function podOf({ action, workload }: Plan, name: ActionName): PodWorkload {
  if (workload.kind !== "pod") throw new Error(`a plan of ${name} holds a ${workload.kind}`);
  if (action !== name) throw new Error(`${name} was given a plan of ${action}`);
  return workload;
}

/** The pod as it is now, when it may be ended; or what there is to say instead. */
export async function mayEnd(
  plan: Plan,
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<{ readonly pod: PodFacts } | { readonly kind: "nothing" | "refused"; readonly because: string }> {
  const found = await podNow(podOf(plan, plan.action), api, signal);
  if (found === null) return { kind: "nothing", because: "the pod is gone" };
  const pod = podFacts(found);
  if (pod.deletionTimestamp !== null) return { kind: "nothing", because: "the pod is already being deleted" };
  const floor = floorIn(plan.params);
  if (typeof floor === "string") throw new Error(`a plan of ${plan.action} is unbounded: ${floor}`);
  const because = floor === null ? null : await belowFloor(floor, pod, api, signal);
  return because === null ? { pod } : { kind: "refused", because };
}

/** Finalizers are their owners' word: never taken off. */
export const remarksOn = ({ finalizers }: PodFacts): readonly string[] =>
  finalizers.length === 0
    ? []
    : ["It has finalizers: its containers stop, and the object stays Terminating until those who set them take them off."];

/** Is the pod gone, as far as the world shows? */
export async function seenGone(plan: Plan, { cluster, access }: Reach, signal: AbortSignal): Promise<Verification> {
  const api = await access.kubernetes(cluster);
  const { namespace, name, uid } = podOf(plan, plan.action);
  const found = await api.get(POD, namespace, name, signal);
  if (found === null) return { kind: "done", because: "the pod is gone" };
  const pod = podFacts(found);
  if (pod.uid !== uid) return { kind: "done", because: "the pod is gone; another pod has its name" };
  if (pod.deletionTimestamp === null) return { kind: "pending", begun: false, because: "the pod is there and is not being deleted" };
  return pod.containers.some(({ running }) => running)
    ? { kind: "pending", begun: true, because: "the pod is terminating and a container of it still runs" }
    : { kind: "pending", begun: true, because: "the pod's containers have stopped; the kubelet or a finalizer still holds the object" };
}
