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
import { type Plan, type Playbook, refused } from "#shared/playbooks/playbook.ts";
import type { Evicted, KubernetesApi } from "#shared/ports/kubernetes.ts";

const NAME = "kubernetes:evict";
const NEXT_BEST = "next best: kubernetes:terminate, to which budgets do not apply";

/**
 * Ends the pod unless a pod disruption budget says no: one that allows no disruption protects an attacker as well.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
 */
export const evict: Playbook = {
  name: NAME,
  needs: { iam: [], look: [], rbac: [...endingNeeds, { apiGroups: [""], resources: ["pods/eviction"], verbs: ["create"] }] },

  plan(workload, params, occasion) {
    const aimed = aimToEnd(NAME, workload, params);
    return typeof aimed === "string" ? refused(aimed) : { kind: "planned", plan: { action: NAME, ...aimed, occasion } };
  },

  async prepare(plan, reach, signal) {
    return await prepareToEnd(
      plan,
      async (api) => {
        const answer = await end(plan, true, api, signal);
        if (answer.kind === "accepted") return null;
        if ("because" in answer) return { kind: "refused", because: objection(answer) };
        return { kind: "nothing", because: answer.kind === "gone" ? "the pod is gone" : SUCCESSOR };
      },
      reach,
      signal,
    );
  },

  async execute(plan, _kept, { cluster, access }, signal) {
    const api = await access.kubernetes(cluster);
    const short = await fallenShort(plan, api, signal);
    if (short !== null) return { kind: "conflict", because: short };
    const answer = await end(plan, false, api, signal);
    if ("because" in answer) return { kind: answer.kind === "rejected" ? "failed" : "conflict", because: objection(answer) };
    if (answer.kind === "accepted")
      return { kind: "accepted", because: `the API server accepted the eviction with ${graceOf(plan)} s of grace` };
    return answer.kind === "gone" ? { kind: "gone", because: "the pod was already gone" } : { kind: "conflict", because: SUCCESSOR };
  },

  verify: (plan, _kept, reach, signal) => seenEnding(plan, reach, signal),

  undo: NO_UNDO,
};

function end(plan: Plan, dryRun: boolean, api: KubernetesApi, signal: AbortSignal): Promise<Evicted> {
  const { namespace, name, uid } = podIn(plan);
  return api.evict({ namespace, name, uid }, { graceSeconds: graceOf(plan), dryRun }, signal);
}

/** The server's words name the budget. */
function objection({ kind, because }: Extract<Evicted, { readonly because: string }>): string {
  if (kind === "rejected") return `the API server refuses the eviction ("${because}"); next best: kubernetes:terminate`;
  const why = kind === "budget" ? "a pod disruption budget allows no eviction now" : "more than one pod disruption budget selects the pod";
  return `${why} ("${because}"); ${NEXT_BEST}`;
}
