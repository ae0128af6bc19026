import { isDeepStrictEqual } from "node:util";
import { messageOf, PipelineError } from "#shared/domain/error.ts";
import type { PodWorkload } from "#shared/domain/workload.ts";
import { usersOf } from "#shared/playbooks/kubernetes/delete-reach.ts";
import { list, object, type PodFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { protectedAmong, titleOf } from "#shared/playbooks/kubernetes/family.ts";
import { podNow } from "#shared/playbooks/kubernetes/guarded.ts";
import { SERVICE_ACCOUNT } from "#shared/playbooks/kubernetes/kinds.ts";
import { INCIDENT } from "#shared/playbooks/kubernetes/marks.ts";
import { type Execution, type Kept, type Plan, type Playbook, refused, unknownParam } from "#shared/playbooks/playbook.ts";
import { few, many } from "#shared/playbooks/words.ts";
import type { Created, KubeObject, KubernetesApi, NewObject } from "#shared/ports/kubernetes.ts";

const NAME = "kubernetes:revoke-tokens";
const NEXT_BEST = "next best: kubernetes:terminate";
const INCLUDE_DEFAULT = "include_default";
/** What is kept of it stands in a record of the ledger, which holds 400 KB. */
const KEPT_MAX = 64 * 1024;
/** EKS: https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html */
const ROLE_ARN = "eks.amazonaws.com/role-arn";

/**
 * Deletes the offender's ServiceAccount and makes it anew. Tokens name its uid, so the server refuses all that were issued before, stolen ones
 * too; bindings name it by its name, so what it may do stays. https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/
 */
export const revokeTokens: Playbook = {
  name: NAME,
  needs: {
    iam: [],
    look: [],
    rbac: [
      { apiGroups: [""], resources: ["pods"], verbs: ["get", "list"] },
      // Making a ServiceAccount gives nobody anything: it takes a token or a pod to use it, and neither is ever made here. Secrets with tokens
      // of the former one need no right: the control plane deletes them, and the server refuses what is in them at once.
      { apiGroups: [""], resources: ["serviceaccounts"], verbs: ["get", "create", "delete"] },
    ],
  },

  plan(workload, params, occasion) {
    if (workload.kind !== "pod") return refused(`${NAME} is about the service account of a pod, and the target is a ${workload.kind}`);
    const strange = unknownParam(params, [INCLUDE_DEFAULT]);
    if (strange !== null) return refused(`${NAME}: ${strange}`);
    const { [INCLUDE_DEFAULT]: include = false } = params;
    if (typeof include !== "boolean") return refused(`${INCLUDE_DEFAULT} must be true or false`);
    if (workload.serviceAccount === null) return refused(`the pod runs as no service account: it has no token; ${NEXT_BEST}`);
    if (workload.serviceAccount === "default" && !include)
      return refused(
        `the pod runs as its namespace's default service account, which others may share; ${NEXT_BEST}, or ${INCLUDE_DEFAULT}: true`,
      );
    return { kind: "planned", plan: { action: NAME, workload, params: { [INCLUDE_DEFAULT]: include }, occasion } };
  },

  async prepare(plan, { cluster, access, protection }, signal) {
    const { pod, name, who } = aim(plan);
    const api = await access.kubernetes(cluster);
    const found = await api.get(SERVICE_ACCOUNT, pod.namespace, name, signal);
    if (found === null) return { kind: "nothing", because: `there is no ${who}: its tokens are refused already` };
    const objection = objectionTo(found, who);
    if (objection !== null) return { kind: "refused", because: `${objection}; ${NEXT_BEST}` };
    const users = await usersOf(pod.namespace, name, api, signal);
    const spared = protectedAmong(users, null, "lose the API", cluster.name, protection);
    if (spared !== null) return { kind: "refused", because: `${spared}; ${NEXT_BEST}` };
    const kept: Kept = { uid: found.metadata.uid, manifest: JSON.stringify(manifestOf(found)) };
    const no = await rehearse(plan, kept, found, api, signal);
    if (no !== null) return { kind: "refused", because: `${no}; ${NEXT_BEST}` };
    return { kind: "ready", kept, remarks: [...remarksOn(found, users, pod), ...(await mountRemark(pod, api, signal))] };
  },

  async execute(plan, kept, { cluster, access }, signal) {
    const { pod, name, who } = aim(plan);
    const api = await access.kubernetes(cluster);
    const found = await api.get(SERVICE_ACCOUNT, pod.namespace, name, signal);
    if (found !== null && found.metadata.uid !== kept["uid"]) return renewed(plan, kept, found);
    if (found !== null) {
      if (!isDeepStrictEqual(manifestOf(found), manifestIn(kept)))
        return { kind: "conflict", because: `somebody changed ${who} since it was prepared: nothing was done; ${NEXT_BEST}` };
      const { uid, resourceVersion } = found.metadata;
      const answer = await api.delete(SERVICE_ACCOUNT, { namespace: pod.namespace, name, uid }, { resourceVersion }, signal);
      if (answer.kind === "rejected") return { kind: "failed", because: `the API server refuses to delete ${who}: "${answer.because}"` };
      if (answer.kind === "conflict") throw new PipelineError("kube_throttled", `${who} was written meanwhile: not deleted`);
    }
    // When it was gone before, it was by us, and then we crashed: it is made anew in any case, or no pod of it can start.
    return await makeAnew(plan, kept, api, signal);
  },

  async verify(plan, kept, { cluster, access }, signal) {
    const { pod, name, who } = aim(plan);
    const found = await (await access.kubernetes(cluster)).get(SERVICE_ACCOUNT, pod.namespace, name, signal);
    if (found === null)
      return {
        kind: "pending",
        begun: false,
        partly: true,
        because: `the former ${who} is gone and its tokens are refused, but there is no new one: pods that run as it cannot start`,
      };
    if (found.metadata.uid !== kept["uid"])
      return {
        kind: "done",
        because: `${who} is a new one: tokens of the former one are refused, at the latest when API servers forget (after seconds) that they took them`,
      };
    return { kind: "pending", begun: false, because: `${who} is still the former one: its tokens are taken` };
  },

  undo: {
    possible: false,
    because: "revoked tokens do not become valid again; pods get new ones when they restart, or when their kubelet renews them",
  },
};

function aim({ action, workload }: Plan): { readonly pod: PodWorkload; readonly name: string; readonly who: string } {
  if (workload.kind !== "pod" || workload.serviceAccount === null) throw new Error(`a plan of ${action} has no service account`);
  return { pod: workload, name: workload.serviceAccount, who: `ServiceAccount ${workload.serviceAccount}` };
}

/** All that makes it what it is, less what the server makes of it, and our mark. */
function manifestOf({ apiVersion: _v, kind: _k, metadata, ...rest }: KubeObject): NewObject {
  const { name, namespace, labels, annotations, ownerReferences } = metadata;
  const { [INCIDENT]: _mark, ...others } = annotations ?? {};
  return {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(Object.keys(others).length === 0 ? {} : { annotations: others }),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
    },
    ...rest,
  };
}

