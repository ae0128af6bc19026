import type { Decision } from "#shared/domain/decision.ts";
import type { Workload } from "#shared/domain/workload.ts";
import { subjectOf } from "#shared/ledger/keys.ts";
import { spend } from "#shared/pipeline/respond/budgets.ts";
import { pausedNow } from "#shared/pipeline/respond/paused.ts";
import type { RespondPorts } from "#shared/pipeline/respond/ports.ts";
import { spendingOf } from "#shared/pipeline/respond/spending.ts";
import type { Verdict } from "#shared/pipeline/respond/verdict.ts";
import type { Item, Key, Table, Write } from "#shared/ports/table.ts";

/** What is only observed spends nothing: what enforcing would have spent before is in no budget, and nobody pretends to know it. */
const FREE = "enforcing, switch and budgets would let it pass now (only what was really done counts)";

type Observed = Extract<Decision, { readonly kind: "would-act" }>;

/**
 * Adds to what is only observed what the kill switch and the budgets would have said to it at this moment. Which actions stand there does not
 * change: enforcing decides the same ones, and meets switch and budgets afterwards. Reads the ledger only where something is observed.
 */
export async function foreseen(verdict: Verdict, ports: RespondPorts, signal: AbortSignal): Promise<Verdict> {
  const { decisions, resolution } = verdict;
  if (resolution?.kind !== "found" || !decisions.some(isObserved)) return verdict;
  const { workload } = resolution;
  const paused = await pausedNow(workload.cluster, ports, signal);
  const ahead = new Ahead(ports.table);
  const told: Decision[] = [];
  for (const decision of decisions) {
    if (!isObserved(decision)) told.push(decision);
    else {
      const no = paused ?? (await budgetsSay(decision, workload, verdict, ahead, ports, signal));
      told.push({ ...decision, because: `${decision.because}; ${no === null ? FREE : `enforcing, it would be held now: ${no}`}` });
    }
  }
  return { ...verdict, decisions: told };
}

const isObserved = (decision: Decision): decision is Observed => decision.kind === "would-act" && decision.would !== "ask";

async function budgetsSay(
  { action }: Observed,
  workload: Workload,
  { entry, who, rule }: Verdict,
  ahead: Ahead,
  ports: RespondPorts,
  signal: AbortSignal,
): Promise<string | null> {
  const about = { body: { alert: entry.alert }, subject: subjectOf(entry.cluster, who, rule), rule };
  const spending = await spendingOf({ action: action.action, workload }, about, ports, signal);
  if ("because" in spending) return spending.because;
  const budget = await spend(spending, ports.policy, ahead, ports.clock.now(), signal);
  if (!budget.ok) return budget.because;
  ahead.take(budget.writes);
  return null;
}

/** The ledger as it would be: actions of one alert spend one after the other. */
class Ahead implements Pick<Table, "get"> {
  readonly #table: Pick<Table, "get">;
  readonly #written = new Map<string, Item>();

  constructor(table: Pick<Table, "get">) {
    this.#table = table;
  }

  get(key: Key, signal: AbortSignal): Promise<Item | null> {
    const written = this.#written.get(key.pk);
    return written === undefined ? this.#table.get(key, signal) : Promise.resolve(written);
  }

  take(writes: readonly Write[]): void {
    for (const write of writes) if (write.op === "put") this.#written.set(write.item.pk, write.item);
  }
}
