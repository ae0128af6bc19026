import { messageOf } from "#shared/domain/error.ts";
import { iso, pack, unpack } from "#shared/ledger/items.ts";
import { deliveryKey } from "#shared/ledger/keys.ts";
import { noticeWrites } from "#shared/ledger/notices.ts";
import { type Chunk, compare } from "#shared/pipeline/refetch/compare.ts";
import { fetchAgain } from "#shared/pipeline/refetch/fetch-again.ts";

export type { RefetchPorts } from "#shared/pipeline/refetch/ports.ts";

import { fetchedSince, gapNotice } from "#shared/pipeline/refetch/gap.ts";
import type { DeliveryState, Gap, RefetchPorts } from "#shared/pipeline/refetch/ports.ts";
import type { Item, Write } from "#shared/ports/table.ts";

export interface RefetchReport {
  /** Log groups compared without trouble. */
  readonly groups: number;
  /** Windows of five minutes in which something was missing. */
  readonly gaps: number;
  readonly fetched: number;
  readonly troubles: number;
}

export const CHUNK_MS = 5 * 60_000;
/** CloudWatch's metric and the delivery itself are complete by then. */
export const SETTLE_MS = 6 * 60_000;
/** Arrivals are kept for three days: what is older cannot be compared. */
export const OLDEST_MS = 2 * 86_400_000;
/** Of one group in one run; what is left waits for the next. */
const MOST_CHUNKS = 24;

/**
 * Compares what each registered log group received with what arrived at ingest, and hands over again what did not arrive. CloudWatch skips up
 * to 10 minutes after a refusal, gives up after 24 hours, and delivers nothing without its filter.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
 */
export async function refetch(ports: RefetchPorts, signal: AbortSignal): Promise<RefetchReport> {
  const { registry, telemetry } = ports;
  const names = [...new Set(registry.clusters.flatMap(({ sources }) => sources.map(({ logGroup }) => logGroup)))];
  const report = { groups: 0, gaps: 0, fetched: 0, troubles: 0 };
  for (const name of names) {
    if (signal.aborted) break;
    try {
      const { gaps, fetched } = await compareGroup(name, ports, signal);
      report.groups++;
      report.gaps += gaps;
      report.fetched += fetched;
    } catch (thrown) {
      report.troubles++;
      telemetry.error("A log group could not be compared with what arrived; the next run does it", {
        logGroup: name,
        because: messageOf(thrown),
      });
    }
  }
  telemetry.count("EventsFetchedAgain", report.fetched);
  telemetry.count("RefetchTroubles", report.troubles);
  telemetry.info("Compared", report);
  return report;
}

async function compareGroup(
  logGroup: string,
  ports: RefetchPorts,
  signal: AbortSignal,
): Promise<{ readonly gaps: number; readonly fetched: number }> {
  const { table, clock } = ports;
  const nowMs = clock.now();
  const untilMs = Math.floor((nowMs - SETTLE_MS) / CHUNK_MS) * CHUNK_MS;
  let held = await read(logGroup, table, signal);
  // Nothing is known of the time before the first run.
  if (held.state === null) return await keep(held.item, { checkedMs: untilMs, gap: null }, logGroup, ports, [], signal).then(() => NOTHING);
  const fromMs = Math.max(held.state.checkedMs, untilMs - OLDEST_MS);
  const toMs = Math.min(untilMs, fromMs + MOST_CHUNKS * CHUNK_MS);
  if (toMs <= fromMs) return NOTHING;
  const chunks = await compare(logGroup, fromMs, toMs, CHUNK_MS, ports, signal);
  let gaps = 0;
  let fetched = 0;
  for (const chunk of chunks) {
    const open = held.state?.gap ?? null;
    if (chunk.received <= chunk.arrived && open === null) continue;
    const gap = open ?? opened(chunk, nowMs);
    // Another run has it.
    const begun = await keep(held.item, { checkedMs: gap.fromMs, gap }, logGroup, ports, [], signal);
    if (begun === null) return { gaps, fetched };
    const { missing, resumeMs, done } = await fetchAgain(logGroup, gap, SETTLE_MS, ports, signal);
    fetched += missing;
    if (!done) {
      await keep(begun, { checkedMs: gap.fromMs, gap: { ...gap, resumeMs } }, logGroup, ports, [], signal);
      return { gaps, fetched };
    }
    const told = await tellGap(logGroup, gap, ports, signal);
    if (told.writes.length > 0) gaps++;
    const closed = await keep(begun, { checkedMs: gap.toMs, gap: null }, logGroup, ports, told.writes, signal);
    if (closed === null) return { gaps, fetched };
    held = { item: closed, state: { checkedMs: gap.toMs, gap: null } };
  }
  await keep(held.item, { checkedMs: toMs, gap: null }, logGroup, ports, [], signal);
  return { gaps, fetched };
}

const NOTHING = { gaps: 0, fetched: 0 } as const;

const opened = ({ fromMs, toMs, received, arrived }: Chunk, nowMs: number): Gap => ({
  fromMs,
  toMs,
  openedMs: nowMs,
  resumeMs: fromMs,
  received,
  arrived,
});

/** What was really missing: what was fetched again, whoever of us lived to see it. Nothing was: the events had other timestamps, and arrived. */
async function tellGap(
  logGroup: string,
  gap: Gap,
  { table, registry, clock, policy }: RefetchPorts,
  signal: AbortSignal,
): Promise<{ readonly writes: readonly Write[] }> {
  const nowMs = clock.now();
  const found = await fetchedSince(logGroup, gap, SETTLE_MS, nowMs, table, signal);
  const notice = gapNotice(logGroup, gap, found, policy.maxAgeSeconds, nowMs);
  return { writes: notice === null ? [] : noticeWrites(notice, iso(gap.fromMs), registry.notifications.system, nowMs) };
}

interface Held {
  readonly item: Item | null;
  readonly state: DeliveryState | null;
}

async function read(logGroup: string, table: RefetchPorts["table"], signal: AbortSignal): Promise<Held> {
  const item = await table.get(deliveryKey(logGroup), signal);
  return { item, state: item === null ? null : unpack<DeliveryState>(item, "delivery") };
}

/** Null: another run wrote meanwhile, and goes on. */
async function keep(
  before: Item | null,
  state: DeliveryState,
  logGroup: string,
  { table, clock }: RefetchPorts,
  along: readonly Write[],
  signal: AbortSignal,
): Promise<Item | null> {
  const item = pack(deliveryKey(logGroup), "delivery", (before?.version ?? 0) + 1, clock.now(), state);
  const when = before === null ? ({ kind: "absent" } as const) : ({ kind: "version", version: before.version } as const);
  return (await table.transact([{ op: "put", item, when }, ...along], signal)).ok ? item : null;
}