function manifestIn({ manifest }: Kept): NewObject {
  if (manifest === undefined) throw new Error(`${NAME} was not prepared`);
  return JSON.parse(manifest) as NewObject;
}

/** Why it cannot be made anew as it is; null: it can. */
function objectionTo(found: KubeObject, who: string): string | null {
  const { deletionTimestamp, finalizers = [] } = found.metadata;
  if (deletionTimestamp !== undefined) return `${who} is already being deleted`;
  if (finalizers.length > 0)
    return `${who} has finalizers (${few(
      finalizers.map((one) => one.slice(0, 63)),
      3,
    )}): deleted, it would hold its name`;
  const { metadata, apiVersion: _v, kind: _k, ...rest } = manifestOf(found);
  const { name, namespace: _n, ...marks } = metadata;
  if (name === "default" && (Object.keys(marks).length > 0 || Object.keys(rest).length > 0))
    return `${who} bears ${few([...Object.keys(marks), ...Object.keys(rest)])}, and Kubernetes may make a bare one in its place first`;
  return JSON.stringify(manifestOf(found)).length > KEPT_MAX ? `${who} is too big to be kept` : null;
}

/** Both writes as the server would take them. Making it is rehearsed while its name is taken: that it exists is all that is objected then. */
async function rehearse(plan: Plan, kept: Kept, found: KubeObject, api: KubernetesApi, signal: AbortSignal): Promise<string | null> {
  const { pod, name, who } = aim(plan);
  const at = { namespace: pod.namespace, name, uid: found.metadata.uid };
  const deleted = await api.delete(SERVICE_ACCOUNT, at, { dryRun: true }, signal);
  if (deleted.kind !== "accepted")
    return deleted.kind === "rejected" ? `the API server would not delete ${who} ("${deleted.because}")` : `${who} was replaced just now`;
  const made = await create(plan, kept, true, api, signal);
  if (made.kind === "rejected") return `the API server would not make ${who} anew ("${made.because}")`;
  return made.kind === "gone" ? `${who} could not be made anew: its namespace is going` : null;
}

