import { graceOf, mayEnd, planToEnd, podOf, remarksOn, seenGone } from "#shared/playbooks/kubernetes/ending.ts";
import { healthyNeeds } from "#shared/playbooks/kubernetes/healthy.ts";
import { POD } from "#shared/playbooks/kubernetes/kinds.ts";
import type { Playbook } from "#shared/playbooks/playbook.ts";

const NAME = "kubernetes:terminate";

/**
 * Deletes the pod with its uid as precondition. Pod disruption budgets do not apply to a delete.
 * https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
 */
export const terminate: Playbook = {
  name: NAME,
  needs: { iam: [], look: [], rbac: [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "delete"] }, ...healthyNeeds] },

  plan: (workload, params, occasion) => planToEnd(NAME, "deletes", workload, params, occasion),

  async prepare(plan, { cluster, access }, signal) {
    const api = await access.kubernetes(cluster);
    const may = await mayEnd(plan, api, signal);
    if ("kind" in may) return may;
    const tried = await api.delete(POD, podOf(plan, NAME), { graceSeconds: graceOf(plan), dryRun: true }, signal);
    if (tried.kind === "rejected") return { kind: "refused", because: `the API server would not delete it: ${tried.because}` };
    return { kind: "ready", kept: {}, remarks: remarksOn(may.pod) };
  },

  async execute(plan, _kept, { cluster, access }, signal) {
    const grace = graceOf(plan);
    const answer = await (await access.kubernetes(cluster)).delete(POD, podOf(plan, NAME), { graceSeconds: grace }, signal);
    if (answer.kind === "accepted") return { kind: "accepted", because: `the API server accepted the delete with ${grace} s of grace` };
    if (answer.kind === "rejected") return { kind: "failed", because: `the API server refuses the delete: ${answer.because}` };
    return answer.kind === "gone"
      ? { kind: "gone", because: "the pod was already gone" }
      : { kind: "conflict", because: "another pod has the name: the accused one is gone, and its successor was not touched" };
  },

  verify: (plan, _kept, reach, signal) => seenGone(plan, reach, signal),

  undo: { possible: false, because: "a deleted pod does not come back; its controller, if it has one, makes a replacement" },
};
