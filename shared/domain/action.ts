import type { Workload } from "#shared/domain/workload.ts";

/** Every response action, in the order in which actions on one target are taken: evidence stands before all, then mark, call, isolate, stop, host. */
export const ACTIONS = [
  "ecs:tag-task",
  "ecs:protect-task",
  "aws:invoke-lambda",
  "ecs:isolate-task",
  "ecs:revoke-role-sessions",
  "ecs:scale-service-to-zero",
  "ecs:stop-task",
  "kubernetes:terminate",
  "ecs:drain-instance",
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
  /** It hits more than the offender, or cannot be taken back soon: a person must say yes unless the policy waives it. */
  readonly approval: boolean;
  /** It ends the offender, and an owner that replaces it starts over: counted by recurrence. */
  readonly stops: boolean;
  /** It only puts a mark on the offender and takes nothing away: it spends no budget. */
  readonly marks: boolean;
  /** It is worth doing although the offender has ended: it is done to what the offender ran on, was of, or knew. */
  readonly outlives: boolean;
  /** For people: "Task stopped", "Decided to stop the task". */
  readonly words: { readonly thing: string; readonly did: string; readonly do: string };
}

const narrow = { approval: false, stops: false, marks: false, outlives: false, lane: null } as const;
const broad = { approval: true, stops: false, marks: false, outlives: true, lane: null } as const;

export const ACTION_FACTS: Readonly<Record<ActionName, ActionFacts>> = {
  "ecs:tag-task": { ...narrow, marks: true, target: "task", words: { thing: "task", did: "tagged", do: "tag" } },
  "ecs:protect-task": {
    ...narrow,
    marks: true,
    target: "task",
    words: { thing: "task", did: "protected from scale-in", do: "protect from scale-in" },
  },
  "aws:invoke-lambda": { ...narrow, outlives: true, target: "any", words: { thing: "Lambda function", did: "invoked", do: "invoke" } },
  "ecs:isolate-task": { ...narrow, target: "task", words: { thing: "task", did: "isolated", do: "isolate" } },
  "ecs:revoke-role-sessions": {
    ...broad,
    target: "task",
    lane: "wide",
    words: { thing: "sessions of the task role", did: "revoked", do: "revoke" },
  },
  "ecs:scale-service-to-zero": { ...broad, target: "task", words: { thing: "service", did: "scaled to zero", do: "scale to zero" } },
  "ecs:stop-task": { ...narrow, target: "task", stops: true, words: { thing: "task", did: "stopped", do: "stop" } },
  "kubernetes:terminate": { ...narrow, target: "pod", stops: true, words: { thing: "pod", did: "deleted", do: "delete" } },
  "ecs:drain-instance": { ...broad, target: "task", words: { thing: "container instance", did: "drained", do: "drain" } },
  "ecs:isolate-instance": { ...broad, target: "task", lane: "wide", words: { thing: "EC2 instance", did: "isolated", do: "isolate" } },
};

/** Switches of parameters by which an action hits more. All others spare somebody. */
export const WIDENS: readonly string[] = ["clear_protection"];

export const laneOf = (action: ActionName, kind: Workload["kind"]): Lane =>
  ACTION_FACTS[action].lane ?? (kind === "task" ? "ecs" : "kubernetes");

/** Does the action fit a workload of this kind? */
export const fits = (action: ActionName, kind: Workload["kind"]): boolean => [kind, "any"].includes(ACTION_FACTS[action].target);

/** What claims and receipts of one target are told apart by: two functions of the user are two actions. */
export const actionKey = (action: ActionName, params: Readonly<Record<string, unknown>>): string =>
  action === "aws:invoke-lambda" ? `${action}/${String(params["function"])}` : action;

/** Alerts that come when the target is gone are told as an aftermath of these. */
export const endsTarget = (action: ActionName): boolean =>
  ACTION_FACTS[action].stops || action === "ecs:scale-service-to-zero" || action === "ecs:drain-instance";

/** Actions on one target are taken in this order. */
export const byOrder = (a: ActionName, b: ActionName): number => ACTIONS.indexOf(a) - ACTIONS.indexOf(b);
