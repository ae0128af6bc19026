import { PipelineError } from "#shared/domain/error.ts";
import { cordonNode, isMarked, keptOfNode, uidIn, uncordon } from "#shared/playbooks/kubernetes/cordoning.ts";
import { DRAIN_PARAMS, drainParams } from "#shared/playbooks/kubernetes/drain-params.ts";
import { closedBudgets, isGoing, namesOf, podsOn, type Resident, stayingIn } from "#shared/playbooks/kubernetes/drain-residents.ts";
import { awaited, evictRound, neededNow, type Round, refusalsIn } from "#shared/playbooks/kubernetes/drain-round.ts";
import { healthyNeeds } from "#shared/playbooks/kubernetes/healthy.ts";
import { type NodeFacts, nodeNow, nodeOf, objectionTo, othersOf } from "#shared/playbooks/kubernetes/node.ts";
import { duration } from "#shared/playbooks/params.ts";
import {
  type Kept,
  type Params,
  type Plan,
  type Playbook,
  type Reach,
  refused,
  unknownParam,
  type Verification,
} from "#shared/playbooks/playbook.ts";
import { many } from "#shared/playbooks/words.ts";
import type { KubernetesApi } from "#shared/ports/kubernetes.ts";

const NAME = "kubernetes:drain";

/**
 * Cordons the offender's node and evicts its pods, as disruption budgets allow and never by force. Not evicted: pods of DaemonSets, static and
 * protected ones, excluded namespaces, and pods that no controller would make again. It ends evidence and moves the offender's image elsewhere.
 * https://kubernetes.io/docs/tasks/administer-cluster/safely-drain-node/, https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
 */
export const drain: Playbook = {
  name: NAME,
  needs: {
    iam: [],
    look: [],
    rbac: [
      { apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "patch"] },
      { apiGroups: [""], resources: ["pods/eviction"], verbs: ["create"] },
      // Of an eviction that is refused, whether it is still the pod that was meant: the answer does not say.
      { apiGroups: [""], resources: ["pods"], verbs: ["get"] },
      { apiGroups: ["policy"], resources: ["poddisruptionbudgets"], verbs: ["list"] },
      ...healthyNeeds,
    ],
  },

  plan(workload, params, occasion) {
    if (workload.kind !== "pod") return refused(`${NAME} drains the node of a pod, and the target is a ${workload.kind}`);
    const strange = unknownParam(params, DRAIN_PARAMS);
    if (strange !== null) return refused(`${NAME}: ${strange}`);
    const checked = drainParams(params);
    if (typeof checked === "string") return refused(`${NAME}: ${checked}`);
    if (workload.node === null) return refused("the pod is on no node: there is none to drain");
    return { kind: "planned", plan: { action: NAME, workload, params: checked, occasion } };
  },

  async prepare(plan, reach, signal) {
    const api = await reach.access.kubernetes(reach.cluster);
    const name = nodeOf(plan, NAME);
    const node = await nodeNow(name, null, api, signal);
    if (node === null) return { kind: "nothing", because: `node ${name} has left the cluster` };
    const objection = objectionTo(node, await othersOf(name, api, signal), reach);
    if (objection !== null) return { kind: "refused", because: objection };
    const residents = await podsOn(name, plan.workload.uid, plan.params, reach, api, signal);
    const moving = residents.filter(({ stays }) => stays === null);
    if (moving.length === 0 && node.unschedulable)
      return { kind: "nothing", because: `node ${name} is cordoned already, and no pod on it is to go${staying(residents)}` };
    const closed = await closedBudgets(moving, api, signal);
    return {
      kind: "ready",
      kept: { ...keptOfNode(node), cordon: node.unschedulable ? "there" : "ours", startedMs: String(reach.nowMs()) },
      remarks: remarksOn(residents, closed, node.unschedulable),
    };
  },

  async execute(plan, kept, reach, signal) {
    const api = await reach.access.kubernetes(reach.cluster);
    const name = nodeOf(plan, NAME);
    const closed = await keepClosed(plan, kept, name, api, signal);
    if (closed !== null) return closed;
    const residents = await podsOn(name, plan.workload.uid, plan.params, reach, api, signal);
    const round = await evictRound(residents, plan.params, api, reach.nowMs, signal);
    const refusals = refusalsIn(round);
    const stopped = refusals.length > 0 && plan.params["ignore_errors"] !== true;
    const waiting = awaited([...round.held, ...round.needed], plan.params);
    if (!stopped && (round.untried.length > 0 || (waiting.length > 0 && reach.nowMs() < untilMs(plan.params, kept))))
      throw new PipelineError("not_yet", `${waitsFor(round)}; node ${name} is cordoned`);
    return {
      kind: "accepted",
      because: `node ${name} is cordoned, and the API server took the eviction of ${many(round.evicted.length, "pod")}`,
      kept: { ...kept, refused: JSON.stringify(round.refused.map(({ resident }) => resident.pod.uid)) },
      remarks: [...refusals, ...(stopped && round.untried.length > 0 ? [`${many(round.untried.length, "pod")} behind it not tried.`] : [])],
    };
  },

  verify: (plan, kept, reach, signal) => seen(plan, kept, reach, signal),

  undo: {
    possible: true,
    says: "lets the node take pods again; what was moved does not come back",
    async run(plan, kept, _doneAtMs, { cluster, access }, signal) {
      const name = nodeOf(plan, NAME);
      if (kept["cordon"] !== "ours")
        return {
          kind: "nothing",
          because: `node ${name} was cordoned before we drained it, and stays so; what was moved does not come back`,
        };
      const undone = await uncordon(name, plan.occasion.incident, kept, await access.kubernetes(cluster), signal);
      return undone.kind === "undone" ? { ...undone, because: `${undone.because}; what was moved does not come back` } : undone;
    },
  },

  expiry: {
    afterMs: ({ params }) => {
      const lasts = duration(params, "expires_after");
      return typeof lasts === "number" ? lasts : null;
    },
    by: "undo",
  },
};

