import { isDeepStrictEqual } from "node:util";
import { CNI_PARAMS, cniNeeds, cniOf, cniParams, cniRemarks, objectionTo } from "#shared/playbooks/kubernetes/cni.ts";
import { type PodFacts, podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { patchPod, podNow, setKeys, type Wish } from "#shared/playbooks/kubernetes/guarded.ts";
import { INCIDENT, ORIGINAL_LABELS, QUARANTINE } from "#shared/playbooks/kubernetes/marks.ts";
import { isAsMade, makePolicy, takeAway, title } from "#shared/playbooks/kubernetes/our-policy.ts";
import { leaksOf, quarantinedLabels, quarantinePolicy, type Variant, variantFor } from "#shared/playbooks/kubernetes/quarantine-policy.ts";
import { endOffender, type Former, release } from "#shared/playbooks/kubernetes/quarantine-release.ts";
import { seenQuarantined } from "#shared/playbooks/kubernetes/quarantine-seen.ts";
import { releaseOf } from "#shared/playbooks/kubernetes/release.ts";
import type { Labels } from "#shared/playbooks/kubernetes/selectors.ts";
import { aimAtTraffic, GONE, NOT_CUT, podOf, standing } from "#shared/playbooks/kubernetes/traffic.ts";
import { duration } from "#shared/playbooks/params.ts";
import { type Kept, type Plan, type Playbook, refused } from "#shared/playbooks/playbook.ts";
import { few } from "#shared/playbooks/words.ts";
import type { KubeObject, KubernetesApi } from "#shared/ports/kubernetes.ts";

const NAME = "kubernetes:quarantine";
const EXPIRES = "24h";
const KNOWN = [...CNI_PARAMS, "expires_after", "on_expiry"];

/** Annotations that keep autoscalers from ending the pod, and what it was for. */
const SHIELDS = { "cluster-autoscaler.kubernetes.io/safe-to-evict": "false", "karpenter.sh/do-not-disrupt": "true" } as const;

/**
 * Cuts one pod off and leaves it running, for people to look at: a policy first, then its labels in one guarded patch. The labels go so that no
 * Service, controller or other policy selects it any more; the policy stands before, for without labels and without it the pod would be open.
 */
export const quarantine: Playbook = {
  name: NAME,
  needs: {
    iam: [],
    look: [],
    rbac: [
      ...cniNeeds,
      { apiGroups: [""], resources: ["pods"], verbs: ["get", "patch", "delete"] },
      { apiGroups: [""], resources: ["resourcequotas"], verbs: ["list"] },
      { apiGroups: ["apps"], resources: ["replicasets", "daemonsets"], verbs: ["get"] },
      { apiGroups: ["batch"], resources: ["jobs"], verbs: ["get"] },
      { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list"] },
      { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs: ["get", "list", "create", "delete"] },
      { apiGroups: ["cilium.io"], resources: ["ciliumnetworkpolicies"], verbs: ["get", "create", "delete"] },
      { apiGroups: ["crd.projectcalico.org"], resources: ["networkpolicies"], verbs: ["get", "create", "delete"] },
      { apiGroups: ["crd.projectcalico.org"], resources: ["globalnetworkpolicies"], verbs: ["list"] },
      { apiGroups: ["crd.projectcalico.org"], resources: ["tiers"], verbs: ["get"] },
    ],
  },

  plan(workload, params, occasion) {
    const target = aimAtTraffic(NAME, workload, params, KNOWN);
    if (typeof target === "string") return refused(target);
    const cni = cniParams(params);
    if (typeof cni === "string") return refused(cni);
    const { expires_after = EXPIRES, on_expiry = "delete" } = params;
    const lasts = duration({ expires_after }, "expires_after");
    if (typeof lasts === "object" && lasts !== null) return refused(lasts.because);
    if (on_expiry !== "delete" && on_expiry !== "ask")
      return refused("on_expiry must be delete or ask: expiry never returns a pod to service");
    return { kind: "planned", plan: { action: NAME, workload: target, params: { ...cni, expires_after, on_expiry }, occasion } };
  },

  async prepare(plan, { cluster, access }, signal) {
    const api = await access.kubernetes(cluster);
    const at = podOf(plan, NAME);
    const object = await podNow(at, api, signal);
    if (object === null) return GONE;
    const pod = podFacts(object);
    const over = standing(pod);
    if (over !== null) return over;
    const cni = await cniOf(pod.node, pod.namespace, api, signal);
    const unenforced = objectionTo(cni, plan.params);
    if (unenforced !== null) return { kind: "refused", because: unenforced };
    const variant = await variantFor(cni, api, signal);
    if (await isQuarantined(pod, variant, api, signal)) return { kind: "nothing", because: "the pod is quarantined already" };
    const kept = keptOf(pod, variant);
    const labels = quarantinedLabels(formerLabels(kept), pod.uid);
    const freed = await releaseOf(pod, object.spec ?? {}, labels, api, signal);
    if ("because" in freed) return { kind: "refused", because: freed.because };
    const leaks = await leaksOf(variant, { namespace: pod.namespace, labels }, pod.uid, cni, api, signal);
    if (leaks.length > 0)
      return {
        kind: "refused",
        because: `it would not be cut off: ${few(leaks)} still selects such a pod and allows traffic; next best: kubernetes:terminate, or correct the policy`,
      };
    const no = await rehearse(plan, kept, api, signal);
    if (no !== null) return { kind: "refused", because: no };
    const policy = quarantinePolicy(variant, pod);
    return {
      kind: "ready",
      kept,
      remarks: [`Cut off by ${title(policy)}.`, endOf(plan), ...cniRemarks(cni), NOT_CUT, DNS, ...freed.remarks],
    };
  },

  async execute(plan, kept, { cluster, access }, signal) {
    const api = await access.kubernetes(cluster);
    const at = podOf(plan, NAME);
    const policy = quarantinePolicy(variantOf(kept), at);
    if ((await podNow(at, api, signal)) === null) return { kind: "gone", because: "the pod was already gone" };
    const made = await makePolicy(policy, at, plan.occasion.incident, api, signal);
    if (made.kind === "gone")
      return { kind: "conflict", because: `no ${policy.kind.kind} can be made there (any more): nothing was changed` };
    if (made.kind === "strange") return { kind: "conflict", because: `${made.because}; nothing was changed` };
    if (made.kind === "rejected") return { kind: "failed", because: `the API server refuses ${title(policy)}: ${made.because}` };
    const answer = await patchPod(at, relabelled(kept, plan), api, signal);
    if (answer.kind === "patched" || answer.kind === "same")
      return {
        kind: "accepted",
        because: `${title(policy)} stands, and the API server took the pod's labels`,
        kept: { ...kept, policy: made.uid },
      };
    // Nothing selects by it: the pod has not our label.
    await takeAway(policy, at, api, signal);
    if (answer.kind === "gone") return { kind: "gone", because: "the pod was gone before it could be cut off" };
    const because = `${answer.because}; the policy was taken away again, the pod is as it was`;
    return { kind: answer.kind === "rejected" ? "failed" : "conflict", because };
  },

  async verify(plan, kept, { cluster, access }, signal) {
    const api = await access.kubernetes(cluster);
    return await seenQuarantined(podOf(plan, NAME), quarantinePolicy(variantOf(kept), podOf(plan, NAME)), formerLabels(kept), api, signal);
  },

  undo: {
    possible: true,
    says: "gives the pod its labels back and then takes the policy away: its controller takes it back, and may end a surplus pod, perhaps a healthy one",
    async run(plan, kept, _doneAtMs, { cluster, access }, signal) {
      const api = await access.kubernetes(cluster);
      const at = podOf(plan, NAME);
      return await release(at, quarantinePolicy(variantOf(kept), at), former(kept, plan), api, signal);
    },
  },

  expiry: {
    afterMs: ({ params }) => {
      const lasts = duration(params, "expires_after");
      if (typeof lasts !== "number") throw new Error(`a plan of ${NAME} never expires`);
      return lasts;
    },
    by: ({ params }) => (params["on_expiry"] === "ask" ? "ask" : "end"),
    async end(plan, kept, { cluster, access, protection }, signal) {
      const at = podOf(plan, NAME);
      const spared = ({ labels, annotations }: PodFacts) => protection({ ...at, labels, annotations });
      return await endOffender(at, quarantinePolicy(variantOf(kept), at), spared, await access.kubernetes(cluster), signal);
    },
  },
};

/** For people: it never goes back into service by itself. */
const endOf = ({ params }: Plan): string =>
  params["on_expiry"] === "ask"
    ? `After ${params["expires_after"]} people are asked what is to become of it; it stays cut off until they answer.`
    : `After ${params["expires_after"]} the pod is ended, unless somebody takes it back before.`;

const DNS = "DNS is cut too, so what is asked for by name fails before it connects.";

async function isQuarantined(pod: PodFacts, variant: Variant, api: KubernetesApi, signal: AbortSignal): Promise<boolean> {
  if (!isDeepStrictEqual(pod.labels, quarantinedLabels(pod.labels, pod.uid)) || pod.labels[QUARANTINE] !== pod.uid) return false;
  const policy = quarantinePolicy(variant, pod);
  const found: KubeObject | null = await api.get(policy.kind, pod.namespace, policy.name, signal);
  return found !== null && isAsMade(found, policy, pod);
}

/** Both writes as the server would take them: rights, quota, admission. A webhook that puts labels back is found here, before anything is touched. */
async function rehearse(plan: Plan, kept: Kept, api: KubernetesApi, signal: AbortSignal): Promise<string | null> {
  const at = podOf(plan, NAME);
  const policy = quarantinePolicy(variantOf(kept), at);
  const made = await makePolicy(policy, at, plan.occasion.incident, api, signal, true);
  if (made.kind === "gone") return `the API server serves no ${policy.kind.kind} there; next best: kubernetes:terminate`;
  if (made.kind === "rejected") return `the API server would not take ${title(policy)}: ${made.because}; next best: kubernetes:terminate`;
  if (made.kind !== "made") return `${made.because}; next best: kubernetes:terminate`;
  const answer = await patchPod(at, relabelled(kept, plan), api, signal, true);
  if (answer.kind === "gone") return "the pod is gone";
  if (answer.kind === "rejected" || answer.kind === "objected")
    return `the API server would not let its labels be taken: ${answer.because}; next best: kubernetes:terminate`;
  return isDeepStrictEqual(answer.pod.labels, quarantinedLabels(formerLabels(kept), at.uid))
    ? null
    : "something in the cluster (an admission webhook) puts labels back that are taken: it would not be cut off; next best: kubernetes:terminate";
}

/** The labels and annotations of a quarantined pod, in one patch. Only while the labels are those that were kept. */
const relabelled =
  (kept: Kept, plan: Plan) =>
  (pod: PodFacts): Wish => {
    const former = formerLabels(kept);
    const wanted = quarantinedLabels(former, pod.uid);
    if (isDeepStrictEqual(pod.labels, wanted)) return [];
    if (!isDeepStrictEqual(withoutMark(pod.labels), former)) return { because: "somebody changed the pod's labels meanwhile" };
    return [
      { op: Object.keys(pod.labels).length === 0 ? "add" : "replace", path: "/metadata/labels", value: wanted },
      ...setKeys("annotations", pod.annotations, annotationsFor(former, plan.occasion.incident)),
    ];
  };

const annotationsFor = (former: Labels, incident: string): Labels => ({
  ...SHIELDS,
  [INCIDENT]: incident,
  [ORIGINAL_LABELS]: JSON.stringify(former),
});

const withoutMark = ({ [QUARANTINE]: _mark, ...labels }: Labels): Labels => labels;

function keptOf({ labels, annotations, controller }: PodFacts, variant: Variant): Kept {
  const former = withoutMark(labels);
  const present = Object.keys(annotationsFor(former, "")).map((key) => [key, annotations[key] ?? null] as const);
  return {
    variant: JSON.stringify(variant),
    labels: JSON.stringify(former),
    annotations: JSON.stringify(Object.fromEntries(present)),
    controller: controller === null ? "" : `${controller.kind} ${controller.name}`,
  };
}

function heldIn(kept: Kept, key: string): string {
  const value = kept[key];
  if (value === undefined) throw new Error(`${NAME} was not prepared`);
  return value;
}

const variantOf = (kept: Kept): Variant => JSON.parse(heldIn(kept, "variant")) as Variant;
const formerLabels = (kept: Kept): Labels => JSON.parse(heldIn(kept, "labels")) as Labels;

const former = (kept: Kept, plan: Plan): Former => ({
  labels: formerLabels(kept),
  annotations: JSON.parse(heldIn(kept, "annotations")) as Former["annotations"],
  made: annotationsFor(formerLabels(kept), plan.occasion.incident),
  controller: heldIn(kept, "controller"),
});
