import type { Workload } from "#shared/domain/workload.ts";

/** Every response action, in the order in which actions on one target are taken: evidence stands before all, then mark, call, isolate, stop, host. */
export const ACTIONS = [
  "kubernetes:log",
  "ecs:tag-task",
  "ecs:protect-task",
  "kubernetes:label",
  "kubernetes:annotation",
  "aws:invoke-lambda",
  "kubernetes:cordon",
  "ecs:isolate-task",
  "calico:networkpolicy",
  "cilium:networkpolicy",
  "kubernetes:networkpolicy",
  "kubernetes:quarantine",
  "ecs:revoke-role-sessions",
  "kubernetes:revoke-tokens",
  "ecs:scale-service-to-zero",
  "kubernetes:scale-to-zero",
  "kubernetes:suspend",
  "ecs:stop-task",
  "kubernetes:evict",
  "kubernetes:terminate",
  "kubernetes:delete",
  "ecs:drain-instance",
  "kubernetes:drain",
  "ecs:isolate-instance",
] as const;
export type ActionName = (typeof ACTIONS)[number];

/** One function with its own role, and one queue, per lane. */
export const LANES = ["ecs", "kubernetes", "wide"] as const;
export type Lane = (typeof LANES)[number];

export interface ActionFacts {
  /** What kind of workload it is done to. */
  readonly target: Workload["kind"] | "any";
  /** The lane that has the rights for it; null: that of the target's kind. */
  readonly lane: Lane | null;
  /** It hits more than the offender, or cannot be taken back soon: a person must say yes unless the policy waives it. `always`: no policy can. */
  readonly approval: boolean | "always";
  /** So many different people must say yes, where people are configured and one is asked. The policy may ask for more, never for less. */
  readonly quorum: 1 | 2;
  /** It ends the offender, and an owner that replaces it starts over: counted by recurrence. */
  readonly stops: boolean;
  /** It only puts a mark on the offender and takes nothing away: it spends no budget. */
  readonly marks: boolean;
  /** It is worth doing although the offender has ended: it is done to what the offender ran on, was of, or knew. */
  readonly outlives: boolean;
  /** The parameter that tells two actions of this name on one target apart. `alert`: it comes from the alert, and no policy may name it. */
  readonly subject?: { readonly param: string; readonly from: "policy" | "alert"; readonly preset?: string };
  /** For people: "Task stopped", "Decided to stop the task". */
  readonly words: { readonly thing: string; readonly did: string; readonly do: string };
}

const narrow = { approval: false, quorum: 1, stops: false, marks: false, outlives: false, lane: null } as const;
const broad = { approval: true, quorum: 1, stops: false, marks: false, outlives: true, lane: null } as const;
/** It hits workloads of others (all that share a role or a machine), or what it takes nobody gives back: one person's mistake is not enough. */
const widest = { ...broad, quorum: 2 } as const;

const LEVEL = { param: "level", from: "policy", preset: "pod" } as const;
const REMOTE = { param: "remote", from: "alert" } as const;

