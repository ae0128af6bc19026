/** What an alert accuses, as the control plane (never the alert) describes it. */
export type Workload = TaskWorkload | PodWorkload | ObjectWorkload;

export interface Owner {
  /** ECS: "Service". Kubernetes: Deployment, StatefulSet, DaemonSet, Job, CronJob, ReplicaSet or a foreign kind. */
  readonly kind: string;
  readonly name: string;
  readonly uid: string | null;
  /** Kubernetes: "apps/v1". */
  readonly apiVersion?: string;
}

interface Verified {
  /** Registry name of the cluster. */
  readonly cluster: string;
  /** The identity of a claim: task ARN, or uid of pod or object. */
  readonly uid: string;
  readonly owner: Owner | null;
  /** The accused one; null: an object has none. */
  readonly container: { readonly name: string; readonly id: string; readonly image: string | null } | null;
  /** ECS: tags of task and service together (service first, task wins). Kubernetes: labels. */
  readonly labels: Readonly<Record<string, string>>;
}

interface Contained extends Verified {
  readonly container: NonNullable<Verified["container"]>;
}

export interface TaskWorkload extends Contained {
  readonly kind: "task";
  readonly taskArn: string;
  readonly clusterArn: string;
  readonly family: string;
  readonly revision: string;
  readonly service: string | null;
  readonly group: string | null;
  readonly launchType: string | null;
  readonly lastStatus: string;
  readonly desiredStatus: string;
  readonly containerInstanceArn: string | null;
  readonly startedAtMs: number | null;
  /** Elastic network interfaces of its own: an awsvpc task has one. */
  readonly networkInterfaces?: readonly string[];
  /** The task role that RunTask or the service set over that of the definition; null: none. */
  readonly roleOverride?: string | null;
}

export interface PodWorkload extends Contained {
  readonly kind: "pod";
  readonly namespace: string;
  readonly name: string;
  readonly node: string | null;
  readonly phase: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly serviceAccount: string | null;
  readonly priorityClass: string | null;
  readonly hostNetwork: boolean;
  /** A static pod's mirror: the API cannot control it. */
  readonly mirror: boolean;
  readonly deleting: boolean;
}

/** What a k8s_audit alert is about: the object of the API that was created or changed. */
export interface ObjectWorkload extends Verified {
  readonly kind: "object";
  readonly container: null;
  readonly apiVersion: string;
  /** Plural, lower case: "clusterrolebindings". */
  readonly resource: string;
  readonly namespace: string | null;
  readonly name: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly deleting: boolean;
  /** Of a pod. */
  readonly priorityClass?: string | null;
}

/** The outcome of looking for the accused. Only `found` may be acted on. */
export type Resolution =
  | { readonly kind: "found"; readonly workload: Workload; readonly how: string }
  /** Verified, and already stopping, stopped or deleted: nothing is left to do. */
  | { readonly kind: "gone"; readonly workload: Workload; readonly because: string }
  /** `soon`: a container that may be the accused one has started and is not reported yet; asked again a little later, it may be found. */
  | { readonly kind: "unverified"; readonly because: string; readonly soon?: true };

/** "service/web", "Deployment/api", or the workload's own name: for people and for identity. */
export function ownerName(workload: Workload): string | null {
  if (workload.owner === null) return null;
  const place = workload.kind === "task" || workload.namespace === null ? "" : `${workload.namespace}/`;
  return `${workload.owner.kind}/${place}${workload.owner.name}`;
}

export function workloadName(workload: Workload): string {
  if (workload.kind === "task")
    return `task ${workload.taskArn.slice(workload.taskArn.lastIndexOf("/") + 1)} (${workload.family}:${workload.revision})`;
  if (workload.kind === "pod") return `pod ${workload.namespace}/${workload.name}`;
  return `${workload.resource} ${workload.namespace === null ? "" : `${workload.namespace}/`}${workload.name}`;
}
