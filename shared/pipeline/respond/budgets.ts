import { ACTION_FACTS, type ActionName } from "#shared/domain/action.ts";
import type { Alert } from "#shared/domain/alert.ts";
import type { Policy, Recurrence } from "#shared/domain/policy.ts";
import { ownerName, type Workload } from "#shared/domain/workload.ts";
import { expiry, KEEP_HELPER_S, pack, unpack } from "#shared/ledger/items.ts";
import { budgetKey, hashOf } from "#shared/ledger/keys.ts";
import type { Replicas } from "#shared/playbooks/replicas.ts";
import { admit, type BudgetEntry, type BudgetLimit } from "#shared/policy/budget.ts";
import type { RecurrenceState } from "#shared/policy/recurrence.ts";
import type { Table, Write } from "#shared/ports/table.ts";

/** Body of BUDGET / WINDOW. */
interface BudgetBody {
  readonly recent: readonly BudgetEntry[];
}

/** Body of BUDGET#ladder/<subject> / WINDOW. */
interface LadderBody {
  readonly climbs: RecurrenceState["climbs"];
}

/** Which budget said no. */
export interface Spent {
  /** `budgetKey`'s. */
  readonly key: string;
  readonly scope: BudgetLimit["scope"];
  readonly windowSeconds: number;
  /** Cluster and owner, for people. */
  readonly owner: string;
}

export type Budgeted =
  | { readonly ok: true; readonly writes: readonly Write[] }
  | { readonly ok: false; readonly because: string; readonly spent: Spent };

/** What is to be done, to whom, and why: all that budgets look at. */
export interface Spending {
  readonly action: ActionName;
  readonly workload: Workload;
  readonly alert: Alert;
  /** Of the incident: owner and policy rule. */
  readonly subject: string;
  /** The rule that names the incident; null: none. */
  readonly rule: string | null;
  /** Of the owner, where the policy bounds their share and the action is done to one of them. */
  readonly replicas?: Replicas;
}

const recurrenceScope = (subject: string): string => `recurrence/${subject}`;
const ladderScope = (subject: string): string => `ladder/${subject}`;

/** The writes that spend one action in every budget it falls under, narrowest first; or the first budget that says no. */
export async function spend(
  spending: Spending,
  policy: Policy,
  table: Pick<Table, "get">,
  nowMs: number,
  signal: AbortSignal,
): Promise<Budgeted> {
  const { action, workload, alert, replicas } = spending;
  if (ACTION_FACTS[action].marks) return { ok: true, writes: [] };
  const owner = `${workload.cluster}/${ownerName(workload) ?? workload.uid}`;
  const writes: Write[] = [];
  const limits = limitsOf(spending, owner, policy);
  const items = await Promise.all(limits.map(([scope]) => table.get(budgetKey(scope), signal)));
  for (const [position, [scope, limit]] of limits.entries()) {
    const item = items[position] ?? null;
    const recent = item === null ? [] : unpack<BudgetBody>(item, "budget").recent;
    const replica = limit.scope === "owner" && replicas !== undefined ? { replica: workload.uid } : {};
    const admission = admit(recent, { owner, priority: alert.priority, ...replica }, limit, nowMs);
    if (!admission.ok) {
      const spent = { key: scope, scope: limit.scope, windowSeconds: limit.windowSeconds, owner };
      return { ok: false, because: admission.because, spent };
    }
    const body: BudgetBody = { recent: admission.recent };
    writes.push({
      op: "put",
      item: pack(budgetKey(scope), "budget", (item?.version ?? 0) + 1, nowMs, body, {
        expires: expiry(nowMs, keptFor(limit.windowSeconds)),
      }),
      when: item === null ? { kind: "absent" } : { kind: "version", version: item.version },
    });
  }
  return { ok: true, writes };
}

function limitsOf(
  { action, workload, subject, rule, replicas }: Spending,
  owner: string,
  policy: Policy,
): readonly [string, BudgetLimit][] {
  const { budgets } = policy;
  const { windowSeconds, replicasPercent: percent } = budgets;
  const share = percent === undefined || replicas === undefined ? {} : { replicas: { percent, ...replicas } };
  const limits: [string, BudgetLimit][] = [
    [`owner/${hashOf(owner)}`, { scope: "owner", limit: budgets.owner, windowSeconds, ...share }],
    [`cluster/${workload.cluster}`, { scope: "cluster", limit: budgets.cluster, windowSeconds }],
    ["fleet", { scope: "fleet", limit: budgets.fleet, windowSeconds }],
  ];
  // A step of the ladder is what recurrence asks for: it is not held back by it.
  const counted = action === "ecs:stop-task" || action === "kubernetes:terminate";
  if (!counted) return limits;
  const recurrence = recurrenceFor(rule, policy);
  const limit = { scope: "recurrence", limit: recurrence.times, windowSeconds: recurrence.windowSeconds } as const;
  return [[recurrenceScope(subject), limit], ...limits];
}

export const recurrenceFor = (rule: string | null, { rules, recurrence }: Policy): Recurrence =>
  rules.find(({ name }) => name === rule)?.recurrence ?? recurrence;

/** The window of a recurrence may be longer than helpers are kept. */
const keptFor = (windowSeconds: number): number => Math.max(KEEP_HELPER_S, 2 * windowSeconds);

/** How often targets of this owner were stopped for this rule, and how far up the ladder it is. */
export async function recurrenceOf(subject: string, table: Table, signal: AbortSignal): Promise<RecurrenceState> {
  const [stops, ladder] = await Promise.all([
    table.get(budgetKey(recurrenceScope(subject)), signal),
    table.get(budgetKey(ladderScope(subject)), signal),
  ]);
  return {
    stopsMs: stops === null ? [] : unpack<BudgetBody>(stops, "budget").recent.map(({ atMs }) => atMs),
    climbs: ladder === null ? [] : unpack<LadderBody>(ladder, "budget").climbs,
  };
}

/** Written with the alert that made the step: once, however often its message comes. */
export async function climbWrite(
  subject: string,
  climbs: RecurrenceState["climbs"],
  { windowSeconds }: Recurrence,
  table: Table,
  nowMs: number,
  signal: AbortSignal,
): Promise<Write> {
  const key = budgetKey(ladderScope(subject));
  const item = await table.get(key, signal);
  const body: LadderBody = { climbs };
  return {
    op: "put",
    item: pack(key, "budget", (item?.version ?? 0) + 1, nowMs, body, { expires: expiry(nowMs, keptFor(windowSeconds)) }),
    when: item === null ? { kind: "absent" } : { kind: "version", version: item.version },
  };
}
