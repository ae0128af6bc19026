import type { PodWorkload } from "#shared/domain/workload.ts";
import { podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { type Params, type Plan, type Playbook, refused, unknownParam } from "#shared/playbooks/playbook.ts";

/** 0 would be a forced delete: the object goes at once and no kubelet confirms that the containers stopped. */
const GRACE = { key: "grace_period_seconds", min: 1, max: 300, preset: 1 } as const;

/** Falco Talon's guards: true = leave pods of that owner kind alone. */
const IGNORES = [
  { key: "ignore_daemonsets", spares: (pod: PodWorkload) => pod.owner?.kind === "DaemonSet", what: "a DaemonSet's pod" },
  { key: "ignore_statefulsets", spares: (pod: PodWorkload) => pod.owner?.kind === "StatefulSet", what: "a StatefulSet's pod" },
  { key: "ignore_standalone_pods", spares: (pod: PodWorkload) => pod.owner === null, what: "a standalone pod" },
] as const;

const KNOWN = [GRACE.key, ...IGNORES.map(({ key }) => key)];

/**
 * Deletes the pod with its uid as precondition. Pod disruption budgets do not apply to a delete.
 * https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
 */
export const terminate: Playbook = {
  name: "kubernetes:terminate",
  needs: {
    iam: [],
    look: [],
    rbac: [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "delete"] }],
  },

  plan(workload, params, occasion) {
    if (workload.kind !== "pod") return refused(`kubernetes:terminate deletes pods, and the target is a ${workload.kind}`);
    const strange = unknownParam(params, KNOWN);
    if (strange !== null) return refused(`kubernetes:terminate: ${strange}`);
    if (workload.mirror) return refused("the pod mirrors a static pod: the kubelet recreates it and the API cannot control it");
    const wrong = IGNORES.find(({ key }) => params[key] !== undefined && typeof params[key] !== "boolean");
    if (wrong !== undefined) return refused(`${wrong.key} must be true or false`);
    const spared = IGNORES.find(({ key, spares }) => params[key] === true && spares(workload));
    if (spared !== undefined) return refused(`${spared.key} is set and this is ${spared.what}`);
    const grace = graceSeconds(params);
    if (typeof grace === "string") return refused(grace);
    return { kind: "planned", plan: { action: "kubernetes:terminate", workload, params: { [GRACE.key]: grace }, occasion } };
  },

  async execute(plan, _kept, { cluster, access }, signal) {
    const { namespace, name, uid } = podOf(plan);
    const grace = graceSeconds(plan.params);
    if (typeof grace === "string") throw new Error(`a plan of kubernetes:terminate is unbounded: ${grace}`);
    const answer = await (await access.kubernetes(cluster)).delete(POD, { namespace, name, uid }, { graceSeconds: grace }, signal);
    if (answer.kind === "accepted") return { kind: "accepted", because: `the API server accepted the delete with ${grace} s of grace` };
    if (answer.kind === "rejected") return { kind: "failed", because: `the API server refuses the delete: ${answer.because}` };
    return answer.kind === "gone"
      ? { kind: "gone", because: "the pod was already gone" }
      : { kind: "conflict", because: "another pod has the name: the accused one is gone, and its successor was not touched" };
  },

  async verify(plan, _kept, { cluster, access }, signal) {
    const { namespace, name, uid } = podOf(plan);
    const found = await (await access.kubernetes(cluster)).get(POD, namespace, name, signal);
    if (found === null) return { kind: "done", because: "the pod is gone" };
    const pod = podFacts(found);
    if (pod.uid !== uid) return { kind: "done", because: "the pod is gone; another pod has its name" };
    if (pod.deletionTimestamp === null) return { kind: "pending", begun: false, because: "the pod is there and is not being deleted" };
    return pod.containers.some(({ running }) => running)
      ? { kind: "pending", begun: true, because: "the pod is terminating and a container of it still runs" }
      : { kind: "pending", begun: true, because: "the pod's containers have stopped; the kubelet or a finalizer still holds the object" };
  },

  undo: { possible: false, because: "a deleted pod does not come back; its controller, if it has one, makes a replacement" },
};

/** Whole seconds within the bounds, or why not. */
function graceSeconds(params: Params): number | string {
  const given = params[GRACE.key] ?? GRACE.preset;
  const seconds = typeof given === "string" && /^\d{1,6}$/.test(given) ? Number(given) : given;
  if (typeof seconds !== "number" || !Number.isInteger(seconds)) return `${GRACE.key} must be a whole number of seconds`;
  if (seconds < GRACE.min) return `${GRACE.key} must be at least ${GRACE.min}: 0 forces the delete and nothing confirms that it stopped`;
  if (seconds > GRACE.max) return `${GRACE.key} must be at most ${GRACE.max}`;
  return seconds;
}

function podOf(plan: Plan): PodWorkload {
  if (plan.workload.kind !== "pod") throw new Error(`a plan of kubernetes:terminate holds a ${plan.workload.kind}`);
  return plan.workload;
}