export const ACTION_FACTS: Readonly<Record<ActionName, ActionFacts>> = {
  "ecs:tag-task": { ...narrow, marks: true, target: "task", words: { thing: "task", did: "tagged", do: "tag" } },
  "ecs:protect-task": {
    ...narrow,
    marks: true,
    target: "task",
    words: { thing: "task", did: "protected from scale-in", do: "protect from scale-in" },
  },
  "aws:invoke-lambda": {
    ...narrow,
    outlives: true,
    target: "any",
    subject: { param: "function", from: "policy" },
    words: { thing: "Lambda function", did: "invoked", do: "invoke" },
  },
  "ecs:isolate-task": { ...narrow, target: "task", words: { thing: "task", did: "isolated", do: "isolate" } },
  "ecs:revoke-role-sessions": {
    ...widest,
    target: "task",
    lane: "wide",
    words: { thing: "sessions of the task role", did: "revoked", do: "revoke" },
  },
  "ecs:scale-service-to-zero": { ...broad, target: "task", words: { thing: "service", did: "scaled to zero", do: "scale to zero" } },
  "ecs:stop-task": { ...narrow, target: "task", stops: true, words: { thing: "task", did: "stopped", do: "stop" } },
  "kubernetes:log": { ...narrow, marks: true, target: "pod", words: { thing: "logs of the pod", did: "kept", do: "keep" } },
  "kubernetes:label": { ...narrow, marks: true, target: "pod", subject: LEVEL, words: { thing: "label", did: "set", do: "set" } },
  "kubernetes:annotation": { ...narrow, marks: true, target: "pod", subject: LEVEL, words: { thing: "annotation", did: "set", do: "set" } },
  "kubernetes:cordon": {
    ...narrow,
    outlives: true,
    target: "pod",
    words: { thing: "node", did: "cordoned", do: "cordon" },
  },
  "kubernetes:networkpolicy": {
    ...narrow,
    target: "pod",
    words: { thing: "traffic of the pod", did: "restricted", do: "restrict" },
  },
  "calico:networkpolicy": { ...narrow, target: "pod", subject: REMOTE, words: { thing: "remote address", did: "denied", do: "deny" } },
  "cilium:networkpolicy": { ...narrow, target: "pod", subject: REMOTE, words: { thing: "remote address", did: "denied", do: "deny" } },
  "kubernetes:quarantine": { ...narrow, target: "pod", words: { thing: "pod", did: "quarantined", do: "quarantine" } },
  "kubernetes:revoke-tokens": {
    ...broad,
    target: "pod",
    words: { thing: "tokens of the service account", did: "revoked", do: "revoke" },
  },
  "kubernetes:scale-to-zero": { ...broad, target: "pod", words: { thing: "owner", did: "scaled to zero", do: "scale to zero" } },
  "kubernetes:suspend": { ...broad, target: "pod", words: { thing: "job", did: "suspended", do: "suspend" } },
  "kubernetes:evict": { ...narrow, target: "pod", stops: true, words: { thing: "pod", did: "evicted", do: "evict" } },
  "kubernetes:delete": {
    ...widest,
    approval: "always",
    target: "object",
    words: { thing: "object", did: "deleted", do: "delete" },
  },
  "kubernetes:drain": { ...widest, target: "pod", words: { thing: "node", did: "drained", do: "drain" } },
  "kubernetes:terminate": { ...narrow, target: "pod", stops: true, words: { thing: "pod", did: "deleted", do: "delete" } },
  "ecs:drain-instance": { ...widest, target: "task", words: { thing: "container instance", did: "drained", do: "drain" } },
  "ecs:isolate-instance": { ...widest, target: "task", lane: "wide", words: { thing: "EC2 instance", did: "isolated", do: "isolate" } },
};

/** Values of parameters by which an action hits more, or minds less, and their presets. All other switches spare somebody. */
export const WIDENS: Readonly<Record<string, { readonly wide: boolean | string; readonly preset: boolean | string }>> = {
  clear_protection: { wide: true, preset: false },
  include_default: { wide: true, preset: false },
  ignore_errors: { wide: true, preset: false },
  unproven: { wide: "allow", preset: "refuse" },
  on_vpc_cni: { wide: "warn", preset: "refuse" },
};

export const laneOf = (action: ActionName, kind: Workload["kind"]): Lane =>
  ACTION_FACTS[action].lane ?? (kind === "task" ? "ecs" : "kubernetes");

/** Does the action fit a workload of this kind? */
export const fits = (action: ActionName, kind: Workload["kind"]): boolean => [kind, "any"].includes(ACTION_FACTS[action].target);

/** The value of the parameter that tells this action from others of its name; null: a target has one of this name. */
export function subjectIn(action: ActionName, params: Readonly<Record<string, unknown>>): string | null {
  const { subject } = ACTION_FACTS[action];
  if (subject === undefined) return null;
  const value = params[subject.param] ?? subject.preset;
  return value === undefined ? null : String(value);
}

/** What claims and receipts of one target are told apart by: two functions of the user are two actions. */
export const actionKey = (action: ActionName, params: Readonly<Record<string, unknown>>): string =>
  keyOf(action, subjectIn(action, params));

export const keyOf = (action: ActionName, subject: string | null | undefined): string =>
  subject === null || subject === undefined ? action : `${action}/${subject}`;

/** Alerts that come when the target is gone are told as an aftermath of these. */
export const endsTarget = (action: ActionName): boolean => ACTION_FACTS[action].stops || ENDS.includes(action);

const ENDS: readonly ActionName[] = [
  "ecs:scale-service-to-zero",
  "ecs:drain-instance",
  "kubernetes:scale-to-zero",
  "kubernetes:suspend",
  "kubernetes:drain",
  "kubernetes:delete",
];

/** Actions on one target are taken in this order. */
export const byOrder = (a: ActionName, b: ActionName): number => ACTIONS.indexOf(a) - ACTIONS.indexOf(b);

/** How many different people must say yes to it: what the policy asks for, never less than the action itself needs. */
export const quorumOf = ({ action, quorum = 1 }: { readonly action: ActionName; readonly quorum?: number }): number =>
  Math.max(ACTION_FACTS[action].quorum, quorum);
