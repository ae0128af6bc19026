import type { ActionName } from "#shared/domain/action.ts";
import type { PodWorkload, Workload } from "#shared/domain/workload.ts";
import { isMirror, type PodFacts, podFacts, whole } from "#shared/playbooks/kubernetes/facts.ts";
import { titleOf } from "#shared/playbooks/kubernetes/family.ts";
import { podNow } from "#shared/playbooks/kubernetes/guarded.ts";
import { floorIn, MIN_HEALTHY, tooFew } from "#shared/playbooks/kubernetes/healthy.ts";
import { POD } from "#shared/playbooks/kubernetes/kinds.ts";
import type { Needs, Params, Plan, Preparation, Reach, Verification } from "#shared/playbooks/playbook.ts";
import { unknownParam } from "#shared/playbooks/playbook.ts";
import { at, few } from "#shared/playbooks/words.ts";
import type { KubeObject, KubernetesApi } from "#shared/ports/kubernetes.ts";

/** What kubernetes:terminate and kubernetes:evict have in common: whom they spare, what they tell, and how the end of a pod looks. */

/** 0 would be a forced delete: the object goes at once and no kubelet confirms that the containers stopped. */
const GRACE = { key: "grace_period_seconds", min: 1, max: 300, preset: 1 } as const;

/** Falco Talon's guards: true = leave pods of that owner kind alone. */
const IGNORES = [
  { key: "ignore_daemonsets", spares: (pod: PodWorkload) => pod.owner?.kind === "DaemonSet", what: "a DaemonSet's pod" },
  { key: "ignore_statefulsets", spares: (pod: PodWorkload) => pod.owner?.kind === "StatefulSet", what: "a StatefulSet's pod" },
  { key: "ignore_standalone_pods", spares: (pod: PodWorkload) => pod.owner === null, what: "a standalone pod" },
] as const;

const KNOWN = [GRACE.key, ...IGNORES.map(({ key }) => key), MIN_HEALTHY];
const MIRRORS = "the pod mirrors a static pod: the kubelet recreates it and the API cannot control it; next best: kubernetes:cordon";

/** min_healthy_replicas is counted among what the owner has: to look at it is all that owners are read for. */
export const endingNeeds: Needs["rbac"] = [
  { apiGroups: [""], resources: ["pods"], verbs: ["get", "list"] },
  { apiGroups: ["apps"], resources: ["deployments", "replicasets", "statefulsets", "daemonsets"], verbs: ["get"] },
  { apiGroups: ["batch"], resources: ["jobs"], verbs: ["get"] },
];

/** The pod and the parameters that ending it needs, or why it is left alone. */
export function aimToEnd(
  name: ActionName,
  workload: Workload,
  params: Params,
): { readonly workload: PodWorkload; readonly params: Params } | string {
  if (workload.kind !== "pod") return `${name} ends pods, and the target is a ${workload.kind}`;
  const strange = unknownParam(params, KNOWN);
  if (strange !== null) return `${name}: ${strange}`;
  if (workload.mirror) return MIRRORS;
  const wrong = IGNORES.find(({ key }) => params[key] !== undefined && typeof params[key] !== "boolean");
  if (wrong !== undefined) return `${wrong.key} must be true or false`;
  const spared = IGNORES.find(({ key, spares }) => params[key] === true && spares(workload));
  if (spared !== undefined) return `${spared.key} is set and this is ${spared.what}`;
  const floor = floorIn(params);
  if (floor !== null && "because" in floor) return floor.because;
  const grace = graceSeconds(params);
  if (typeof grace === "string") return grace;
  const least = params[MIN_HEALTHY];
  return { workload, params: { [GRACE.key]: grace, ...(least === undefined ? {} : { [MIN_HEALTHY]: least }) } };
}

/** Whole seconds within the bounds, or why not. */
function graceSeconds(params: Params): number | string {
  const given = params[GRACE.key] ?? GRACE.preset;
  const seconds = typeof given === "string" && /^\d{1,6}$/.test(given) ? Number(given) : given;
  if (typeof seconds !== "number" || !Number.isInteger(seconds)) return `${GRACE.key} must be a whole number of seconds`;
  if (seconds < GRACE.min) return `${GRACE.key} must be at least ${GRACE.min}: 0 forces the delete and nothing confirms that it stopped`;
  if (seconds > GRACE.max) return `${GRACE.key} must be at most ${GRACE.max}`;
  return seconds;
}

export function graceOf(plan: Plan): number {
  const grace = graceSeconds(plan.params);
  if (typeof grace === "string") throw new Error(`a plan of ${plan.action} is unbounded: ${grace}`);
  return grace;
}

export function podIn({ action, workload }: Plan): PodWorkload {
  if (workload.kind !== "pod") throw new Error(`a plan of ${action} holds a ${workload.kind}`);
  return workload;
}

