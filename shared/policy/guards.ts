import { AUDIT } from "#shared/domain/alert.ts";
import type { Policy, Protect } from "#shared/domain/policy.ts";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import type { Resolution, Workload } from "#shared/domain/workload.ts";
import type { ClusterFacts } from "#shared/policy/match-workload.ts";
import { globTest } from "#shared/policy/pattern.ts";

/** All that a decision is made from. */
export interface Question {
  readonly entry: QueueEntry;
  readonly policy: Policy;
  /** The registry's entry of `entry.cluster`; null when there is none. */
  readonly cluster: ClusterFacts | null;
  /** null: the target was not looked for. */
  readonly resolution: Resolution | null;
  readonly nowMs: number;
}

/** Why nothing may be done to this target, in words for a person and never in words of the alert; null: no objection. */
export type Guard = (question: Question) => string | null;

/** An alert this much ahead of our clock is from the future. */
const MAX_AHEAD_MS = 120_000;

/** In this order; the first objection is the hold's reason. */
export const GUARDS: readonly Guard[] = [
  ({ entry }) => (entry.accuser.verified === true ? null : `the accuser is not verified: ${entry.accuser.because ?? "no reason given"}`),
  ({ entry }) => entry.tell,
  ({ entry, cluster }) => (cluster !== null && cluster.name === entry.cluster ? null : "no registered cluster is known for this alert"),
  ({ entry }) => (entry.alert.internal ? "Falco speaks of itself: such an alert has no target" : null),
  ({ entry }) => (entry.alert.onHost ? "the process runs on the host, outside any container" : null),
  accusesSomebody,
  timely,
  found,
  notTheSensor,
  unprotected,
  notAMirror,
  notTheRightsOfAll,
  notOurselves,
];

/** An audit alert is about an object, which its fields name; all others are about what runs in a container. */
function accusesSomebody({ entry: { alert }, cluster }: Question): string | null {
  const isAboutObject = alert.source === AUDIT && cluster !== null && cluster.kind !== "ecs";
  return alert.containerId !== null || isAboutObject ? null : "the alert carries no container id";
}

function timely({ entry, policy, nowMs }: Question): string | null {
  const { timeMs } = entry.alert;
  if (timeMs === null || !Number.isFinite(timeMs)) return "the alert carries no time that can be read";
  const ageMs = nowMs - timeMs;
  if (!(ageMs <= policy.maxAgeSeconds * 1_000))
    return `the alert is ${Math.floor(ageMs / 1_000)} s old, more than ${policy.maxAgeSeconds} s`;
  if (!(ageMs >= -MAX_AHEAD_MS)) return `the alert is ${Math.floor(-ageMs / 1_000)} s in the future`;
  return null;
}

function found({ entry, resolution }: Question): string | null {
  if (resolution === null) return "the target was not looked for";
  if (resolution.kind === "gone") return `already stopping: ${resolution.because}`;
  if (resolution.kind !== "found") return `the target could not be verified: ${resolution.because}`;
  return resolution.workload.cluster === entry.cluster ? null : "the target found is of another cluster than the alert";
}

/** FireLens names its router so in all of AWS's examples. */
const ROUTERS: readonly string[] = ["log_router", "log-router"];

function notTheSensor({ entry, resolution }: Question): string | null {
  const target = targetOf(resolution);
  const { taskArn, pod } = entry.sensor;
  if (target?.kind === "task" && taskArn === target.taskArn) return "the target is Falco's own task";
  if (target?.kind === "task" && ROUTERS.includes(target.container.name.toLowerCase()))
    return "the accused container is the log router: without it nobody hears of what the others do";
  const isPod = target?.kind === "pod" || (target?.kind === "object" && target.resource === "pods");
  if (isPod && pod !== null && (pod === target.name || pod === `${target.namespace}/${target.name}`))
    return "the target is Falco's own pod";
  return null;
}

function notAMirror({ resolution }: Question): string | null {
  const target = targetOf(resolution);
  const isMirror = target?.kind === "object" ? Object.hasOwn(target.annotations, MIRROR) : target?.kind === "pod" && target.mirror;
  return isMirror ? "the pod mirrors a static pod: the kubelet recreates it and the API cannot control it" : null;
}

/** Set by the kubelet. https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/ */
const MIRROR = "kubernetes.io/config.mirror";
/** On the roles and bindings that the API server makes. https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings */
const BOOTSTRAPPING = "kubernetes.io/bootstrapping";

