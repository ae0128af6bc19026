import { CNI_PARAMS, type Cni, cniNeeds, cniOf, cniParams, cniRemarks, DENY_KINDS } from "#shared/playbooks/kubernetes/cni.ts";
import { type PodFacts, podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { patchPod, podNow } from "#shared/playbooks/kubernetes/guarded.ts";
import { DENIED } from "#shared/playbooks/kubernetes/marks.ts";
import { BOTH, calicoPolicies, plainPolicies, precedes } from "#shared/playbooks/kubernetes/openings.ts";
import { apiVersionOf, title } from "#shared/playbooks/kubernetes/our-policy.ts";
import { marked, seenMarked } from "#shared/playbooks/kubernetes/pod-mark.ts";
import { passingTier } from "#shared/playbooks/kubernetes/quarantine-policy.ts";
import { allowAgain, deny, standingPolicy } from "#shared/playbooks/kubernetes/remote-deny.ts";
import { objectionToRemote, remoteNeeds } from "#shared/playbooks/kubernetes/remote-objections.ts";
import { remotePolicy, type Shape } from "#shared/playbooks/kubernetes/remote-policy.ts";
import { aimAtTraffic, CUT_OFF, GONE, isCutOff, NOT_CUT, podOf, standing } from "#shared/playbooks/kubernetes/traffic.ts";
import { duration } from "#shared/playbooks/params.ts";
import { type Kept, type Needs, type Params, type Plan, type Playbook, refused } from "#shared/playbooks/playbook.ts";
import { few } from "#shared/playbooks/words.ts";
import { canonical } from "#shared/policy/remote.ts";
import type { KubernetesApi } from "#shared/ports/kubernetes.ts";

const NEXT_BEST = "next best: kubernetes:quarantine, or kubernetes:terminate";
const ORDER = { preset: 0, most: 10_000 } as const;

export interface Flavour {
  readonly by: "cilium" | "calico";
  readonly title: "Cilium" | "Calico";
  readonly rbac: Needs["rbac"];
}

/**
 * Denies one pod the remote address that the alert names, both ways, in one object per pod that lists the addresses of its alerts. Falco
 * Talon's actions of these names cut all pods of the owner, and all other egress with it, and grow with every repeat.
 */
export function denyRemote(flavour: Flavour): Playbook {
  const { by, rbac } = flavour;
  const name = `${by}:networkpolicy` as const;
  const known = ["remote", "expires_after", CNI_PARAMS[1], ...(by === "calico" ? ["order"] : [])];
  return {
    name,
    needs: {
      iam: [],
      look: [],
      rbac: [...cniNeeds, ...remoteNeeds, { apiGroups: [""], resources: ["pods"], verbs: ["get", "patch"] }, ...rbac],
    },

    plan(workload, params, occasion) {
      const target = aimAtTraffic(name, workload, params, known);
      if (typeof target === "string") return refused(target);
      const { remote } = params;
      if (remote === undefined) return refused(`the alert names no remote address: there is nothing to deny; ${NEXT_BEST}`);
      if (typeof remote !== "string" || canonical(remote) !== remote)
        return refused(`the alert's remote address is not one that could be the other end; ${NEXT_BEST}`);
      const cni = cniParams(params);
      if (typeof cni === "string") return refused(cni);
      const order = orderOf(params);
      if (typeof order === "string") return refused(order);
      const lasts = duration(params, "expires_after");
      if (typeof lasts === "object" && lasts !== null) return refused(lasts.because);
      const { expires_after } = params;
      const filled = { remote, unproven: cni.unproven, ...(by === "calico" ? { order } : {}) };
      return {
        kind: "planned",
        plan: {
          action: name,
          workload: target,
          params: { ...filled, ...(expires_after === undefined ? {} : { expires_after }) },
          occasion,
        },
      };
    },

    async prepare(plan, { cluster, access }, signal) {
      const api = await access.kubernetes(cluster);
      const at = podOf(plan, name);
      const remote = remoteIn(plan);
      const object = await podNow(at, api, signal);
      if (object === null) return GONE;
      const pod = podFacts(object);
      const over = standing(pod) ?? (isCutOff(pod) ? CUT_OFF : null);
      if (over !== null) return over;
      const cni = await enforcedBy(flavour, pod, plan.params, api, signal);
      if (typeof cni === "string") return { kind: "refused", because: cni };
      const objection = await objectionToRemote(remote, object, by, api, signal);
      if (objection !== null) return { kind: "refused", because: objection };
      const labels = { ...pod.labels, [DENIED[by]]: at.uid };
      const found = await shapeFor(by, plan.params, { namespace: pod.namespace, labels }, at.uid, api, signal);
      if ("because" in found) return { kind: "refused", because: found.because };
      const now = await standingPolicy(found.shape, at, api, signal);
      if (now.kind === "ours" && now.addresses.includes(remote) && pod.labels[DENIED[by]] === at.uid)
        return { kind: "nothing", because: `the pod is denied ${remote} already` };
      const no = await rehearse(plan, found.shape, api, signal);
      if (no !== null) return { kind: "refused", because: no };
      const only = `Only ${remote} is denied, both ways: the attacker may use another address.`;
      return {
        kind: "ready",
        kept: { shape: JSON.stringify(found.shape) },
        remarks: [only, ...found.remarks, ...cniRemarks(cni), NOT_CUT],
      };
    },

    async execute(plan, kept, { cluster, access }, signal) {
      const api = await access.kubernetes(cluster);
      const at = podOf(plan, name);
      const remote = remoteIn(plan);
      const shape = shapeOf(kept, name);
      if ((await podNow(at, api, signal)) === null) return { kind: "gone", because: "the pod was already gone" };
      const denied = await deny(remote, shape, at, plan.occasion.incident, api, signal);
      const policy = title(remotePolicy(shape, [], at));
      if (denied.kind === "gone") return { kind: "conflict", because: `no ${policy} can be made there (any more): nothing was changed` };
      if (denied.kind === "conflict") return { kind: "conflict", because: `${denied.because}; nothing was changed` };
      if (denied.kind === "rejected") return { kind: "failed", because: `the API server refuses ${policy}: ${denied.because}` };
      const answer = await patchPod(at, marked(DENIED[by]), api, signal);
      if (answer.kind === "patched" || answer.kind === "same")
        return {
          kind: "accepted",
          because: `the API server took ${policy}, which denies ${denied.count} remote address${denied.count === 1 ? "" : "es"}`,
        };
      await allowAgain(remote, shape, at, api, signal);
      if (answer.kind === "gone") return { kind: "gone", because: "the pod was gone before it could be denied anything" };
      return { kind: "failed", because: `${answer.because}; ${remote} was taken off ${policy} again` };
    },

    async verify(plan, kept, { cluster, access }, signal) {
      const api = await access.kubernetes(cluster);
      const at = podOf(plan, name);
      const now = await standingPolicy(shapeOf(kept, name), at, api, signal);
      const holds = now.kind === "ours" && now.addresses.includes(remoteIn(plan));
      return await seenMarked(at, DENIED[by], holds ? now.policy : remotePolicy(shapeOf(kept, name), [remoteIn(plan)], at), api, signal);
    },

    undo: {
      possible: true,
      says: "takes this address off the deny; the policy and our label on the pod go with the last one",
      async run(plan, kept, _doneAtMs, { cluster, access }, signal) {
        const api = await access.kubernetes(cluster);
        return await allowAgain(remoteIn(plan), shapeOf(kept, name), podOf(plan, name), api, signal);
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
}

/** Calico judges the lowest first. */
function orderOf(params: Params): number | string {
  const { order = ORDER.preset } = params;
  return typeof order === "number" && Number.isInteger(order) && Math.abs(order) <= ORDER.most
    ? order
    : `order must be a whole number from -${ORDER.most} to ${ORDER.most}`;
}

/** The enforcer, when it is this one, or why a policy of its kind is not worth making there. */
async function enforcedBy(
  { by, title: cniName }: Flavour,
  { node, namespace }: PodFacts,
  params: Params,
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<Cni | string> {
  const kind = DENY_KINDS[by];
  if ((await api.list(kind, { namespace }, signal)) === null)
    return `the cluster serves no ${kind.kind} of ${apiVersionOf(kind)}: ${cniName} is not there; ${NEXT_BEST}`;
  const cni = await cniOf(node, namespace, api, signal);
  const { enforcer, seen } = cni;
  if (enforcer?.deny === by || (enforcer === null && params["unproven"] === "allow")) return cni;
  return enforcer === null
    ? `nothing shows that ${cniName} enforces its policies there (${seen}); ${NEXT_BEST}`
    : `${enforcer.name} enforces network policies there, not ${cniName}; ${NEXT_BEST}`;
}

/** Both writes as the server would take them: rights, quota, admission, and fields that it does not know. */
async function rehearse(plan: Plan, shape: Shape, api: KubernetesApi, signal: AbortSignal): Promise<string | null> {
  const at = podOf(plan, plan.action);
  const denied = await deny(remoteIn(plan), shape, at, plan.occasion.incident, api, signal, true);
  if (denied.kind === "gone") return `the namespace is gone; ${NEXT_BEST}`;
  if (denied.kind === "rejected")
    return `the API server would not take ${title(remotePolicy(shape, [], at))}: ${denied.because}; ${NEXT_BEST}`;
  if (denied.kind !== "denied") return `${denied.because}; ${NEXT_BEST}`;
  const labelled = await patchPod(at, marked(DENIED[shape.by]), api, signal, true);
  if (labelled.kind === "gone") return "the pod is gone";
  return labelled.kind === "rejected" || labelled.kind === "objected"
    ? `the API server would not let the pod be labelled: ${labelled.because}; ${NEXT_BEST}`
    : null;
}

type Shaping = { readonly because: string } | { readonly shape: Shape; readonly remarks: readonly string[] };

/** In Calico's default tier a deny alone would cut all that nobody allows: where no other policy governs the pod, the rest is let pass. */
async function shapeFor(
  by: Flavour["by"],
  params: Params,
  pod: Parameters<typeof plainPolicies>[0],
  uid: string,
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<Shaping> {
  if (by === "cilium") return { shape: { by }, remarks: [] };
  const order = Number(params["order"]);
  const passing = await passingTier(api, signal);
  const tier = passing ?? "default";
  const own = `Calico NetworkPolicy ${tier}.falco-responder-remote-${uid}`;
  const [calico, plain] = await Promise.all([calicoPolicies(pod, api, signal), plainPolicies(pod, api, signal)]);
  const others = calico.filter((one) => one.name !== own);
  const before = others.filter((one) => one.opens.length > 0 && precedes(one, { tier, order }));
  if (before.length > 0)
    return {
      because: `the deny would come too late: ${few(before.map((one) => one.name))} is judged before it (order ${order} in tier ${tier}) and allows traffic; give it a lower order, or ${NEXT_BEST.replace("next best: ", "")}`,
    };
  if (passing !== null) return { shape: { by, tier, order, passes: [] }, remarks: [] };
  const passes = BOTH.filter((direction) => ![...others, ...plain].some((one) => one.governs.includes(direction)));
  const governed = BOTH.filter((direction) => !passes.includes(direction));
  return {
    shape: { by, tier, order, passes },
    remarks: [
      ...(passes.length === 0
        ? []
        : [
            `No other policy governs the pod's ${passes.join(" and ")}, so all else is allowed there, also against policies that come later with an order above ${order}.`,
          ]),
      ...(governed.length === 0
        ? []
        : [`Other policies govern the pod's ${governed.join(" and ")}: should they go while this one stands, Calico denies all of it.`]),
    ],
  };
}

function shapeOf({ shape }: Kept, name: string): Shape {
  if (shape === undefined) throw new Error(`${name} was not prepared`);
  return JSON.parse(shape) as Shape;
}

const remoteIn = ({ params }: Plan): string => String(params["remote"]);
