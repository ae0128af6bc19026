import type { ActionName } from "#shared/domain/policy.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { Workload } from "#shared/domain/workload.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";

export type Params = Readonly<Record<string, string | number | boolean>>;

/** Rights, least first: a test compares them with the roles in infra/ and the ClusterRole in infra/rbac. */
export interface Needs {
  readonly iam: readonly {
    readonly actions: readonly string[];
    readonly on: "cluster" | "container-instance" | "service" | "task";
  }[];
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

/**
 * accepted: the control plane took the request; it is not done yet (receipt: requested). gone: nothing was left to do (receipt: skipped).
 * conflict: a precondition said no, nothing was touched (receipt: refused).
 */
export interface Execution {
  readonly kind: "accepted" | "gone" | "conflict";
  readonly because: string;
}

/**
 * done: the world shows it. pending: not yet; `begun` says whether the world shows that the request arrived (when it does not, execute
 * again: executing is idempotent). failed: it is certain that it did not and will not happen. unknown: the world does not tell.
 */
export type Verification =
  | { readonly kind: "pending"; readonly begun: boolean; readonly because: string }
  | { readonly kind: "done" | "failed" | "unknown"; readonly because: string };

/** Where a plan is carried out: the registered cluster of its workload. */
export interface Reach {
  readonly cluster: Cluster;
  readonly access: ClusterAccess;
}

/** One response action. `plan` is pure; the others throw PipelineError when the world is broken and may be repeated at will. */
export interface Playbook {
  readonly name: ActionName;
  readonly needs: Needs;
  plan(workload: Workload, params: Params, occasion: Occasion): Planning;
  execute(plan: Plan, reach: Reach, signal: AbortSignal): Promise<Execution>;
  verify(plan: Plan, reach: Reach, signal: AbortSignal): Promise<Verification>;
  /** Written to the receipt as it is. */
  readonly undo: { readonly possible: false; readonly because: string };
}

export const refused = (because: string): Planning => ({ kind: "refused", because });

/** The only keys that a playbook knows; any other is refused, so that a misspelt guard never passes as absent. Null: all known. */
export function unknownParam(params: Params, known: readonly string[]): string | null {
  const strange = Object.keys(params).find((key) => !known.includes(key));
  return strange === undefined ? null : `parameter "${strange}" is not known (known: ${known.join(", ") || "none"})`;
}
