import { list, object, type PodFacts, podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { type PodAt, podNow } from "#shared/playbooks/kubernetes/guarded.ts";
import { ENDPOINT_SLICE } from "#shared/playbooks/kubernetes/kinds.ts";
import { ORIGINAL_LABELS, QUARANTINE } from "#shared/playbooks/kubernetes/marks.ts";
import { isAsMade, type OurPolicy, title } from "#shared/playbooks/kubernetes/our-policy.ts";
import { quarantinedLabels } from "#shared/playbooks/kubernetes/quarantine-policy.ts";
import type { Labels } from "#shared/playbooks/kubernetes/selectors.ts";
import type { Verification } from "#shared/playbooks/playbook.ts";
import { few, many } from "#shared/playbooks/words.ts";
import type { KubernetesApi } from "#shared/ports/kubernetes.ts";

/** What the API shows of a quarantine: never that traffic is cut, for no status says so. */
export async function seenQuarantined(
  at: PodAt,
  policy: OurPolicy,
  former: Labels,
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<Verification> {
  const object = await podNow(at, api, signal);
  if (object === null) return { kind: "done", because: "the pod is gone, and its policy goes with it" };
  const pod = podFacts(object);
  const found = await api.get(policy.kind, at.namespace, policy.name, signal);
  const stands = found !== null && isAsMade(found, policy, at);
  const selected = pod.labels[QUARANTINE] === at.uid;
  if (!selected && Object.hasOwn(pod.annotations, ORIGINAL_LABELS))
    return {
      kind: "failed",
      because: `somebody (an operator, a webhook) gave the pod its labels back: ${title(policy)} selects it no more, it is NOT cut off; next best: kubernetes:terminate`,
    };
  if (!selected && !stands)
    return { kind: "pending", begun: false, because: `${title(policy)} is not there, and the pod has its own labels` };
  if (!selected)
    return { kind: "pending", begun: false, partly: true, because: `${title(policy)} is there, and the pod still has its own labels` };
  if (!stands)
    return {
      kind: "pending",
      begun: false,
      partly: true,
      because: `the pod's labels are taken and ${title(policy)} is gone or changed: nothing holds its traffic`,
    };
  const wanted = quarantinedLabels(former, at.uid);
  const back = Object.keys(former).filter((key) => !Object.hasOwn(wanted, key) && Object.hasOwn(pod.labels, key));
  if (back.length > 0)
    return {
      kind: "pending",
      begun: true,
      partly: true,
      because: `${title(policy)} selects the pod, but somebody put labels back (${few(back, 3)}): Services and other policies may select it again`,
    };
  return await letGo(pod, policy, api, signal);
}

/** The controller takes its reference off, and the endpoints controller the pod's addresses, a moment after the labels went. */
async function letGo(pod: PodFacts, policy: OurPolicy, api: KubernetesApi, signal: AbortSignal): Promise<Verification> {
  const pending = { kind: "pending", begun: true, partly: true } as const;
  if (pod.controller !== null)
    return { ...pending, because: `${title(policy)} selects the pod; ${pod.controller.kind} ${pod.controller.name} has not let it go yet` };
  const slices = (await api.list(ENDPOINT_SLICE, { namespace: pod.namespace }, signal)) ?? [];
  const named = slices.filter((slice) => list(slice["endpoints"]).some(({ targetRef }) => object(targetRef)["uid"] === pod.uid));
  if (named.length > 0)
    return {
      ...pending,
      because: `${title(policy)} selects the pod; ${many(named.length, "EndpointSlice")} still name${named.length === 1 ? "s" : ""} it`,
    };
  return {
    kind: "done",
    because: `${title(policy)} selects the pod, no controller and no EndpointSlice has it; whether its traffic is cut is up to the network plugin`,
  };
}
