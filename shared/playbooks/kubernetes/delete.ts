import type { ObjectWorkload } from "#shared/domain/workload.ts";
import { takesWith } from "#shared/playbooks/kubernetes/delete-reach.ts";
import { isMirror } from "#shared/playbooks/kubernetes/facts.ts";
import { protectedAmong } from "#shared/playbooks/kubernetes/family.ts";
import { POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { revertRemark } from "#shared/playbooks/kubernetes/managers.ts";
import { kindOfObject, resolveObjectNeeds } from "#shared/playbooks/kubernetes/resolve-object.ts";
import { type Plan, type Playbook, type Preparation, refused, unknownParam } from "#shared/playbooks/playbook.ts";
import { few } from "#shared/playbooks/words.ts";
import type { Deleted, Kind, KubeObject, KubernetesApi } from "#shared/ports/kubernetes.ts";

const NAME = "kubernetes:delete";

/**
 * Deletes the object that an alert of the audit log is about, with its uid as precondition, and what it owns in the background. Never a
 * namespace: it is no target. https://kubernetes.io/docs/concepts/architecture/garbage-collection/#cascading-deletion
 */
export const deleteObject: Playbook = {
  name: NAME,
  needs: {
    iam: [],
    look: [],
    rbac: [
      ...resolveObjectNeeds.rbac.map((rule) => ({ ...rule, verbs: ["get", "delete"] })),
      // What goes with it, and who loses by it, is counted in pods.
      { apiGroups: [""], resources: ["pods"], verbs: ["list"] },
    ],
  },

  plan(workload, params, occasion) {
    if (workload.kind !== "object") return refused(`${NAME} deletes the object of an audit alert, and the target is a ${workload.kind}`);
    const strange = unknownParam(params, []);
    if (strange !== null) return refused(`${NAME}: ${strange}`);
    if (kindOfObject(workload) === null)
      return refused(`${workload.resource} of ${workload.apiVersion} is no kind that is ever deleted here`);
    return { kind: "planned", plan: { action: NAME, workload, params: {}, occasion } };
  },

  async prepare(plan, reach, signal) {
    const { kind, workload } = aim(plan);
    const api = await reach.access.kubernetes(reach.cluster);
    const found = await api.get(kind, workload.namespace, workload.name, signal);
    if (found === null) return GONE;
    const over = standing(found, workload);
    if (over !== null) return over;
    const taken = await takesWith(kind, found, api, signal);
    const spared = protectedAmong(taken.pods, null, "go", reach.cluster.name, reach.protection);
    if (spared !== null) return { kind: "refused", because: `${spared}; next best: look at it, and delete it by hand` };
    const answer = await remove(plan, true, api, signal);
    if (answer.kind === "gone") return GONE;
    if (answer.kind === "conflict") return { kind: "nothing", because: SUCCESSOR };
    if (answer.kind === "rejected")
      return { kind: "refused", because: `the API server would not delete it ("${answer.because}"); next best: delete it by hand` };
    return {
      kind: "ready",
      kept: {},
      remarks: [...taken.remarks, ...heldBy(found), revertRemark(found, "it")],
    };
  },

  async execute(plan, _kept, { cluster, access }, signal) {
    const answer = await remove(plan, false, await access.kubernetes(cluster), signal);
    if (answer.kind === "accepted") return { kind: "accepted", because: "the API server accepted the delete" };
    if (answer.kind === "rejected") return { kind: "failed", because: `the API server refuses the delete: "${answer.because}"` };
    return answer.kind === "gone" ? { kind: "gone", because: "the object was already gone" } : { kind: "conflict", because: SUCCESSOR };
  },

  async verify(plan, _kept, { cluster, access }, signal) {
    const { kind, workload } = aim(plan);
    const api = await access.kubernetes(cluster);
    const found = await api.get(kind, workload.namespace, workload.name, signal);
    if (found === null) return { kind: "done", because: "the object is gone" };
    if (found.metadata.uid !== workload.uid) return { kind: "done", because: "the object is gone; another one has its name" };
    return found.metadata.deletionTimestamp === undefined
      ? { kind: "pending", begun: false, because: "the object is there and is not being deleted" }
      : { kind: "pending", begun: true, because: "the object is being deleted; a finalizer still holds it" };
  },

  undo: { possible: false, because: "a deleted object does not come back: make it anew from where it came, after a look at it" },
};

const SUCCESSOR = "another object has the name: the accused one is gone, and its successor was not touched";
const GONE = { kind: "nothing", because: "the object is gone" } as const;

/** Why there is nothing to delete, or why it must not be; null: it may be. */
function standing({ metadata }: KubeObject, { uid }: ObjectWorkload): Extract<Preparation, { readonly because: string }> | null {
  if (metadata.uid !== uid) return { kind: "nothing", because: SUCCESSOR };
  if (metadata.deletionTimestamp !== undefined) return { kind: "nothing", because: "the object is already being deleted" };
  if (isMirror({ annotations: metadata.annotations ?? {} }))
    return { kind: "refused", because: "the pod mirrors a static pod: the kubelet recreates it; next best: kubernetes:cordon, by hand" };
  // https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings
  return metadata.labels?.["kubernetes.io/bootstrapping"] === "rbac-defaults"
    ? {
        kind: "refused",
        because:
          "it is one of Kubernetes' own roles or bindings, which the control plane needs; next best: put back by hand what was changed in it",
      }
    : null;
}

const heldBy = ({ metadata }: KubeObject): readonly string[] =>
  metadata.finalizers === undefined || metadata.finalizers.length === 0
    ? []
    : [
        `It stays until its finalizers (${few(
          metadata.finalizers.map((name) => name.slice(0, 63)),
          3,
        )}) are removed by whoever put them there.`,
      ];

function aim({ action, workload }: Plan): { readonly kind: Kind; readonly workload: ObjectWorkload } {
  const kind = workload.kind === "object" ? kindOfObject(workload) : null;
  if (workload.kind !== "object" || kind === null) throw new Error(`a plan of ${action} has no object that may be deleted`);
  return { kind, workload };
}

function remove(plan: Plan, dryRun: boolean, api: KubernetesApi, signal: AbortSignal): Promise<Deleted> {
  const { kind, workload } = aim(plan);
  const { namespace, name, uid } = workload;
  // A pod's own grace period is whatever its maker wrote there.
  const how = kind === POD ? { graceSeconds: 1 } : { propagation: "Background" as const };
  return api.delete(kind, { namespace, name, uid }, { ...how, dryRun }, signal);
}