/** Without these nobody, or the responder, has any rights in the cluster; in protected namespaces they are protected already. */
function notTheRightsOfAll({ resolution }: Question): string | null {
  const target = targetOf(resolution);
  if (target?.kind !== "object" || !/(role|binding)s$/.test(target.resource)) return null;
  if (Object.hasOwn(target.labels, BOOTSTRAPPING) || target.name.startsWith("system:"))
    return "its name or label says that it is one of the cluster's own rights: look at it by hand";
  const isOurs = target.name.startsWith("falco-responder") || target.labels["app.kubernetes.io/name"] === "falco-responder";
  return isOurs ? "its name or label says that it is one of the responder's own rights: look at it by hand" : null;
}

/** By the ServiceAccount of infra/rbac, or by our role: the stack's own ones are named after it. */
const SERVICE_ACCOUNT = "system:serviceaccount:falco-responder:falco-responder";
const OWN_ROLE = "falco-responder-";

/** What we do to a cluster is in its audit log, too: it is told, and not answered. */
function notOurselves({ entry, cluster }: Question): string | null {
  if (entry.alert.source !== AUDIT) return null;
  const user = Object.hasOwn(entry.alert.fields, "ka.user.name") ? entry.alert.fields["ka.user.name"] : null;
  if (typeof user !== "string") return null;
  const role = /^arn:aws[a-z-]*:(?:sts|iam)::\d{12}:(?:assumed-role|role)\/([^/]+)/.exec(user)?.[1];
  const own = cluster?.roleArn == null ? null : cluster.roleArn.slice(cluster.roleArn.lastIndexOf("/") + 1);
  const isOurs = user === SERVICE_ACCOUNT || (role !== undefined && (own === null ? role.startsWith(OWN_ROLE) : role === own));
  return isOurs ? "it was falco-responder itself that did this in the cluster" : null;
}

function unprotected({ policy, resolution }: Question): string | null {
  const target = targetOf(resolution);
  return target === null ? null : protectionOf(policy, target);
}

/**
 * Why the policy's protected lists spare this workload; null: they do not. Case does not matter: ECS takes "Falco" and "falco" for two
 * services, and whoever protects one means the other.
 */
export function protectionOf({ protect }: Pick<Policy, "protect">, target: Workload): string | null {
  const names: readonly (readonly [string, readonly string[], string | null])[] = [
    ["cluster", protect.clusters, target.cluster],
    ["namespace", protect.namespaces, target.kind === "task" ? null : target.namespace],
    ["service", protect.services, target.kind === "task" ? target.service : null],
    ["family", protect.families, target.kind === "task" ? target.family : null],
    ["priority class", protect.priorityClasses, target.kind === "task" ? null : (target.priorityClass ?? null)],
  ];
  for (const [what, globs, name] of names) {
    if (name !== null && globs.some((glob) => globTest(glob.toLowerCase())(name.toLowerCase()))) return `${what} ${name} is protected`;
  }
  return protectedByLabel(protect, target);
}

/** The same for a Kubernetes node: `marks` are its labels and annotations. */
export function nodeProtectionOf(
  { protect }: Pick<Policy, "protect">,
  name: string,
  marks: Readonly<Record<string, string>>,
): string | null {
  if ((protect.nodes ?? []).some((glob) => globTest(glob.toLowerCase())(name.toLowerCase()))) return `node ${name} is protected`;
  return protectingLabel(protect, Object.entries(marks));
}

/** Labels and tags, and annotations too: whoever wrote the mark there meant it. Case does not matter: "True" protects as "true" does. */
function protectedByLabel(protect: Protect, target: Workload): string | null {
  return protectingLabel(protect, [
    ...Object.entries(target.labels),
    ...(target.kind === "task" ? [] : Object.entries(target.annotations)),
  ]);
}

function protectingLabel(protect: Protect, marks: readonly (readonly [string, string])[]): string | null {
  for (const [key, wanted] of Object.entries(protect.labels)) {
    const hit = marks.some(
      ([name, value]) =>
        name.toLowerCase() === key.toLowerCase() && (wanted === "*" || value.trim().toLowerCase() === wanted.toLowerCase()),
    );
    if (hit) return `the label ${key} protects it`;
  }
  return null;
}

export const targetOf = (resolution: Resolution | null): Workload | null =>
  resolution === null || resolution.kind === "unverified" ? null : resolution.workload;
