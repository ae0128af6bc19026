import type { Owner, PodWorkload } from "#shared/domain/workload.ts";
import { controllerOf, isMirror, list, object, type PodFacts, podFacts, text } from "#shared/playbooks/kubernetes/facts.ts";
import { CRON_JOB, DEPLOYMENT, JOB, POD, REPLICA_SET } from "#shared/playbooks/kubernetes/kinds.ts";
import { kindOfOwner } from "#shared/playbooks/kubernetes/owner.ts";
import { selects } from "#shared/playbooks/kubernetes/selectors.ts";
import { few, many } from "#shared/playbooks/words.ts";
import type { Kind, KubeObject, KubernetesApi } from "#shared/ports/kubernetes.ts";

/**
 * Pods that an owner has made and still has: those that it selects, and whose controllers lead to its uid. Through the ReplicaSets of a
 * Deployment, the old ones of a rollout too, and through the Jobs of a CronJob that run.
 */
export async function podsOf(kind: Kind, owner: KubeObject, api: KubernetesApi, signal: AbortSignal): Promise<readonly PodFacts[]> {
  const { namespace = "", uid } = owner.metadata;
  if (kind === CRON_JOB) {
    const jobs = await runningJobsOf(owner, api, signal);
    return (await Promise.all(jobs.map((job) => podsOf(JOB, job, api, signal)))).flat();
  }
  const selector = owner.spec?.["selector"];
  const query = queryOf(selector);
  const listed = (await api.list(POD, { namespace, ...(query === "" ? {} : { labels: query }) }, signal)) ?? [];
  const pods = listed.map(podFacts).filter(({ labels, controller }) => controller !== null && selects(selector, labels));
  const makers = kind === DEPLOYMENT ? await setsOf(owner, pods, api, signal) : new Set([uid]);
  return pods.filter(({ controller }) => makers.has(controller?.uid ?? ""));
}

/** Uids of those ReplicaSets that have made some of the pods and belong to the Deployment. */
async function setsOf(
  deployment: KubeObject,
  pods: readonly PodFacts[],
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const { namespace = "", uid } = deployment.metadata;
  const controllers = pods.flatMap(({ controller }) =>
    controller !== null && kindOfOwner(controller) === REPLICA_SET ? [controller] : [],
  );
  const sets = await Promise.all(
    [...new Map(controllers.map((one) => [one.uid, one])).values()].map(async (one) => ({
      one,
      found: await api.get(REPLICA_SET, namespace, one.name, signal),
    })),
  );
  return new Set(
    sets.flatMap(({ one, found }) => (found?.metadata.uid === one.uid && controllerOf(found)?.uid === uid ? [found.metadata.uid] : [])),
  );
}

/** As the CronJob's status names them; each must belong to it. https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/cron-job-v1/ */
export async function runningJobsOf(cron: KubeObject, api: KubernetesApi, signal: AbortSignal): Promise<readonly KubeObject[]> {
  const { namespace = "", uid } = cron.metadata;
  const names = list(cron.status?.["active"]).flatMap((one) => text(one["name"]) ?? []);
  const found = await Promise.all(names.map((name) => api.get(JOB, namespace, name, signal)));
  return found.filter((job) => job !== null && controllerOf(job)?.uid === uid).filter((job) => job !== null);
}

/** A LabelSelector as a query; "" for what selects everything. What it does not know how to say is left to whoever reads the answer. */
export function queryOf(selector: unknown): string {
  const { matchLabels, matchExpressions } = object(selector);
  return [
    ...Object.entries(object(matchLabels)).map(([key, value]) => `${key}=${String(value)}`),
    ...list(matchExpressions).flatMap(({ key, operator, values }) => {
      const listed = Array.isArray(values) ? values.map(String).join(",") : "";
      if (operator === "In") return [`${String(key)} in (${listed})`];
      if (operator === "NotIn") return [`${String(key)} notin (${listed})`];
      if (operator === "Exists") return [String(key)];
      return operator === "DoesNotExist" ? [`!${String(key)}`] : [];
    }),
  ].join(",");
}

export const isOver = ({ phase }: PodFacts): boolean => phase === "Succeeded" || phase === "Failed";

/** A pod as the policy's protection sees it. */
export function bystander(pod: PodFacts, owner: Owner | null, cluster: string): PodWorkload {
  const [first] = pod.containers;
  const { uid, labels, namespace, name, node, phase, annotations, serviceAccount, priorityClass, hostNetwork } = pod;
  return {
    kind: "pod",
    cluster,
    owner,
    container: { name: first?.name ?? "", id: first?.id ?? "", image: first?.image ?? null },
    ...{ uid, labels, namespace, name, node, phase, annotations, serviceAccount, priorityClass, hostNetwork },
    mirror: isMirror(pod),
    deleting: pod.deletionTimestamp !== null,
  };
}

/** Why an action that hits all these must not be done: the policy protects one of them. Null: none. `would`: "be stopped". */
export function protectedAmong(
  pods: readonly PodFacts[],
  owner: Owner | null,
  would: string,
  cluster: string,
  protection: (pod: PodWorkload) => string | null,
): string | null {
  const reasons = pods.map((pod) => protection(bystander(pod, owner, cluster))).filter((why) => why !== null);
  return reasons.length === 0 ? null : `${many(reasons.length, "protected pod")} would ${would} too (${few([...new Set(reasons)], 3)})`;
}

/** A mark on the owner itself protects what it owns. */
export const protectedOwner = (
  { metadata }: KubeObject,
  offender: PodWorkload,
  protection: (pod: PodWorkload) => string | null,
): string | null => protection({ ...offender, labels: metadata.labels ?? {}, annotations: metadata.annotations ?? {} });

export const titleOf = ({ kind, name }: Pick<Owner, "kind" | "name">): string => `${kind} ${name}`;
