import type { ActionName } from "#shared/domain/action.ts";
import type { Params } from "#shared/domain/policy.ts";
import type { Receipt } from "#shared/domain/receipt.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { Workload } from "#shared/domain/workload.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";

export type { Param, Params } from "#shared/domain/policy.ts";

/** What a right is granted on; infra/ecs-rights.ts makes ARNs and conditions of it, for the clusters of the registry. */
export type On =
  | "cluster"
  | "container-instance"
  | "service"
  | "task"
  /** DescribeTaskDefinition cannot be scoped. */
  | "task-definition"
  | "scalable-target"
  /** EC2 Describe* cannot be scoped. */
  | "any-interface"
  | "network-interface"
  | "security-group"
  /** Roles that the registry lists as `taskRoles`. */
  | "task-role"
  /** Log groups that the registry lists as `taskLogGroups`. */
  | "task-log-group"
  /** Functions that the policy names. */
  | "user-function";

export interface Right {
  readonly actions: readonly string[];
  readonly on: On;
}

/** Rights, least first: a test compares them with the roles in infra/ and the ClusterRole in infra/rbac. */
export interface Needs {
  /** To prepare, execute and undo: the role of the action's lane has them. */
  readonly iam: readonly Right[];
  /** To verify: sweep has them too. */
  readonly look: readonly Right[];
  readonly rbac: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
  }[];
}

/** Why an action is taken, in our words only: never a text of the alert. */
export interface Occasion {
  readonly incident: string;
  /** Name of the policy rule. */
  readonly rule: string;
}

/** What will be done to whom. Plain data: it may be stored with a claim and executed or verified by another invocation. */
export interface Plan {
  readonly action: ActionName;
  /** As the control plane described it when it was resolved. Its uid is the precondition of every write. */
  readonly workload: Workload;
  /** Parameters with their defaults filled in and their bounds checked. */
  readonly params: Params;
  readonly occasion: Occasion;
}

export type Planning = { readonly kind: "planned"; readonly plan: Plan } | { readonly kind: "refused"; readonly because: string };

/** The former state of the world, and marks of what we made of it: enough for undo. Stored with the claim before anything is touched. */
export type Kept = Readonly<Record<string, string>>;

/**
 * ready: `kept` is what undo restores, `remarks` what else it hits and what it does not cut, for people. nothing: it is so already (receipt:
 * skipped). refused: a precondition says no (receipt: refused), with the next best action in the words.
 */
export type Preparation =
  | { readonly kind: "ready"; readonly kept: Kept; readonly remarks: readonly string[] }
  | { readonly kind: "nothing" | "refused"; readonly because: string };

/**
 * accepted: the control plane took the request; it is not done yet (receipt: requested). done: it is done, nothing is left to look at. gone:
 * nothing was left to do (receipt: skipped). conflict: a precondition said no, nothing was touched (receipt: refused). failed: it certainly
 * did not happen. `kept` replaces what preparing kept; `remarks` are added.
 */
export interface Execution {
  readonly kind: "accepted" | "done" | "gone" | "conflict" | "failed";
  readonly because: string;
  readonly kept?: Kept;
  readonly remarks?: readonly string[];
}

/**
 * done: the world shows it. pending: not yet; `begun` says whether the world shows that the request arrived (when it does not, execute
 * again: executing is idempotent); `blind`: the world can never show it; `partly`: a part of it has happened, so giving up leaves that part.
 * failed: it is certain that it did not and will not happen. unknown: the world does not tell; `over`: and never will, since what it was done
 * to is gone.
 */
export type Verification =
  | { readonly kind: "pending"; readonly begun: boolean; readonly because: string; readonly blind?: true; readonly partly?: true }
  | { readonly kind: "done" | "failed" | "unknown"; readonly because: string; readonly over?: true };

/**
 * undone: the former state is there again, seen. nothing: there was nothing (left) to restore. requested: asked for, not seen yet: undo again
 * looks on. changed: somebody changed it since; their state stands and is not overwritten. early: not before `notBeforeMs`.
 */
