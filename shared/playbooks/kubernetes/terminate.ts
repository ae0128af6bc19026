import {
  aimToEnd,
  endingNeeds,
  fallenShort,
  graceOf,
  NO_UNDO,
  podIn,
  prepareToEnd,
  SUCCESSOR,
  seenEnding,
} from "#shared/playbooks/kubernetes/ending.ts";
import { POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { type Plan, type Playbook, refused } from "#shared/playbooks/playbook.ts";
import type { Deleted, KubernetesApi } from "#shared/ports/kubernetes.ts";

const NAME = "kubernetes:terminate";

/**
 * Deletes the pod with its uid as precondition. Pod disruption budgets do not apply to a delete.
 * https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
 */
export const terminate: Playbook = {
  name: NAME,
  needs: { iam: [], look: [], rbac: [...endingNeeds, { apiGroups: [""], resources: ["pods"], verbs: ["delete"] }] },

  plan(workload, params, occasion) {
    const aimed = aimToEnd(NAME, workload, params);
    return typeof aimed === "string" ? refused(aimed) : { kind: "planned", plan: { action: NAME, ...aimed, occasion } };
  },

  async prepare(plan, reach, signal) {
    const prepared = await prepareToEnd(
      plan,
      async (api) => {
        const answer = await remove(plan, true, api, signal);
        if (answer.kind === "accepted") return null;
        return answer.kind === "rejected"
          ? { kind: "refused", because: `the API server would not delete it ("${answer.because}"); next best: kubernetes:networkpolicy` }
          : { kind: "nothing", because: answer.kind === "gone" ? "the pod is gone" : SUCCESSOR };
      },
      reach,
      signal,
    );
    if (prepared.kind !== "ready") return prepared;
    return { ...prepared, remarks: [...prepared.remarks, "Pod disruption budgets do not apply to a delete."] };
  },

  async execute(plan, _kept, { cluster, access }, signal) {
    const api = await access.kubernetes(cluster);
    const short = await fallenShort(plan, api, signal);
    if (short !== null) return { kind: "conflict", because: short };
    const answer = await remove(plan, false, api, signal);
    if (answer.kind === "accepted")
      return { kind: "accepted", because: `the API server accepted the delete with ${graceOf(plan)} s of grace` };
    if (answer.kind === "rejected") return { kind: "failed", because: `the API server refuses the delete: "${answer.because}"` };
    return answer.kind === "gone" ? { kind: "gone", because: "the pod was already gone" } : { kind: "conflict", because: SUCCESSOR };
  },

  verify: (plan, _kept, reach, signal) => seenEnding(plan, reach, signal),

  undo: NO_UNDO,
};

function remove(plan: Plan, dryRun: boolean, api: KubernetesApi, signal: AbortSignal): Promise<Deleted> {
  const { namespace, name, uid } = podIn(plan);
  return api.delete(POD, { namespace, name, uid }, { graceSeconds: graceOf(plan), dryRun }, signal);
}
