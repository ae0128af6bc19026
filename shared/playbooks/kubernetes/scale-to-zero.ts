import { PipelineError } from "#shared/domain/error.ts";
import type { Owner, PodWorkload } from "#shared/domain/workload.ts";
import { controllerOf, object, podFacts, whole } from "#shared/playbooks/kubernetes/facts.ts";
import { isOver, podsOf, protectedAmong, protectedOwner, titleOf } from "#shared/playbooks/kubernetes/family.ts";
import { guards, podNow } from "#shared/playbooks/kubernetes/guarded.ts";
import {
  CRON_JOB,
  DAEMON_SET,
  DEPLOYMENT,
  HORIZONTAL_POD_AUTOSCALER,
  JOB,
  REPLICA_SET,
  STATEFUL_SET,
} from "#shared/playbooks/kubernetes/kinds.ts";
import { revertRemark } from "#shared/playbooks/kubernetes/managers.ts";
import { kindOfOwner } from "#shared/playbooks/kubernetes/owner.ts";
import { duration } from "#shared/playbooks/params.ts";
import { type Kept, type Plan, type Playbook, refused, type Undoing, unknownParam } from "#shared/playbooks/playbook.ts";
import { few, many } from "#shared/playbooks/words.ts";
import type { Kind, KubeObject, KubernetesApi, Patched } from "#shared/ports/kubernetes.ts";

const NAME = "kubernetes:scale-to-zero";
const NEXT_BEST = "next best: kubernetes:terminate";
const SCALED: readonly Kind[] = [DEPLOYMENT, STATEFUL_SET, REPLICA_SET];
const EXPIRES = "expires_after";
/** Rounds of reading and writing when others write the owner meanwhile: a busy one's status changes all the time. */
const ROUNDS = 8;

/**
 * Takes the owner of the offender out of service: an outage, made on purpose. Through its scale subresource, so that the right to do it is no
 * right to change what it runs. https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/deployment-v1/
 */
