import { list, object, type PodFacts, text } from "#shared/playbooks/kubernetes/facts.ts";
import {
  DAEMON_SET,
  JOB,
  NETWORK_POLICY,
  POD_DISRUPTION_BUDGET,
  REPLICA_SET,
  SERVICE,
  STATEFUL_SET,
} from "#shared/playbooks/kubernetes/kinds.ts";
import { type Labels, selects } from "#shared/playbooks/kubernetes/selectors.ts";
import type { Needs } from "#shared/playbooks/playbook.ts";
import { few } from "#shared/playbooks/words.ts";
import type { Kind, KubeObject, KubernetesApi } from "#shared/ports/kubernetes.ts";

const NEXT_BEST = "next best: another key, or kubernetes:quarantine, which cuts the pod off before it changes labels";

/** Kinds that make pods, and find them by their labels. */
const MAKERS: readonly Kind[] = [REPLICA_SET, STATEFUL_SET, DAEMON_SET, JOB];
/** Of these, kinds that adopt a pod that nobody has. */
const ADOPTERS: readonly Kind[] = [REPLICA_SET, STATEFUL_SET, DAEMON_SET];

export const relabellingNeeds: Needs["rbac"] = [
  { apiGroups: ["apps"], resources: ["replicasets", "statefulsets", "daemonsets"], verbs: ["get", "list"] },
  { apiGroups: ["batch"], resources: ["jobs"], verbs: ["get"] },
  { apiGroups: [""], resources: ["services"], verbs: ["list"] },
  { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs: ["list"] },
  { apiGroups: ["policy"], resources: ["poddisruptionbudgets"], verbs: ["list"] },
];

/** Who loses or gets the pod when its labels become these: a reason against it, or what people should know. */
export async function consequencesOf(
  pod: PodFacts,
  after: Labels,
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<{ readonly because: string } | { readonly remarks: readonly string[] }> {
  const keys = [...new Set([...Object.keys(pod.labels), ...Object.keys(after)])].filter((key) => pod.labels[key] !== after[key]);
  const owner = pod.controller === null ? await adopted(pod, after, api, signal) : await released(pod, keys, api, signal);
  if (owner !== null) return { because: `${owner}; ${NEXT_BEST}` };
  const policies = await moved(NETWORK_POLICY, "podSelector", pod, after, api, signal);
  if (policies.lost.length > 0)
    return { because: `NetworkPolicy ${few(policies.lost)} would no longer restrict the pod: it could do more than before; ${NEXT_BEST}` };
  const budgets = await moved(POD_DISRUPTION_BUDGET, "selector", pod, after, api, signal);
  const services = await moved(SERVICE, "selector", pod, after, api, signal);
  const remark = (names: readonly string[], says: (shown: string) => string): readonly string[] =>
    names.length === 0 ? [] : [says(few(names))];
  return {
    remarks: [
      ...remark(policies.got, (names) => `NetworkPolicy ${names} selects the pod from now on.`),
      ...remark(services.lost, (names) => `Service ${names} no longer sends traffic to the pod.`),
      ...remark(services.got, (names) => `Service ${names} sends traffic to the pod from now on.`),
      ...remark(budgets.lost, (names) => `The disruption budget ${names} no longer counts the pod.`),
      ...remark(budgets.got, (names) => `The disruption budget ${names} counts the pod from now on.`),
      ...(keys.some((key) => Object.hasOwn(pod.labels, key)) ? ["Policies of Cilium or Calico that select by it are not looked at."] : []),
    ],
  };
}

/** Why its controller would let the pod go; null: it would not. https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#isolating-pods-from-a-replicaset */
async function released({ controller, namespace, labels }: PodFacts, keys: readonly string[], api: KubernetesApi, signal: AbortSignal) {
  if (controller === null) return null;
  const { kind, name, apiVersion, uid } = controller;
  const known = MAKERS.find((maker) => maker.kind === kind && apiVersion === `${maker.group}/${maker.version}`);
  const found = known === undefined ? null : await api.get(known, namespace, name, signal);
  if (found?.metadata.uid !== uid) {
    // It may select by any label that the pod has; by one that the pod has not, it could not have found it.
    const risky = keys.find((key) => Object.hasOwn(labels, key));
    return risky === undefined
      ? null
      : `what the pod's controller ${kind}/${name} selects by cannot be read, and it may be the label ${risky}`;
  }
  const { matchLabels, matchExpressions } = object(found.spec?.["selector"]);
  const selected = [...Object.keys(object(matchLabels)), ...list(matchExpressions).map(({ key }) => text(key))];
  const hit = keys.find((key) => selected.includes(key));
  return hit === undefined ? null : `${kind}/${name} selects by the label ${hit}: the pod would be released, and replaced`;
}

/** A pod that nobody has is adopted by whoever selects it, and may be ended as one too many. */
async function adopted({ namespace, labels }: PodFacts, after: Labels, api: KubernetesApi, signal: AbortSignal): Promise<string | null> {
  for (const kind of ADOPTERS)
    for (const { metadata, spec } of (await api.list(kind, { namespace }, signal)) ?? [])
      if (selects(spec?.["selector"], after) && !selects(spec?.["selector"], labels))
        return `${kind.kind}/${metadata.name} would select the pod then, adopt it, and perhaps end it as one too many`;
  return null;
}

async function moved(kind: Kind, field: string, pod: PodFacts, after: Labels, api: KubernetesApi, signal: AbortSignal) {
  const all = (await api.list(kind, { namespace: pod.namespace }, signal)) ?? [];
  const selected = (one: KubeObject, labels: Labels): boolean => {
    const selector = one.spec?.[field];
    // A Service's is a plain map. An absent one of a Service or a budget selects nothing, one of a policy everything.
    if (kind === SERVICE) return Object.keys(object(selector)).length > 0 && selects({ matchLabels: selector }, labels);
    if (kind === POD_DISRUPTION_BUDGET && (typeof selector !== "object" || selector === null)) return false;
    return selects(selector, labels);
  };
  const names = (holds: (one: KubeObject) => boolean): readonly string[] => all.filter(holds).map(({ metadata }) => metadata.name);
  return {
    lost: names((one) => selected(one, pod.labels) && !selected(one, after)),
    got: names((one) => !selected(one, pod.labels) && selected(one, after)),
  };
}
