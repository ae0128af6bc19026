import { type PodFacts, podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { type PodAt, patchPod, podNow, setKeys } from "#shared/playbooks/kubernetes/guarded.ts";
import { POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { QUARANTINE } from "#shared/playbooks/kubernetes/marks.ts";
import { type OurPolicy, takeAway, title } from "#shared/playbooks/kubernetes/our-policy.ts";
import type { Labels } from "#shared/playbooks/kubernetes/selectors.ts";
import type { Undoing } from "#shared/playbooks/playbook.ts";
import { few } from "#shared/playbooks/words.ts";
import type { KubernetesApi } from "#shared/ports/kubernetes.ts";

/** The pod before it was quarantined; null: it had no such annotation. `made`: the annotations that we gave it. */
export interface Former {
  readonly labels: Labels;
  readonly annotations: Readonly<Record<string, string | null>>;
  readonly made: Labels;
  /** "ReplicaSet web-5d4f"; "": none. */
  readonly controller: string;
}

/** In one patch our label goes and the others come back, so that the policies which held the pod before hold it at once. Ours goes after that. */
export async function release(at: PodAt, policy: OurPolicy, former: Former, api: KubernetesApi, signal: AbortSignal): Promise<Undoing> {
  const strange: string[] = [];
  const answer = await patchPod(
    at,
    (pod) => {
      const { labels, annotations, changed } = comeback(pod, former);
      strange.splice(0, strange.length, ...changed);
      return [...setKeys("labels", pod.labels, labels), ...setKeys("annotations", pod.annotations, annotations)];
    },
    api,
    signal,
  );
  if (answer.kind === "rejected" || answer.kind === "objected")
    return { kind: "changed", because: `the API server does not let the labels back (${answer.because}): the pod is still quarantined` };
  if (answer.kind !== "gone" && answer.pod.labels[QUARANTINE] === at.uid)
    return { kind: "requested", because: "the pod still has our label: something in the cluster keeps it" };
  const policyIs = await takeAway(policy, at, api, signal);
  if (policyIs === "strange") strange.push(`${title(policy)} is not as we made it`);
  if (answer.kind === "gone" && strange.length === 0)
    return { kind: "nothing", because: `the pod is gone, and ${title(policy)} with it: there is nothing to give back` };
  const back = answer.kind === "patched" ? [`the pod has its labels again${adopted(former)}`] : [];
  const taken = policyIs === "deleted" ? [`${title(policy)} is taken away`] : [];
  if (strange.length > 0) return { kind: "changed", because: [`not overwritten: ${few(strange)}`, ...back, ...taken].join("; ") };
  return back.length + taken.length > 0
    ? { kind: "undone", because: [...back, ...taken].join("; ") }
    : { kind: "nothing", because: "the pod has its labels and no policy of ours" };
}

const adopted = ({ controller }: Former): string =>
  controller === "" ? "" : `: ${controller} takes it back if it still selects it, and then may end a surplus pod, perhaps a healthy one`;

/** Key by key: what is still as we made it gets its former value, what somebody changed since stands. */
function comeback({ uid, labels, annotations }: PodFacts, former: Former) {
  const ours = labels[QUARANTINE] === uid;
  const keys = Object.keys(former.labels);
  const missing = keys.filter((key) => !Object.hasOwn(labels, key));
  const other = keys.filter((key) => Object.hasOwn(labels, key) && labels[key] !== former.labels[key]);
  const marks = Object.entries(former.made).filter(([key, value]) => annotations[key] === value);
  return {
    labels: ours ? { ...Object.fromEntries(missing.map((key) => [key, former.labels[key] ?? null])), [QUARANTINE]: null } : {},
    annotations: Object.fromEntries(marks.map(([key]) => [key, former.annotations[key] ?? null])),
    changed: [
      ...other.map((key) => `label ${key}`),
      ...(ours || missing.length === 0 ? [] : [`the pod has not our label any more, and not all of its own: somebody changed them`]),
    ],
  };
}

/** Ends the pod, then its policy: while its containers stop, it stays cut off. Not when somebody released it, or protects it, meanwhile. */
export async function endOffender(
  at: PodAt,
  policy: OurPolicy,
  spared: (pod: PodFacts) => string | null,
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<Undoing> {
  const object = await podNow(at, api, signal);
  if (object !== null) {
    const pod = podFacts(object);
    if (pod.labels[QUARANTINE] !== at.uid)
      return { kind: "changed", because: "somebody released the pod from quarantine since: it was not deleted" };
    const protectedBy = spared(pod);
    if (protectedBy !== null && pod.deletionTimestamp === null)
      return { kind: "changed", because: `it was protected since (${protectedBy}): it stays quarantined` };
    if (pod.deletionTimestamp === null) {
      // 0 would force it: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination-forced
      const answer = await api.delete(POD, at, { graceSeconds: 1 }, signal);
      if (answer.kind === "rejected")
        return { kind: "changed", because: `the API server refuses to delete the pod (${answer.because}): it stays quarantined` };
    }
    if ((await podNow(at, api, signal)) !== null)
      return { kind: "requested", because: "the quarantined pod is being deleted, and stays cut off until it is gone" };
  }
  const policyIs = await takeAway(policy, at, api, signal);
  if (policyIs === "strange")
    return { kind: "changed", because: `the quarantined pod is gone; ${title(policy)} is not as we made it and stands` };
  return object === null && policyIs === "gone"
    ? { kind: "nothing", because: "the quarantined pod and its policy are gone already" }
    : { kind: "undone", because: "the quarantined pod was deleted, and its policy taken away" };
}
