import type { Notice } from "#shared/domain/notice.ts";
import { expiry, KEEP_HELPER_S, pack, unpack } from "#shared/ledger/items.ts";
import { choreKey } from "#shared/ledger/keys.ts";
import { noticeWrites } from "#shared/ledger/notices.ts";
import type { Spent } from "#shared/pipeline/respond/budgets.ts";
import type { RespondPorts } from "#shared/pipeline/respond/ports.ts";

/** Body of CHORE#budget / <budget>. */
interface ToldBody {
  readonly toldAtMs: number;
}

/**
 * One loud notice for each budget within its window, however many actions it holds. Whoever writes first tells; who comes later within the
 * window reads that it was told. What recurrence holds is told by its own ladder.
 */
export async function tellSpent(spent: Spent, because: string, incident: string, ports: RespondPorts, signal: AbortSignal): Promise<void> {
  if (spent.scope === "recurrence") return;
  const { table, clock, registry, telemetry } = ports;
  const key = choreKey("budget", spent.key);
  const there = await table.get(key, signal);
  const nowMs = clock.now();
  const last = there === null ? null : unpack<ToldBody>(there, "chore").toldAtMs;
  if (last !== null && nowMs < last + spent.windowSeconds * 1_000) return;
  telemetry.count("BudgetExceeded", 1, { scope: spent.scope });
  const kept = Math.max(KEEP_HELPER_S, 2 * spent.windowSeconds);
  const body: ToldBody = { toldAtMs: nowMs };
  const item = pack(key, "chore", (there?.version ?? 0) + 1, nowMs, body, { expires: expiry(nowMs, kept) });
  const when = there === null ? ({ kind: "absent" } as const) : ({ kind: "version", version: there.version } as const);
  const notices = noticeWrites(noticeOf(spent, because, incident), String(nowMs), registry.notifications.system, nowMs);
  // Refused: somebody else tells it at this moment.
  await table.transact([{ op: "put", item, when }, ...notices], signal);
}

function noticeOf({ scope, key, windowSeconds, owner }: Spent, because: string, incident: string): Notice {
  return {
    kind: "budget-exceeded",
    subject: key,
    severity: "critical",
    title: `A budget holds actions: ${scope === "owner" ? owner : key}`,
    lines: [
      `${because}.`,
      `First held: an action on ${owner}, in incident ${incident}. Others may follow; each incident says what was held in it.`,
      `Told once within ${windowSeconds} s. A held alert that comes again when there is room is acted on; nothing is made up for.`,
    ],
    remedy: `npm run responder -- show ${incident}; if this is no attack that spends it, raise "budgets" in the policy and deploy`,
  };
}
