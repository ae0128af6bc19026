import { CNI_PARAMS, cniNeeds, cniOf, cniParams, cniRemarks, objectionTo } from "#shared/playbooks/kubernetes/cni.ts";
import { egressList, type Lists, listsOf } from "#shared/playbooks/kubernetes/egress-list.ts";
import { podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { type PodAt, patchPod, podNow } from "#shared/playbooks/kubernetes/guarded.ts";
import { NETWORK_POLICY } from "#shared/playbooks/kubernetes/kinds.ts";
import { RESTRICTED } from "#shared/playbooks/kubernetes/marks.ts";
import { BOTH, type Direction, openingsOf } from "#shared/playbooks/kubernetes/openings.ts";
import { isAsMade, makePolicy, type OurPolicy, title } from "#shared/playbooks/kubernetes/our-policy.ts";
import { marked, seenMarked, unmark } from "#shared/playbooks/kubernetes/pod-mark.ts";
import { aimAtTraffic, CUT_OFF, GONE, isCutOff, NOT_CUT, podOf, standing } from "#shared/playbooks/kubernetes/traffic.ts";
import { type Params, type Plan, type Playbook, refused } from "#shared/playbooks/playbook.ts";
import { few } from "#shared/playbooks/words.ts";

const NAME = "kubernetes:networkpolicy";
const KNOWN = [...CNI_PARAMS, "allow_cidr", "allow_namespaces", "allow_dns", "ingress"];
const NEXT_BEST = "next best: kubernetes:quarantine";

/**
 * Holds one pod to a list of destinations, as Falco Talon's action of that name does to all pods of an owner. The pod stays in service: what
 * comes in still comes in unless `ingress: deny`. Policies only add, so one that allows more is looked for. Names are not resolved unless
 * `allow_dns: true`, as with Talon. https://kubernetes.io/docs/concepts/services-networking/network-policies/
 */
export const networkPolicy: Playbook = {
  name: NAME,
  needs: {
    iam: [],
    look: [],
    rbac: [
      ...cniNeeds,
      { apiGroups: [""], resources: ["pods"], verbs: ["get", "patch"] },
      { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs: ["get", "list", "create", "delete"] },
      { apiGroups: ["cilium.io"], resources: ["ciliumclusterwidenetworkpolicies"], verbs: ["list"] },
      { apiGroups: ["crd.projectcalico.org"], resources: ["globalnetworkpolicies"], verbs: ["list"] },
    ],
  },

  plan(workload, params, occasion) {
    const target = aimAtTraffic(NAME, workload, params, KNOWN);
    if (typeof target === "string") return refused(target);
    const cni = cniParams(params);
    if (typeof cni === "string") return refused(cni);
    const lists = listsOf(params);
    if (typeof lists === "string") return refused(lists);
    return { kind: "planned", plan: { action: NAME, workload: target, params: { ...cni, ...lists }, occasion } };
  },

  async prepare(plan, { cluster, access }, signal) {
    const api = await access.kubernetes(cluster);
    const at = podOf(plan, NAME);
    const object = await podNow(at, api, signal);
    if (object === null) return GONE;
    const pod = podFacts(object);
    const over = standing(pod);
    if (over !== null) return over;
    if (isCutOff(pod)) return CUT_OFF;
    const policy = policyFor(plan, at);
    const found = await api.get(NETWORK_POLICY, at.namespace, policy.name, signal);
    if (found !== null && !isAsMade(found, policy, at))
      return {
        kind: "refused",
        because: `${title(policy)} is there with another list: undo it first, it is never overwritten; ${NEXT_BEST}`,
      };
    if (found !== null && pod.labels[RESTRICTED] === at.uid) return { kind: "nothing", because: `${title(policy)} holds the pod already` };
    const cni = await cniOf(pod.node, pod.namespace, api, signal);
    const unenforced = objectionTo(cni, plan.params);
    if (unenforced !== null) return { kind: "refused", because: unenforced };
    const selectable = { namespace: pod.namespace, labels: { ...pod.labels, [RESTRICTED]: at.uid } };
    const more = await openingsOf(selectable, directionsOf(plan.params), cni.enforcer, policy.name, api, signal);
    if (more.length > 0)
      return {
        kind: "refused",
        because: `the list would not hold: ${few(more)} selects the pod and allows traffic, and policies add up; ${NEXT_BEST}`,
      };
    const made = await makePolicy(policy, at, plan.occasion.incident, api, signal, true);
    if (made.kind === "rejected")
      return { kind: "refused", because: `the API server would not take ${title(policy)}: ${made.because}; ${NEXT_BEST}` };
    if (made.kind !== "made")
      return { kind: "refused", because: `${made.kind === "gone" ? "the namespace is gone" : made.because}; ${NEXT_BEST}` };
    const labelled = await patchPod(at, marked(RESTRICTED), api, signal, true);
    if (labelled.kind === "gone") return GONE;
    if (labelled.kind === "rejected" || labelled.kind === "objected")
      return { kind: "refused", because: `the API server would not let the pod be labelled: ${labelled.because}; ${NEXT_BEST}` };
    return { kind: "ready", kept: {}, remarks: [says(plan.params), ...cniRemarks(cni), NOT_CUT] };
  },

  async execute(plan, _kept, { cluster, access }, signal) {
    const api = await access.kubernetes(cluster);
    const at = podOf(plan, NAME);
    const policy = policyFor(plan, at);
    if ((await podNow(at, api, signal)) === null) return { kind: "gone", because: "the pod was already gone" };
    const made = await makePolicy(policy, at, plan.occasion.incident, api, signal);
    if (made.kind === "gone") return { kind: "conflict", because: "the namespace has gone meanwhile: nothing was changed" };
    if (made.kind === "strange") return { kind: "conflict", because: `${made.because}; nothing was changed` };
    if (made.kind === "rejected") return { kind: "failed", because: `the API server refuses ${title(policy)}: ${made.because}` };
    const answer = await patchPod(at, marked(RESTRICTED), api, signal);
    if (answer.kind === "patched" || answer.kind === "same")
      return { kind: "accepted", because: `${title(policy)} stands, and the API server took the pod's label` };
    await unmark(at, RESTRICTED, policy, api, signal);
    if (answer.kind === "gone") return { kind: "gone", because: "the pod was gone before it could be restricted" };
    return { kind: "failed", because: `${answer.because}; the policy was taken away again, the pod is as it was` };
  },

  async verify(plan, _kept, { cluster, access }, signal) {
    const at = podOf(plan, NAME);
    return await seenMarked(at, RESTRICTED, policyFor(plan, at), await access.kubernetes(cluster), signal);
  },

  undo: {
    possible: true,
    says: "takes our label off the pod and the policy away: it may connect again as the other policies let it",
    async run(plan, _kept, _doneAtMs, { cluster, access }, signal) {
      const at = podOf(plan, NAME);
      return await unmark(at, RESTRICTED, policyFor(plan, at), await access.kubernetes(cluster), signal);
    },
  },
};

const deniesIngress = (params: Params): boolean => params["ingress"] === "deny";
const directionsOf = (params: Params): readonly Direction[] => (deniesIngress(params) ? BOTH : ["egress"]);

function policyFor({ params }: Plan, { uid }: PodAt): OurPolicy {
  const lists = listsOf(params);
  if (typeof lists === "string") throw new Error(`a plan of ${NAME} is unbounded: ${lists}`);
  return {
    kind: NETWORK_POLICY,
    name: `falco-responder-restrict-${uid}`,
    spec: {
      podSelector: { matchLabels: { [RESTRICTED]: uid } },
      policyTypes: deniesIngress(params) ? ["Ingress", "Egress"] : ["Egress"],
      ...egressList(lists),
    },
  };
}

function says(params: Params): string {
  const lists = listsOf(params) as Lists;
  const to = [
    ...lists.allow_cidr,
    ...lists.allow_namespaces.map((name) => `namespace ${name}`),
    ...(lists.allow_dns ? ["the cluster's DNS"] : []),
  ];
  const dns = lists.allow_dns ? "" : " DNS is cut too (allow_dns: true lets it).";
  const ingress = deniesIngress(params) ? "Nothing comes in." : "What comes in still comes in (ingress: deny cuts it).";
  return `It may connect to ${to.length === 0 ? "nothing" : few(to)}.${dns} ${ingress}`;
}
