import type { Alert } from "#shared/domain/alert.ts";
import type { Policy } from "#shared/domain/policy.ts";
import { ownerName, type Workload } from "#shared/domain/workload.ts";
import { expiry, KEEP_HELPER_S, pack, unpack } from "#shared/ledger/items.ts";
import { budgetKey, hashOf } from "#shared/ledger/keys.ts";
import { admit, type BudgetEntry, type BudgetLimit } from "#shared/policy/budget.ts";
import type { Table, Write } from "#shared/ports/table.ts";

/** Body of BUDGET / WINDOW. */
interface BudgetBody {
  readonly recent: readonly BudgetEntry[];
}

export type Budgeted = { readonly ok: true; readonly writes: readonly Write[] } | { readonly ok: false; readonly because: string };

/** The writes that spend one action in every budget it falls under, narrowest first; or the first budget that says no. */
export async function spend(
  workload: Workload,
  alert: Alert,
  { budgets }: Policy,
  table: Table,
  nowMs: number,
  signal: AbortSignal,
): Promise<Budgeted> {
  const { windowSeconds } = budgets;
  const owner = `${workload.cluster}/${ownerName(workload) ?? workload.uid}`;
  const limits: readonly (readonly [string, BudgetLimit])[] = [
    [`owner/${hashOf(owner)}`, { scope: "owner", limit: budgets.owner, windowSeconds }],
    [`cluster/${workload.cluster}`, { scope: "cluster", limit: budgets.cluster, windowSeconds }],
    ["fleet", { scope: "fleet", limit: budgets.fleet, windowSeconds }],
  ];
  const writes: Write[] = [];
  for (const [scope, limit] of limits) {
    const item = await table.get(budgetKey(scope), signal);
    const recent = item === null ? [] : unpack<BudgetBody>(item, "budget").recent;
    const admission = admit(recent, { owner, priority: alert.priority }, limit, nowMs);
    if (!admission.ok) return { ok: false, because: admission.because };
    const body: BudgetBody = { recent: admission.recent };
    writes.push({
      op: "put",
      item: pack(budgetKey(scope), "budget", (item?.version ?? 0) + 1, nowMs, body, { expires: expiry(nowMs, KEEP_HELPER_S) }),
      when: item === null ? { kind: "absent" } : { kind: "version", version: item.version },
    });
  }
  return { ok: true, writes };
}