/** What the server says to a rehearsal; null: it would do it. */
export type Rehearsal = (api: KubernetesApi) => Promise<Extract<Preparation, { readonly because: string }> | null>;

/** Looks at the pod as it is now and at what it would leave behind, and asks the server whether it would end it. */
export async function prepareToEnd(plan: Plan, rehearse: Rehearsal, { cluster, access }: Reach, signal: AbortSignal): Promise<Preparation> {
  const api = await access.kubernetes(cluster);
  // The rehearsal and the delete itself are told the uid.
  const found = await podNow(podIn(plan), api.recent, signal);
  if (found === null) return { kind: "nothing", because: "the pod is gone" };
  const pod = podFacts(found);
  if (isMirror(pod)) return { kind: "refused", because: MIRRORS };
  const ending = endingOf(found);
  if (ending !== null && ending.seconds <= graceOf(plan))
    return { kind: "nothing", because: `the pod is already being deleted, until ${ending.until}` };
  const short = await shortOf(plan, pod, api, signal);
  if (short !== null) return { kind: "refused", because: short };
  const answer = await rehearse(api);
  if (answer !== null) return answer;
  const hurried =
    ending === null
      ? []
      : [
          `The pod was already being deleted, with ${ending.seconds} s of grace, until ${ending.until}: this shortens it, which a kubelet may not notice.`,
        ];
  return { kind: "ready", kept: {}, remarks: [...hurried, replacement(pod), ...heldBy(pod)] };
}

async function shortOf(plan: Plan, pod: PodFacts, api: KubernetesApi, signal: AbortSignal): Promise<string | null> {
  const floor = floorIn(plan.params);
  if (floor !== null && "because" in floor) throw new Error(`a plan of ${plan.action} has no floor: ${floor.because}`);
  return floor === null ? null : await tooFew(pod, floor, api, signal);
}

/** The same again right before the end: since it was prepared, others of its owner may have ended. Of a pod that is on its way, nothing is asked. */
export async function fallenShort(plan: Plan, api: KubernetesApi, signal: AbortSignal): Promise<string | null> {
  if (plan.params[MIN_HEALTHY] === undefined) return null;
  const found = await podNow(podIn(plan), api, signal);
  return found === null || found.metadata.deletionTimestamp !== undefined ? null : await shortOf(plan, podFacts(found), api, signal);
}

/** Grace of a pod that is being deleted; the timestamp is when it is over. */
function endingOf({ metadata }: KubeObject): { readonly seconds: number; readonly until: string } | null {
  const ms = Date.parse(metadata.deletionTimestamp ?? "");
  if (Number.isNaN(ms)) return null;
  return { seconds: whole(metadata.deletionGracePeriodSeconds) ?? 0, until: at(ms) };
}

const HOLE = "with the same image and hole";

function replacement({ controller }: PodFacts): string {
  if (controller === null) return "No controller owns the pod: nothing replaces it.";
  const who = titleOf(controller);
  switch (controller.kind) {
    case "StatefulSet":
      return `${who} starts another of the same name, ${HOLE}.`;
    case "DaemonSet":
      return `${who} starts another on the same node, ${HOLE}.`;
    case "Job":
      return `${who} may run its work again, ${HOLE}, as often as its backoffLimit allows.`;
    case "ReplicaSet":
      return `${who} starts another, ${HOLE}.`;
    default:
      return `${who} may start another, ${HOLE}.`;
  }
}

const heldBy = ({ finalizers }: PodFacts): readonly string[] =>
  finalizers.length === 0
    ? []
    : [
        `Its containers stop, and the object stays until somebody removes its finalizers (${few(finalizers.map(cut), 3)}): that is never done here.`,
      ];

/** Names that others have given, as short as a person reads them. */
const cut = (name: string): string => name.slice(0, 63);

/** Has the pod ended? */
export async function seenEnding(plan: Plan, { cluster, access }: Reach, signal: AbortSignal): Promise<Verification> {
  const { namespace, name, uid } = podIn(plan);
  const found = await (await access.kubernetes(cluster)).get(POD, namespace, name, signal);
  if (found === null) return { kind: "done", because: "the pod is gone" };
  const pod = podFacts(found);
  if (pod.uid !== uid) return { kind: "done", because: "the pod is gone; another pod has its name" };
  if (pod.deletionTimestamp === null) return { kind: "pending", begun: false, because: "the pod is there and is not being deleted" };
  return pod.containers.some(({ running }) => running)
    ? { kind: "pending", begun: true, because: "the pod is terminating and a container of it still runs" }
    : { kind: "pending", begun: true, because: "the pod's containers have stopped; the kubelet or a finalizer still holds the object" };
}

export const SUCCESSOR = "another pod has the name: the accused one is gone, and its successor was not touched";
export const NO_UNDO = {
  possible: false,
  because: "a deleted pod does not come back; its controller, if it has one, makes a replacement",
} as const;