/** Null: the node takes no pods, whoever cordoned it. Somebody who lets it take pods again in the midst of a drain ends the drain. */
async function keepClosed(plan: Plan, kept: Kept, name: string, api: KubernetesApi, signal: AbortSignal) {
  const { incident } = plan.occasion;
  const node = await nodeNow(name, uidIn(kept), api, signal);
  if (node === null) return { kind: "gone", because: `node ${name} has left the cluster` } as const;
  if (node.unschedulable) return null;
  if (wasClosed(node, kept, incident)) return { kind: "accepted", because: reopened(name) } as const;
  const answer = await cordonNode(name, incident, kept, api, signal);
  return answer.kind === "accepted" ? null : answer;
}

const wasClosed = (node: NodeFacts, kept: Kept, incident: string): boolean => kept["cordon"] !== "ours" || isMarked(node, incident);
const reopened = (name: string): string => `somebody made node ${name} schedulable again: no pod is evicted from then on`;

const untilMs = (params: Params, kept: Kept): number => Number(kept["startedMs"]) + Number(params["max_wait_period"]) * 1_000;

function waitsFor({ evicted, held, needed, untried }: Round): string {
  const parts = [
    ...(held.length === 0 ? [] : [`${many(held.length, "pod")} held by disruption budgets (${namesOf(held)})`]),
    ...(needed.length === 0 ? [] : [`${many(needed.length, "pod")} held by min_healthy_replicas (${namesOf(needed)})`]),
    ...(untried.length === 0 ? [] : [`${many(untried.length, "pod")} not tried yet`]),
  ];
  return `${many(evicted.length, "pod")} evicted, ${parts.join(", ")}`;
}

async function seen(plan: Plan, kept: Kept, reach: Reach, signal: AbortSignal): Promise<Verification> {
  const api = await reach.access.kubernetes(reach.cluster);
  const name = nodeOf(plan, NAME);
  const node = await nodeNow(name, uidIn(kept), api, signal);
  if (node === null)
    return { kind: "unknown", because: `node ${name} has left the cluster: whether its pods were moved can no longer be seen`, over: true };
  if (!node.unschedulable)
    return wasClosed(node, kept, plan.occasion.incident)
      ? { kind: "unknown", because: reopened(name) }
      : { kind: "pending", begun: false, because: `node ${name} is not cordoned` };
  const residents = await podsOn(name, plan.workload.uid, plan.params, reach, api, signal);
  const given = JSON.parse(kept["refused"] ?? "[]") as readonly string[];
  const waived = plan.params["ignore_errors"] === true ? given : [];
  const left = awaited(residents, plan.params).filter(({ stays, pod }) => stays === null && !waived.includes(pod.uid));
  const going = left.filter(isGoing);
  const waiting = left.filter((one) => !isGoing(one));
  const isTime = reach.nowMs() < untilMs(plan.params, kept);
  const needed = isTime ? [] : await neededNow(waiting, plan.params, api, signal);
  const open = waiting.filter((one) => !needed.includes(one));
  const spared = needed.length === 0 ? "" : `; ${many(needed.length, "pod")} needed by min_healthy_replicas (${namesOf(needed)})`;
  if (going.length === 0 && open.length === 0)
    return { kind: "done", because: `node ${name} is cordoned and no pod is left that was to go${staying(residents)}${spared}` };
  const closed = await closedBudgets(open, api, signal);
  const parts = [
    ...(going.length === 0 ? [] : [`${going.length} terminating`]),
    ...(open.length === 0 ? [] : [`${open.length} not evicted (${namesOf(open)})`]),
    ...(closed.length === 0 ? [] : [`no eviction allowed now by the disruption budget ${closed.slice(0, 5).join(", ")}`]),
  ];
  return {
    kind: "pending",
    // A look acts on nobody: while there is time, whoever comes next evicts again.
    begun: !(isTime && open.length > 0),
    partly: true,
    because: `node ${name} is cordoned; ${many(going.length + open.length, "pod")} left: ${parts.join(", ")}${spared}`,
  };
}

const staying = (residents: readonly Resident[]): string => {
  const there = stayingIn(residents);
  return there === null ? "" : `; there stay ${there}`;
};

function remarksOn(residents: readonly Resident[], closed: readonly string[], wasCordoned: boolean): readonly string[] {
  const moving = residents.filter(({ stays }) => stays === null);
  const there = stayingIn(residents);
  const emptied = moving.filter(({ losesFiles }) => losesFiles).length;
  const offender = residents.find((one) => one.offender);
  return [
    `${many(moving.length, "pod")} of the node evicted and made again elsewhere by their controllers, as disruption budgets allow.`,
    ...(there === null ? [] : [`On the node stay ${there}.`]),
    ...(offender === undefined
      ? []
      : offender.stays === null
        ? ["The offender is made again elsewhere, with the same image and hole, and its evidence goes with it."]
        : ["The offender itself stays: kubernetes:terminate ends it."]),
    ...(emptied === 0 ? [] : [`${many(emptied, "pod")} lose what they keep on the node (emptyDir).`]),
    ...(closed.length === 0 ? [] : [`No eviction is allowed now by the disruption budget ${closed.slice(0, 5).join(", ")}.`]),
    ...(wasCordoned ? ["The node was cordoned before: undo leaves it so."] : []),
    "Draining cuts no network: what runs on the machine outside Kubernetes goes on.",
  ];
}
