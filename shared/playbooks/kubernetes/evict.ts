import { graceOf, mayEnd, planToEnd, podOf, remarksOn, seenGone } from "#shared/playbooks/kubernetes/ending.ts";
import { healthyNeeds } from "#shared/playbooks/kubernetes/healthy.ts";
import type { Playbook } from "#shared/playbooks/playbook.ts";
import type { Evicted } from "#shared/ports/kubernetes.ts";

const NAME = "kubernetes:evict";
const NEXT_BEST = "next best: kubernetes:terminate, to which budgets do not apply";

/**
 * Ends the pod as a planned move does: pod disruption budgets count, so whoever may write one can keep an offender alive.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
 */
export const evict: Playbook = {
  name: NAME,
  needs: {
    iam: [],
    look: [],
    rbac: [
      { apiGroups: [""], resources: ["pods"], verbs: ["get"] },
      { apiGroups: [""], resources: ["pods/eviction"], verbs: ["create"] },
      ...healthyNeeds,
    ],
  },

  plan: (workload, params, occasion) => planToEnd(NAME, "evicts", workload, params, occasion),

  async prepare(plan, { cluster, access }, signal) {
    const api = await access.kubernetes(cluster);
    const may = await mayEnd(plan, api, signal);
    if ("kind" in may) return may;
    const because = objectionOf(await api.evict(podOf(plan, NAME), { graceSeconds: graceOf(plan), dryRun: true }, signal));
    if (because !== null) return { kind: "refused", because };
    return { kind: "ready", kept: {}, remarks: remarksOn(may.pod) };
  },

  async execute(plan, _kept, { cluster, access }, signal) {
    const grace = graceOf(plan);
    const answer = await (await access.kubernetes(cluster)).evict(podOf(plan, NAME), { graceSeconds: grace }, signal);
    const because = objectionOf(answer);
    if (because !== null) return { kind: answer.kind === "rejected" ? "failed" : "conflict", because };
    if (answer.kind === "gone") return { kind: "gone", because: "the pod was already gone" };
    return answer.kind === "conflict"
      ? { kind: "conflict", because: "another pod has the name: the accused one is gone, and its successor was not touched" }
      : { kind: "accepted", because: `the API server accepted the eviction with ${grace} s of grace` };
  },

  verify: (plan, _kept, reach, signal) => seenGone(plan, reach, signal),

  undo: { possible: false, because: "an evicted pod does not come back; its controller, if it has one, makes a replacement" },
};

function objectionOf(answer: Evicted): string | null {
  if (answer.kind === "budget") return `a pod disruption budget allows no disruption now: ${answer.because}; ${NEXT_BEST}`;
  if (answer.kind === "budgets")
    return `more than one pod disruption budget selects the pod, and the server evicts none such; ${NEXT_BEST}`;
  return answer.kind === "rejected" ? `the API server refuses the eviction: ${answer.because}` : null;
}