export type Undoing =
  | { readonly kind: "undone" | "nothing" | "requested" | "changed"; readonly because: string }
  | { readonly kind: "early"; readonly notBeforeMs: number; readonly because: string };

/** Where a plan is carried out: the registered cluster of its workload. */
export interface Reach {
  readonly cluster: Cluster;
  readonly access: ClusterAccess;
  /** Why the policy protects this workload; null: it does not. For actions that hit more than the offender. */
  readonly protection: (workload: Workload) => string | null;
  /** The same for a Kubernetes node, by its name and its labels and annotations together. */
  readonly nodeProtection: (name: string, marks: Readonly<Record<string, string>>) => string | null;
  /** Keeps an object in the evidence bucket, named by its content. Sweep has none: it does nothing to the world. */
  readonly keep: (
    name: string,
    body: string,
    contentType: string,
    signal: AbortSignal,
  ) => Promise<{ readonly key: string; readonly sha256: string }>;
  readonly nowMs: () => number;
}

export type Undo =
  | { readonly possible: false; readonly because: string }
  | {
      readonly possible: true;
      /** What it restores, in a sentence for people. */
      readonly says: string;
      /** Restores exactly what `kept` holds, and only what is still as we made it. Repeated at will. `doneAtMs`: when the action was requested. */
      run(plan: Plan, kept: Kept, doneAtMs: number, reach: Reach, signal: AbortSignal): Promise<Undoing>;
    };

/**
 * What is done when an action has lasted as long as the policy allows. Expiry never returns an offender to service: where undoing would, it
 * ends the offender or asks. Run once, after `afterMs`, by the lane that did the action; the answer is told as that of an undo.
 */
export interface Expiry {
  /** From the moment the action was requested; null: it lasts until somebody undoes it. */
  afterMs(plan: Plan): number | null;
  /** "undo": what `undo.run` does. "ask": people are asked whether to terminate the target. */
  readonly by: "undo" | ((plan: Plan) => "ask" | "end");
  /** For "end": ends the offender unless it is protected by now, and takes away what the action made. Repeated at will. */
  end?(plan: Plan, kept: Kept, reach: Reach, signal: AbortSignal): Promise<Undoing>;
}

/** One response action. `plan` is pure; the others throw PipelineError when the world is broken and may be repeated at will. */
export interface Playbook {
  readonly name: ActionName;
  readonly needs: Needs;
  /** Why it refuses every target, and what to name instead: a policy that names it is refused when packaging. Absent: it acts. */
  readonly never?: { readonly because: string; readonly instead: string };
  plan(workload: Workload, params: Params, occasion: Occasion): Planning;
  /** Reads, touches nothing. Absent: there is nothing to keep. */
  prepare?(plan: Plan, reach: Reach, signal: AbortSignal): Promise<Preparation>;
  /** Throws PipelineError `not_yet` while a precondition is awaited: the message comes again. */
  execute(plan: Plan, kept: Kept, reach: Reach, signal: AbortSignal): Promise<Execution>;
  verify(plan: Plan, kept: Kept, reach: Reach, signal: AbortSignal): Promise<Verification>;
  readonly undo: Undo;
  /** Absent: it does not expire. */
  readonly expiry?: Expiry;
}

/** What a receipt says of taking it back. `kept`: null while nothing was done that could be. */
export function undoOf({ undo }: Playbook, kept: Kept | null): Receipt["undo"] {
  if (!undo.possible) return undo;
  return kept === null
    ? { possible: false, because: "nothing was done that could be taken back" }
    : { possible: true, says: undo.says, keep: kept };
}

export const refused = (because: string): Planning => ({ kind: "refused", because });

/** The only keys that a playbook knows; any other is refused, so that a misspelt guard never passes as absent. Null: all known. */
export function unknownParam(params: Params, known: readonly string[]): string | null {
  const strange = Object.keys(params).find((key) => !known.includes(key));
  return strange === undefined ? null : `parameter "${strange}" is not known (known: ${known.join(", ") || "none"})`;
}
