import type { PodFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { type PodAt, patchPod, podNow, setKeys, type Wish } from "#shared/playbooks/kubernetes/guarded.ts";
import { isAsMade, type OurPolicy, takeAway, title } from "#shared/playbooks/kubernetes/our-policy.ts";
import type { Undoing, Verification } from "#shared/playbooks/playbook.ts";
import type { KubernetesApi } from "#shared/ports/kubernetes.ts";

/** A label of ours with the pod's uid as value, beside its others: what a policy for this pod alone selects by. */
export const marked =
  (key: string) =>
  (pod: PodFacts): Wish =>
    setKeys("labels", pod.labels, { [key]: pod.uid });

/** Another value than the pod's uid is not ours and stays. */
export const unmarked =
  (key: string) =>
  (pod: PodFacts): Wish =>
    pod.labels[key] === pod.uid ? setKeys("labels", pod.labels, { [key]: null }) : [];

/** What the API shows: never that traffic is cut. */
export async function seenMarked(
  at: PodAt,
  key: string,
  policy: OurPolicy,
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<Verification> {
  const object = await podNow(at, api, signal);
  if (object === null) return { kind: "done", because: "the pod is gone, and its policy goes with it" };
  const found = await api.get(policy.kind, at.namespace, policy.name, signal);
  const stands = found !== null && isAsMade(found, policy, at);
  const selected = podFacts(object).labels[key] === at.uid;
  if (stands && selected)
    return { kind: "done", because: `${title(policy)} selects the pod; whether its traffic is cut is up to the network plugin` };
  const pending = { kind: "pending", begun: false } as const;
  if (!stands && !selected) return { ...pending, because: `${title(policy)} is not there, and the pod has not our label` };
  return {
    ...pending,
    partly: true,
    because: stands
      ? `${title(policy)} is there, and the pod has not our label (any more)`
      : `the pod has our label, and ${title(policy)} is gone or changed`,
  };
}

/** The label off, then the policy away. */
export async function unmark(at: PodAt, key: string, policy: OurPolicy, api: KubernetesApi, signal: AbortSignal): Promise<Undoing> {
  const answer = await patchPod(at, unmarked(key), api, signal);
  if (answer.kind === "rejected" || answer.kind === "objected")
    return { kind: "changed", because: `the API server does not let our label be taken off: ${answer.because}` };
  const policyIs = await takeAway(policy, at, api, signal);
  if (policyIs === "strange") return { kind: "changed", because: `${title(policy)} is not as we made it: it stands` };
  if (answer.kind === "gone") return { kind: "nothing", because: "the pod is gone, and its policy with it" };
  return answer.kind === "patched" || policyIs === "deleted"
    ? { kind: "undone", because: `${title(policy)} is taken away, and our label with it` }
    : { kind: "nothing", because: "neither our label nor our policy is there any more" };
}