function create(plan: Plan, kept: Kept, dryRun: boolean, api: KubernetesApi, signal: AbortSignal): Promise<Created> {
  const manifest = manifestIn(kept);
  const { annotations = {} } = manifest.metadata;
  const marked = { ...manifest.metadata, annotations: { ...annotations, [INCIDENT]: plan.occasion.incident } };
  return api.create(SERVICE_ACCOUNT, { ...manifest, metadata: marked }, { dryRun }, signal);
}

/** The former one is gone. What goes wrong now must not be told as if nothing had happened. */
async function makeAnew(plan: Plan, kept: Kept, api: KubernetesApi, signal: AbortSignal): Promise<Execution> {
  const { pod, name, who } = aim(plan);
  const made = await create(plan, kept, false, api, signal).catch((thrown: unknown) => {
    if (!(thrown instanceof PipelineError) || thrown.retryable) throw thrown;
    return { kind: "rejected", because: messageOf(thrown) } as const;
  });
  if (made.kind === "created") return renewed(plan, kept, made.object);
  if (made.kind === "exists") {
    const found = await api.get(SERVICE_ACCOUNT, pod.namespace, name, signal);
    if (found === null || found.metadata.uid === kept["uid"])
      throw new PipelineError("kube_throttled", `${who} comes and goes: not made anew yet`);
    return renewed(plan, kept, found);
  }
  const why = made.kind === "rejected" ? `the API server says "${made.because}"` : "its namespace is going";
  return {
    kind: "accepted",
    because: `the former ${who} is gone`,
    remarks: [`It could NOT be made anew (${why}): pods that run as it cannot start. Make it by hand.`],
  };
}

/** `found`: the new one, whoever made it. */
function renewed(plan: Plan, kept: Kept, found: KubeObject): Execution {
  const { who } = aim(plan);
  return {
    kind: "accepted",
    because: `the former ${who} is gone, and a new one has its name`,
    remarks: isDeepStrictEqual(manifestOf(found), manifestIn(kept))
      ? []
      : [`The new ${who} was made by somebody else first, or changed on its way in, and is not as the former one: look at it.`],
  };
}

function remarksOn(found: KubeObject, users: readonly PodFacts[], { uid }: PodWorkload): readonly string[] {
  const others = users.filter((pod) => pod.uid !== uid);
  const owners = [...new Set(others.map(({ controller }) => (controller === null ? "standalone pods" : titleOf(controller))))];
  const { [ROLE_ARN]: role } = found.metadata.annotations ?? {};
  return [
    others.length === 0
      ? "No other pod runs as it now."
      : `${many(others.length, "other pod")} run${others.length === 1 ? "s" : ""} as it (${few(owners)}) and lose${others.length === 1 ? "s" : ""} the API too: restart them, or their kubelet renews their tokens within the hour.`,
    "The offender gets a new token in the same way while it runs: end it too. Its own tokens end with the pod in any case; copies of older ones do not.",
    `AWS sessions that pods got with it (IRSA, EKS Pod Identity) live on until they expire: revoke them at IAM${roleIn(role)}.`,
  ];
}

/** A text of the object's, so only when it is a role's ARN. */
const roleIn = (role: string | undefined): string =>
  role !== undefined && /^arn:aws[a-z-]{0,20}:iam::\d{12}:role\/[\w+=,.@/-]{1,200}$/.test(role)
    ? ` (role ${role.slice(role.lastIndexOf("/") + 1)})`
    : "";

/** https://kubernetes.io/docs/concepts/storage/projected-volumes/#serviceaccounttoken */
async function mountRemark(pod: PodWorkload, api: KubernetesApi, signal: AbortSignal): Promise<readonly string[]> {
  const found = await podNow(pod, api, signal);
  // What a `secret` volume holds is not known: it may be a token of the old kind.
  const mounts = list(found?.spec?.["volumes"]).some(
    (volume) =>
      Object.hasOwn(volume, "secret") ||
      list(object(volume["projected"])["sources"]).some((source) => Object.hasOwn(source, "serviceAccountToken")),
  );
  return found === null || mounts ? [] : ["The offender mounts no token of it: this takes nothing from it that it was given."];
}