export const scaleToZero: Playbook = {
  name: NAME,
  needs: {
    iam: [],
    look: [],
    rbac: [
      { apiGroups: [""], resources: ["pods"], verbs: ["get", "list"] },
      { apiGroups: ["apps"], resources: ["deployments", "statefulsets", "replicasets"], verbs: ["get"] },
      { apiGroups: ["apps"], resources: ["deployments/scale", "statefulsets/scale", "replicasets/scale"], verbs: ["patch"] },
      { apiGroups: ["autoscaling"], resources: ["horizontalpodautoscalers"], verbs: ["list"] },
    ],
  },

  plan(workload, params, occasion) {
    if (workload.kind !== "pod") return refused(`${NAME} scales the owner of a pod, and the target is a ${workload.kind}`);
    const strange = unknownParam(params, [EXPIRES]);
    if (strange !== null) return refused(`${NAME}: ${strange}`);
    const lasts = duration(params, EXPIRES);
    if (typeof lasts === "object" && lasts !== null) return refused(lasts.because);
    const objection = objectionTo(workload);
    if (objection !== null) return refused(objection);
    const { [EXPIRES]: given } = params;
    return { kind: "planned", plan: { action: NAME, workload, params: given === undefined ? {} : { [EXPIRES]: given }, occasion } };
  },

  async prepare(plan, reach, signal) {
    const { kind, owner, pod, who } = aim(plan);
    const api = await reach.access.kubernetes(reach.cluster);
    const found = await ownerNow(plan, api, signal);
    if (found === null) return { kind: "refused", because: `${who} is gone, or another one has its name; ${NEXT_BEST}` };
    const above = kind === REPLICA_SET ? controllerOf(found) : null;
    if (above !== null) return { kind: "refused", because: `${titleOf(above)} owns ${who} and would put the count back; ${NEXT_BEST}` };
    const replicas = replicasOf(found);
    if (replicas === 0) return { kind: "nothing", because: `${who} wants no pod already` };
    const pods = await podsOf(kind, found, api, signal);
    const marked = protectedOwner(found, pod, reach.protection);
    const spared = marked === null ? protectedAmong(pods, owner, "be stopped", reach.cluster.name, reach.protection) : `${who}: ${marked}`;
    if (spared !== null) return { kind: "refused", because: `${spared}; ${NEXT_BEST}` };
    const answer = await scale(kind, found, 0, true, api, signal);
    if (answer.kind === "rejected")
      return { kind: "refused", because: `the API server would not scale ${who} ("${answer.because}"); ${NEXT_BEST}` };
    const left = pods.filter((one) => !isOver(one));
    return {
      kind: "ready",
      kept: { replicas: String(replicas) },
      remarks: [
        `An outage: ${many(left.length, "pod")} of ${who} end${left.length === 1 ? "s" : ""}, and none is started until somebody undoes it (it wanted ${replicas}).`,
        ...(await strayRemark(
          pod,
          pods.map(({ uid }) => uid),
          api,
          signal,
        )),
        ...(await scalerRemarks(owner, pod.namespace, api, signal)),
        revertRemark(found, "the count"),
      ],
    };
  },

  async execute(plan, kept, { cluster, access }, signal) {
    const { kind, who } = aim(plan);
    const api = await access.kubernetes(cluster);
    for (let round = 0; round < ROUNDS; round++) {
      const found = await ownerNow(plan, api, signal);
      if (found === null) return { kind: "conflict", because: `${who} is gone since it was prepared, or another one has its name` };
      const replicas = replicasOf(found);
      if (replicas === 0) return { kind: "accepted", because: `${who} wants no pod` };
      const answer = await scale(kind, found, 0, false, api, signal);
      // Somebody may have scaled it since it was prepared: what it was last is what undo gives back.
      if (answer.kind === "patched")
        return {
          kind: "accepted",
          because: `the API server took 0 replicas for ${who} (it wanted ${replicas})`,
          kept: { ...kept, replicas: String(replicas) },
        };
      if (answer.kind === "rejected") return { kind: "failed", because: `the API server refuses to scale ${who}: "${answer.because}"` };
    }
    throw busy(who);
  },

  async verify(plan, _kept, { cluster, access }, signal) {
    const { kind, pod, who } = aim(plan);
    const api = await access.kubernetes(cluster);
    const found = await ownerNow(plan, api, signal);
    if (found === null) {
      const offender = await podNow(pod, api, signal);
      return offender === null
        ? { kind: "done", because: `${who} is gone, and the offender too` }
        : { kind: "pending", begun: true, because: `${who} is gone, and the offender is still there` };
    }
    const replicas = replicasOf(found);
    if (replicas !== 0)
      return { kind: "pending", begun: false, because: `${who} wants ${many(replicas, "pod")}: not scaled to zero, or raised again since` };
    const left = (await podsOf(kind, found, api, signal)).filter((one) => !isOver(one));
    if (left.length === 0) return { kind: "done", because: `${who} wants no pod, and none of it is left` };
    const ending = left.filter(({ deletionTimestamp }) => deletionTimestamp !== null).length;
    return {
      kind: "pending",
      begun: true,
      partly: true,
      because: `${who} wants no pod; ${many(left.length, "pod")} of it ${left.length === 1 ? "is" : "are"} still there (${ending} terminating)`,
    };
  },

  undo: {
    possible: true,
    says: "gives the owner its former number of replicas: its pods come back, with the same image and hole",
    async run(plan, kept, _doneAtMs, { cluster, access }, signal) {
      return await giveBack(plan, kept, await access.kubernetes(cluster), signal);
    },
  },

  expiry: {
    afterMs({ params }) {
      const lasts = duration(params, EXPIRES);
      if (typeof lasts === "object" && lasts !== null) throw new Error(`a plan of ${NAME} is not bounded: ${lasts.because}`);
      return lasts;
    },
    by: "undo",
  },
};

/** Why this workload's owner cannot be scaled, by its kind; null: it can. */
function objectionTo({ owner }: PodWorkload): string | null {
  if (owner === null) return `the pod stands alone: nothing replaces it; ${NEXT_BEST}`;
  const kind = kindOfOwner(owner);
  const who = titleOf(owner);
  if (kind === DAEMON_SET)
    return `${who} has no number of replicas: it runs one pod on every node; ${NEXT_BEST}, or for the node kubernetes:cordon`;
  if (kind === JOB || kind === CRON_JOB) return `${who} has no number of replicas; next best: kubernetes:suspend`;
  return kind === null || owner.uid === null
    ? `${who} is of a kind that nobody here knows how to scale: do it by hand; ${NEXT_BEST}`
    : null;
}

interface Aim {
  readonly kind: Kind;
  readonly owner: Owner;
  readonly pod: PodWorkload;
  /** "Deployment web" */
  readonly who: string;
}

