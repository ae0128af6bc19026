import type { PodWorkload } from "#shared/domain/workload.ts";
import { controllerOf, podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { isOver, podsOf, protectedAmong, protectedOwner, runningJobsOf, titleOf } from "#shared/playbooks/kubernetes/family.ts";
import { podNow } from "#shared/playbooks/kubernetes/guarded.ts";
import { CRON_JOB, JOB } from "#shared/playbooks/kubernetes/kinds.ts";
import { revertRemark } from "#shared/playbooks/kubernetes/managers.ts";
import { kindOfOwner } from "#shared/playbooks/kubernetes/owner.ts";
import {
  hasEnded,
  isSuspended,
  type Resumed,
  resume,
  type Switch,
  setSuspended,
  switchesIn,
  switchNow,
  titleOfSwitch,
} from "#shared/playbooks/kubernetes/suspended.ts";
import { duration } from "#shared/playbooks/params.ts";
import { type Plan, type Playbook, refused, type Undoing, unknownParam } from "#shared/playbooks/playbook.ts";
import { few, many } from "#shared/playbooks/words.ts";
import type { Kind, KubeObject, KubernetesApi } from "#shared/ports/kubernetes.ts";

const NAME = "kubernetes:suspend";
const NEXT_BEST = "next best: kubernetes:terminate";
const EXPIRES = "expires_after";

/**
 * Suspends the Job that the offender works for, which ends its pods, and the CronJob that starts such Jobs.
 * https://kubernetes.io/docs/concepts/workloads/controllers/job/#suspending-a-job
 */
export const suspend: Playbook = {
  name: NAME,
  needs: {
    iam: [],
    look: [],
    rbac: [
      { apiGroups: [""], resources: ["pods"], verbs: ["get", "list"] },
      // No subresource has `suspend`: the right to patch is wider than what is done with it, and the admission policy holds it to that.
      { apiGroups: ["batch"], resources: ["jobs", "cronjobs"], verbs: ["get", "patch"] },
    ],
  },

  plan(workload, params, occasion) {
    if (workload.kind !== "pod") return refused(`${NAME} suspends the Job of a pod, and the target is a ${workload.kind}`);
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
    const { kind, pod, who } = aim(plan);
    const api = await reach.access.kubernetes(reach.cluster);
    const found = await api.get(kind, pod.namespace, pod.owner?.name ?? "", signal);
    if (found === null || found.metadata.uid !== pod.owner?.uid)
      return { kind: "refused", because: `${who} is gone, or another one has its name; ${NEXT_BEST}` };
    const running = kind === CRON_JOB ? await runningJobsOf(found, api, signal) : [];
    const job = kind === JOB ? found : await jobOf(pod, found, running, api, signal);
    const former: readonly Switch[] = [...(kind === CRON_JOB ? [switchNow(CRON_JOB, found)] : []), ...jobSwitch(job)];
    if (former.every(({ suspended }) => suspended))
      return { kind: "nothing", because: job !== null && hasEnded(job) ? `${who} has ended` : `${who} is suspended already` };
    const pods = job === null ? [] : (await podsOf(JOB, job, api, signal)).filter((one) => !isOver(one));
    const marked = [found, ...(job === null ? [] : [job])]
      .map((one) => protectedOwner(one, pod, reach.protection))
      .find((why) => why !== null);
    const spared = marked ?? protectedAmong(pods, pod.owner, "be stopped", reach.cluster.name, reach.protection);
    if (spared !== null) return { kind: "refused", because: `${who}: ${spared}; ${NEXT_BEST}` };
    for (const one of former) {
      const answer = await setSuspended(one, pod.namespace, plan.occasion.incident, true, api, signal);
      if (answer.kind === "rejected")
        return { kind: "refused", because: `the API server would not suspend ${titleOfSwitch(one)} ("${answer.because}"); ${NEXT_BEST}` };
    }
    return {
      kind: "ready",
      kept: { former: JSON.stringify(former) },
      remarks: [
        ...cronRemarks(kind, found, job, running),
        ...(job === null || hasEnded(job)
          ? []
          : [
              `Suspending Job ${job.metadata.name} ends its ${many(pods.length, "pod")}, each within its own grace period: kubernetes:terminate ends the offender sooner.`,
            ]),
        ...(await strayRemark(
          pod,
          pods.map(({ uid }) => uid),
          api,
          signal,
        )),
        revertRemark(found, "it"),
      ],
    };
  },

  async execute(plan, kept, { cluster, access }, signal) {
    const { pod, who } = aim(plan);
    const api = await access.kubernetes(cluster);
    const trouble: string[] = [];
    let stands = 0;
    // The CronJob first, or it may start another Job meanwhile.
    for (const one of switchesIn(kept)) {
      if (one.suspended) continue;
      const answer = await setSuspended(one, pod.namespace, plan.occasion.incident, false, api, signal);
      if (answer.kind === "rejected") trouble.push(`The API server refuses to suspend ${titleOfSwitch(one)}: "${answer.because}"`);
      else if (answer.kind === "gone") trouble.push(`${titleOfSwitch(one)} is gone, or has ended, since it was prepared.`);
      else stands++;
    }
    if (stands > 0) return { kind: "accepted", because: `the API server took the suspension of ${who}`, remarks: trouble };
    const rejected = trouble.some((text) => text.startsWith("The API server"));
    return { kind: rejected ? "failed" : "gone", because: trouble.join(" ") };
  },

  async verify(plan, kept, { cluster, access }, signal) {
    const { pod, who } = aim(plan);
    const api = await access.kubernetes(cluster);
    const open: string[] = [];
    let jobs: readonly KubeObject[] = [];
    let begun = false;
    for (const one of switchesIn(kept)) {
      const found = await api.get(one.kind === "Job" ? JOB : CRON_JOB, pod.namespace, one.name, signal);
      if (found === null || found.metadata.uid !== one.uid || hasEnded(found)) continue;
      if (isSuspended(found)) begun ||= !one.suspended;
      else open.push(titleOfSwitch(one));
      if (one.kind === "Job") jobs = [found];
    }
    if (open.length > 0)
      return {
        kind: "pending",
        begun: false,
        because: `not suspended, or resumed since: ${few(open)}`,
        ...(begun ? ({ partly: true } as const) : {}),
      };
    const pods = (await Promise.all(jobs.map((job) => podsOf(JOB, job, api, signal)))).flat().filter((one) => !isOver(one));
    return pods.length === 0
      ? { kind: "done", because: `${who} is suspended (or over), and no pod of the offender's Job is left` }
      : {
          kind: "pending",
          begun: true,
          partly: true,
          because: `${who} is suspended; ${many(pods.length, "pod")} of the offender's Job ${pods.length === 1 ? "is" : "are"} still there`,
        };
  },

  undo: {
    possible: true,
    says: "resumes what we suspended: Jobs start their pods anew, with the same image and hole",
    async run(plan, kept, _doneAtMs, { cluster, access }, signal) {
      const { pod } = aim(plan);
      const api = await access.kubernetes(cluster);
      const answers: Resumed[] = [];
      for (const one of switchesIn(kept))
        if (!one.suspended) answers.push(await resume(one, pod.namespace, plan.occasion.incident, api, signal));
      return summed(answers);
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

function objectionTo({ owner }: PodWorkload): string | null {
  if (owner === null) return `the pod stands alone: there is nothing to suspend; ${NEXT_BEST}`;
  const kind = kindOfOwner(owner);
  if (kind === JOB || kind === CRON_JOB) return owner.uid === null ? `${titleOf(owner)} has no uid; ${NEXT_BEST}` : null;
  return kind === null
    ? `${titleOf(owner)} is of a kind that nobody here knows how to suspend: do it by hand; ${NEXT_BEST}`
    : `${titleOf(owner)} cannot be suspended; next best: kubernetes:scale-to-zero, or kubernetes:terminate`;
}

function aim({ action, workload }: Plan): { readonly kind: Kind; readonly pod: PodWorkload; readonly who: string } {
  const kind = workload.kind === "pod" && workload.owner !== null ? kindOfOwner(workload.owner) : null;
  if (workload.kind !== "pod" || workload.owner === null || (kind !== JOB && kind !== CRON_JOB))
    throw new Error(`a plan of ${action} has nothing that can be suspended`);
  return { kind, pod: workload, who: titleOf(workload.owner) };
}

/** The Job of a CronJob that the offender works for: by its controller, or when the pod is gone by the label that the Job gave it. Null: over. */
async function jobOf(
  pod: PodWorkload,
  cron: KubeObject,
  running: readonly KubeObject[],
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<KubeObject | null> {
  const found = await podNow(pod, api, signal);
  const controller = found === null ? null : controllerOf(found);
  if (controller === null) return running.find(({ metadata }) => metadata.uid === pod.labels["batch.kubernetes.io/controller-uid"]) ?? null;
  const job = await api.get(JOB, pod.namespace, controller.name, signal);
  return job?.metadata.uid === controller.uid && controllerOf(job)?.uid === cron.metadata.uid ? job : null;
}

/** A Job that has ended has nothing to suspend. */
const jobSwitch = (job: KubeObject | null): readonly Switch[] => (job === null || hasEnded(job) ? [] : [switchNow(JOB, job)]);

function cronRemarks(kind: Kind, found: KubeObject, job: KubeObject | null, running: readonly KubeObject[]): readonly string[] {
  if (kind !== CRON_JOB) return [];
  const others = running.filter(({ metadata }) => metadata.uid !== job?.metadata.uid).map(({ metadata }) => metadata.name);
  return [
    `CronJob ${found.metadata.name} starts no Job any more; suspending it does not stop those that it has started.`,
    job === null || hasEnded(job)
      ? "The Job that the offender worked for is over (or not known)."
      : `Job ${job.metadata.name}, for which the offender works, is suspended too.`,
    ...(others.length === 0
      ? []
      : [`${many(others.length, "other Job")} of it run${others.length === 1 ? "s" : ""} on: ${few(others, 3)}.`]),
  ];
}

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
    : ["The offender itself is no longer one of its pods (somebody released it): it runs on, end it with kubernetes:terminate."];
}

function summed(answers: readonly Resumed[]): Undoing {
  const of = (kind: Resumed["kind"]) => answers.filter((one) => one.kind === kind).map(({ because }) => because);
  const because = answers.map((one) => one.because).join("; ");
  if (of("changed").length > 0) return { kind: "changed", because };
  return { kind: of("undone").length > 0 ? "undone" : "nothing", because: because === "" ? "nothing was suspended by us" : because };
}
