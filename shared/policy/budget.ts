import { type Priority, rank } from "#shared/domain/priority.ts";

/** One action that was taken in the window of a budget. */
export interface BudgetEntry {
  readonly atMs: number;
  /** "Kind/name" of the owner, or the workload's uid when nobody owns it. */
  readonly owner: string;
  readonly priority: Priority;
  /** Uid of the replica that it was done to, in the owner's own budget; absent: it is not done to a replica. */
  readonly replica?: string;
}

export interface BudgetLimit {
  /** recurrence: stops of one owner for one policy rule. */
  readonly scope: "recurrence" | "owner" | "cluster" | "fleet";
  /** Actions within the window. 0: none. */
  readonly limit: number;
  readonly windowSeconds: number;
  /** Of an owner: no more than so many percent of its replicas within the window (always at least 1). */
  readonly replicas?: { readonly percent: number; readonly running: number; readonly desired: number | null };
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
    const kept = reserveOf(limit.limit);
    if (rank(request.priority) < rank("Critical") && live.length >= limit.limit - kept)
      return no(`what is left of the ${limit.scope} budget, ${kept} of ${limit.limit} actions ${per}, is kept for Critical and above`);
  }
  const spared = spareReplica(live, request, limit);
  if (spared !== null) return no(`${spared} ${per}`);
  const { owner, priority, replica } = request;
  const admitted = [...live, { atMs: nowMs, owner, priority, ...(replica === undefined ? {} : { replica }) }];
  return { ok: true, recent: admitted.sort((a, b) => a.atMs - b.atMs) };
}

/** At least a fifth; a budget of one action is for whoever comes first. */
export const reserveOf = (limit: number): number => (limit < 2 ? 0 : Math.ceil(limit / 5));

/** Several actions on one replica take one replica. */
function spareReplica(live: readonly BudgetEntry[], { replica }: Omit<BudgetEntry, "atMs">, { replicas }: BudgetLimit): string | null {
  if (replicas === undefined || replica === undefined) return null;
  const others = new Set(live.flatMap((entry) => entry.replica ?? []).filter((uid) => uid !== replica));
  if (live.some((entry) => entry.replica === replica)) return null;
  const { percent, running, desired } = replicas;
  // Those that were acted on may be gone and not replaced yet: they are among what the owner wants, and no more than that.
  const of = Math.max(running, Math.min(desired ?? running, running + others.size));
  const most = Math.max(1, Math.floor((of * percent) / 100));
  if (others.size < most) return null;
  return `${others.size} of this owner's ${of} replicas were acted on, and ${percent}% of them, ${most}, may be`;
}

const no = (because: string): Admission => ({ ok: false, because });