function aim({ action, workload }: Plan): Aim {
  const owner = workload.kind === "pod" ? workload.owner : null;
  const kind = owner === null ? null : kindOfOwner(owner);
  if (workload.kind !== "pod" || owner === null || kind === null || !SCALED.includes(kind))
    throw new Error(`a plan of ${action} has no owner that can be scaled`);
  return { kind, owner, pod: workload, who: titleOf(owner) };
}

/** Null: it is gone, or another one has its name. */
async function ownerNow(plan: Plan, api: KubernetesApi, signal: AbortSignal): Promise<KubeObject | null> {
  const { kind, owner, pod } = aim(plan);
  const found = await api.get(kind, pod.namespace, owner.name, signal);
  return found?.metadata.uid === owner.uid ? found : null;
}

/** The server fills it in; one that is left out means 1. */
const replicasOf = ({ spec = {} }: KubeObject): number => whole(spec["replicas"]) ?? 1;

/** Only this very object, as it was read. 0 is left out of what the server shows of a scale, so it is set by `add`. */
function scale(
  kind: Kind,
  found: KubeObject,
  replicas: number,
  dryRun: boolean,
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<Patched> {
  const { namespace = "", name } = found.metadata;
  const operations = [...guards(found), { op: "add", path: "/spec/replicas", value: replicas } as const];
  return api.patch(kind, { namespace, name }, operations, { subresource: "scale", dryRun }, signal);
}

/** Of an offender that its owner no longer has: quarantine, or whoever took its labels, has released it. */
async function strayRemark(
  offender: PodWorkload,
  owned: readonly string[],
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (owned.includes(offender.uid)) return [];
  const found = await podNow(offender, api, signal);
  return found === null || isOver(podFacts(found))
    ? []
    : ["The offender itself is no longer one of them (somebody released it): it runs on, end it with kubernetes:terminate."];
}

/** https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#implicit-maintenance-mode-deactivation */
async function scalerRemarks(
  { kind, name, apiVersion }: Owner,
  namespace: string,
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const scalers = ((await api.list(HORIZONTAL_POD_AUTOSCALER, { namespace }, signal)) ?? []).filter(({ spec = {} }) => {
    const target = object(spec["scaleTargetRef"]);
    return (
      target["kind"] === kind && target["name"] === name && [undefined, apiVersion].includes(target["apiVersion"] as string | undefined)
    );
  });
  const keda = scalers.filter((one) => controllerOf(one)?.kind === "ScaledObject");
  const plain = scalers.filter((one) => !keda.includes(one)).map(({ metadata }) => metadata.name);
  return [
    ...(plain.length === 0
      ? []
      : [`HorizontalPodAutoscaler ${few(plain, 3)} does nothing while the count is 0, and goes on when it is undone.`]),
    ...keda.map((one) => `KEDA scales it (ScaledObject ${controllerOf(one)?.name}) and raises it from 0 by itself: pause it too.`),
  ];
}

async function giveBack(plan: Plan, kept: Kept, api: KubernetesApi, signal: AbortSignal): Promise<Undoing> {
  const { kind, owner, pod, who } = aim(plan);
  const former = formerCount(kept);
  for (let round = 0; round < ROUNDS; round++) {
    const found = await api.get(kind, pod.namespace, owner.name, signal);
    if (found === null) return { kind: "nothing", because: `${who} has been deleted: there is nothing to scale back` };
    if (found.metadata.uid !== owner.uid) return { kind: "changed", because: `another ${who} stands there since: it is left as it is` };
    if (found.metadata.deletionTimestamp !== undefined) return { kind: "changed", because: `somebody is deleting ${who}: it stands` };
    const now = replicasOf(found);
    if (now === former) return { kind: "nothing", because: `${who} wants ${many(former, "pod")}, as before` };
    if (now !== 0)
      return { kind: "changed", because: `somebody set ${who} to ${now} since (it was ${former} before, 0 by us): not overwritten` };
    const answer = await scale(kind, found, former, false, api, signal);
    if (answer.kind === "rejected")
      return { kind: "changed", because: `the API server does not let ${who} be scaled back: "${answer.because}"` };
    if (answer.kind === "patched")
      return { kind: "undone", because: `${who} wants ${many(former, "pod")} again: they come back with the offender's image and hole` };
  }
  throw busy(who);
}

function formerCount({ replicas }: Kept): number {
  if (replicas === undefined || !/^\d+$/.test(replicas)) throw new Error(`${NAME} was not prepared`);
  return Number(replicas);
}

const busy = (who: string): PipelineError => new PipelineError("kube_throttled", `${who} is written by others all the time: not scaled`);
