import type { ActionName } from "#shared/domain/action.ts";
import type { Evidence, Outcome, Receipt } from "#shared/domain/receipt.ts";
import type { Versions } from "#shared/domain/versions.ts";

/**
 * undone: it was done, and its former state is there again. executing: one invocation has the lease and may act. requested: accepted, waiting to be seen in the world. done, failed, refused: final.
 * A claim that is done is never acted on again in its generation; one that failed or was refused, only by another alert that finds its target.
 * Incidents of several policy rules share a claim while one of them is open.
 */
export type ClaimState = "executing" | "requested" | "done" | "failed" | "refused" | "undone";

/** Body of CLAIM. `P` is the playbook's plan: plain data, enough to execute and verify without the alert. */
export interface ClaimBody<P> {
  readonly state: ClaimState;
  readonly incident: string;
  readonly generation: number;
  readonly target: string;
  readonly action: ActionName;
  /** Id of the alert that made the claim. */
  readonly alert: string;
  readonly alertAtMs: number | null;
  /** Registry name. */
  readonly cluster: string;
  readonly channels: readonly string[];
  readonly plan: P;
  readonly evidence: Evidence;
  /** The invocation that has the lease. */
  readonly owner: string;
  /** Grows with every new owner: a write of an earlier one fails. */
  readonly fence: number;
  readonly leaseUntilMs: number;
  readonly claimedAtMs: number;
  readonly requestedAtMs: number | null;
  /** Late looks at the world so far. */
  readonly looks: number;
  /** The unknown outcome was told: once is enough. */
  readonly escalated: boolean;
  /** It replaced a claim that failed, was refused, or is of another incident that is closed. */
  readonly again?: true;
  /** Another incident has its place now: it stands under its own incident's, for undo. */
  readonly filed?: true;
  /** What preparing found, stored before anything is touched: undo restores it. Absent: not prepared. */
  readonly kept?: Readonly<Record<string, string>>;
  readonly remarks?: readonly string[];
  /** What it was claimed under. */
  readonly under?: Versions;
  /** Requested, and the world can never tell any more what became of it: nobody looks again. */
  readonly over?: true;
}

/** Longer than an invocation acts and verifies; after it anyone may look at the world and go on. */
export const LEASE_MS = 30_000;
/** An outcome still unknown this long after the claim is told. */
export const ESCALATE_MS = 15 * 60_000;
/** Late verification gives up looking every few minutes and looks every hour after this. */
const LATE_MS = 24 * 3_600_000;
/** Who did not see it until then will not see it. */
const LAST_LOOK_MS = 7 * 24 * 3_600_000;

export const isFinalClaim = (state: ClaimState): boolean => state !== "executing" && state !== "requested";

/** What is to be done with a claim that is there. */
export type Standing = "final" | "leased" | "expired" | "requested";

export function standing<P>(claim: ClaimBody<P>, nowMs: number): Standing {
  if (isFinalClaim(claim.state)) return "final";
  if (claim.state === "requested") return claim.over === true ? "final" : "requested";
  return nowMs < claim.leaseUntilMs ? "leased" : "expired";
}

/** A new owner after a lost lease: the world is looked at before anything else. */
export const takenOver = <P>(claim: ClaimBody<P>, owner: string, nowMs: number): ClaimBody<P> => ({
  ...claim,
  state: "executing",
  owner,
  fence: claim.fence + 1,
  leaseUntilMs: nowMs + LEASE_MS,
});

/** The lease ends now: whoever comes next need not wait for it. */
export const released = <P>(claim: ClaimBody<P>, nowMs: number): ClaimBody<P> => ({ ...claim, leaseUntilMs: nowMs });

const STATE_OF: Record<Outcome, ClaimState> = {
  done: "done",
  skipped: "done",
  refused: "refused",
  failed: "failed",
  requested: "requested",
  unknown: "requested",
};

export const settled = <P>(claim: ClaimBody<P>, outcome: Outcome, requestedAtMs: number | null): ClaimBody<P> => ({
  ...claim,
  state: STATE_OF[outcome],
  requestedAtMs: claim.requestedAtMs ?? requestedAtMs,
});

/** When sweep looks again: soon at first, then ever more rarely. Null when the claim is final, or looking is of no use any more. */
export function lookDueMs<P>(claim: ClaimBody<P>, nowMs: number): number | null {
  if (isFinalClaim(claim.state) || claim.over === true || nowMs - claim.claimedAtMs > LAST_LOOK_MS) return null;
  // The message of a dead owner normally comes again before that and goes on.
  if (claim.state === "executing" && nowMs < claim.leaseUntilMs + 5_000) return claim.leaseUntilMs + 5_000;
  const longest = nowMs - claim.claimedAtMs > LATE_MS ? 3_600_000 : 300_000;
  return nowMs + Math.min(longest, 15_000 * 2 ** Math.min(claim.looks, 10));
}

/** The receipt of a claim. `verifiedAtMs` only when the world showed it. */
export function receiptOf<P>(
  claim: ClaimBody<P>,
  outcome: Outcome,
  because: string,
  verifiedAtMs: number | null,
  undo: Receipt["undo"],
  subject: string | null = null,
): Receipt {
  const { action, target, requestedAtMs, evidence, remarks = [] } = claim;
  return {
    action,
    target,
    outcome,
    because,
    requestedAtMs,
    verifiedAtMs,
    undo,
    evidence,
    ...(remarks.length === 0 ? {} : { remarks }),
    ...(subject === null ? {} : { subject }),
  };
}
