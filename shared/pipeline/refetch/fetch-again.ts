import { digestOf, digestsIn } from "#shared/ledger/arrival.ts";
import { handOver } from "#shared/pipeline/ingest.ts";
import type { Gap, RefetchPorts } from "#shared/pipeline/refetch/ports.ts";
import { arrivalsOf } from "#shared/pipeline/sweep/hearing.ts";
import type { ListedEvent } from "#shared/ports/log-groups.ts";
import type { LogBatch } from "#shared/wire/cloudwatch.ts";

/** Shippers hold events back for seconds, rarely a minute: such were received in the window and have timestamps before it. */
export const BEFORE_MS = 2 * 60_000;
/** Of one gap in one run. */
const MOST_PAGES = 40;
/** Of one batch, as a subscription would deliver it. */
const MOST_EVENTS = 1_000;
const MOST_CHARS = 1_000_000;

export interface FetchedAgain {
  readonly missing: number;
  /** Everything with an earlier timestamp was looked at. */
  readonly resumeMs: number;
  readonly done: boolean;
}

/**
 * Lists the events of a gap and hands over those that never arrived, by the same path as any other. What dies in between is done again: what
 * was handed over has arrived by then. What CloudWatch took in only now it may still be delivering: that is of a later window.
 */
export async function fetchAgain(
  logGroup: string,
  gap: Gap,
  settleMs: number,
  ports: RefetchPorts,
  signal: AbortSignal,
): Promise<FetchedAgain> {
  const { groups, table, clock, registry } = ports;
  const startMs = Math.max(gap.resumeMs, gap.fromMs) - (gap.resumeMs > gap.fromMs ? 0 : BEFORE_MS);
  const arrivals = await arrivalsOf(logGroup, gap.fromMs - BEFORE_MS - BEFORE_MS, clock.now(), table, signal);
  const arrived = new Set(arrivals.flatMap(({ ids }) => digestsIn(ids)));
  let next: string | null = null;
  let missing = 0;
  let resumeMs = startMs;
  for (let page = 0; page < MOST_PAGES; page++) {
    const answer = await groups.list(logGroup, startMs, gap.toMs, next, signal);
    if (answer === null) return { missing, resumeMs, done: true };
    const lost = answer.events.filter(({ id, ingestedMs }) => ingestedMs <= clock.now() - settleMs && !arrived.has(digestOf(id)));
    for (const batch of batchesOf(lost, logGroup, registry.account)) {
      await handOver(batch, ports, signal, true);
      missing += batch.events.length;
    }
    for (const { id } of lost) arrived.add(digestOf(id));
    resumeMs = Math.max(resumeMs, ...answer.events.slice(-1).map(({ timestamp }) => timestamp));
    next = answer.next;
    if (next === null) return { missing, resumeMs, done: true };
    if (signal.aborted) break;
  }
  return { missing, resumeMs, done: false };
}

/** By stream, in their order, as a subscription would deliver them. */
function batchesOf(events: readonly ListedEvent[], logGroup: string, account: string): readonly LogBatch[] {
  const byStream = Map.groupBy(events, ({ logStream }) => logStream);
  return [...byStream].flatMap(([logStream, its]) => {
    const parts: ListedEvent[][] = [];
    let chars = 0;
    for (const event of its) {
      const last = parts.at(-1);
      if (last === undefined || last.length >= MOST_EVENTS || chars + event.message.length > MOST_CHARS) {
        parts.push([event]);
        chars = 0;
      } else last.push(event);
      chars += event.message.length;
    }
    return parts.map(
      (part): LogBatch => ({
        kind: "data",
        account,
        logGroup,
        logStream,
        events: part.map(({ id, timestamp, message }) => ({ id, timestamp, message })),
      }),
    );
  });
}
