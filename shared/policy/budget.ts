import { type Priority, rank } from "#shared/domain/priority.ts";

/** One action that was taken in the window of a budget. */
export interface BudgetEntry {
  readonly atMs: number;
  /** "Kind/name" of the owner, or the workload's uid when nobody owns it. */
  readonly owner: string;
  readonly priority: Priority;
}

export interface BudgetLimit {
  /** recurrence: stops of one owner for one policy rule. */
  readonly scope: "recurrence" | "owner" | "cluster" | "fleet";
  /** Actions within the window. 0: none. */
  readonly limit: number;
  readonly windowSeconds: number;
}

/** `recent`: what to store, at most `limit` entries, oldest first. */
export type Admission = { readonly ok: true; readonly recent: readonly BudgetEntry[] } | { readonly ok: false; readonly because: string };

/**
 * May one more action be taken within this budget? Sliding window. In the budgets of cluster and fleet no owner uses more than a quarter
 * (at least 1), and a fifth is kept for Critical and above: whoever triggers many alerts must not spend what others need.
 */
export function admit(recent: readonly BudgetEntry[], request: Omit<BudgetEntry, "atMs">, limit: BudgetLimit, nowMs: number): Admission {
  const per = `within ${limit.windowSeconds} s`;
  // An entry from the future counts: a clock that was set back must not widen the budget.
  const live = recent.filter(({ atMs }) => atMs > nowMs - limit.windowSeconds * 1_000);
  if (live.length >= limit.limit) return no(`the ${limit.scope} budget of ${limit.limit} actions ${per} is spent`);
  if (limit.scope === "cluster" || limit.scope === "fleet") {
    const share = Math.max(1, Math.floor(limit.limit / 4));
    const own = live.filter(({ owner }) => owner === request.owner).length;
    if (own >= share) return no(`this owner has used its share, ${share} of the ${limit.scope} budget of ${limit.limit} actions ${per}`);
    const kept = Math.floor(limit.limit / 5);
    if (rank(request.priority) < rank("Critical") && live.length >= limit.limit - kept)
      return no(`what is left of the ${limit.scope} budget, ${kept} of ${limit.limit} actions ${per}, is kept for Critical and above`);
  }
  const admitted = [...live, { atMs: nowMs, owner: request.owner, priority: request.priority }];
  return { ok: true, recent: admitted.sort((a, b) => a.atMs - b.atMs) };
}

const no = (because: string): Admission => ({ ok: false, because });
