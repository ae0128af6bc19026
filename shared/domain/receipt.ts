import { type ActionName, subjectIn } from "#shared/domain/action.ts";
import type { Params } from "#shared/domain/policy.ts";

/**
 * done: verified in the world. requested: accepted, not yet confirmed. skipped: nothing was left to do.
 * refused: a precondition says no. failed: tried, and it is certain that it did not happen. unknown: tried, and we cannot tell.
 */
export type Outcome = "done" | "requested" | "skipped" | "refused" | "failed" | "unknown";

export const isFinal = (outcome: Outcome): boolean => outcome !== "requested" && outcome !== "unknown";

/** What an action did, as far as it is known to be true. */
export interface Receipt {
  readonly action: ActionName;
  /** Task ARN or pod uid. */
  readonly target: string;
  readonly outcome: Outcome;
  readonly because: string;
  readonly requestedAtMs: number | null;
  readonly verifiedAtMs: number | null;
  /** What undo needs; null with the reason when it cannot be taken back. */
  readonly undo:
    | { readonly possible: false; readonly because: string }
    /** `says`: what it restores. `keep`: the former state, and what we made of it. */
    | { readonly possible: true; readonly says: string; readonly keep: Readonly<Record<string, string>> };
  readonly evidence: Evidence;
  /** What else it hits and what it does not cut, for people. */
  readonly remarks?: readonly string[];
  /** What tells it from others of its name on one target (`subjectIn`): a function, a remote address, the level of a label. */
  readonly subject?: string;
  /** It tells of the undoing of this action. */
  readonly undoing?: true;
  /** With `undoing`: nobody asked, its time was over. ended: the offender was ended, not let go. asked: people are asked what is to become of it. */
  readonly timed?: "undone" | "ended" | "asked";
}

/** What a receipt of this action has beside its name. */
export function toldApart({ action, params }: { readonly action: ActionName; readonly params: Params }): Pick<Receipt, "subject"> {
  const subject = subjectIn(action, params);
  return subject === null ? {} : { subject };
}

export type Evidence =
  | { readonly kind: "kept"; readonly key: string; readonly sha256: string }
  | { readonly kind: "failed"; readonly because: string }
  | { readonly kind: "none" };
