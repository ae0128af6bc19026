import { minuteOf } from "#shared/ledger/arrival.ts";
import { arrivalsOf } from "#shared/pipeline/sweep/hearing.ts";
import type { Clock } from "#shared/ports/clock.ts";
import type { LogGroups } from "#shared/ports/log-groups.ts";
import type { Table } from "#shared/ports/table.ts";

export interface Chunk {
  readonly fromMs: number;
  readonly toMs: number;
  /** Events that CloudWatch took in within this time. */
  readonly received: number;
  /** Events with timestamps of this time that were handed over. */
  readonly arrived: number;
}

/** A shipper's clock may be ahead: events arrive before their own time. */
const AHEAD_MS = 2 * 60_000;

/**
 * What was received and what arrived, window by window. The one counts by CloudWatch's clock, the other by the events' timestamps: a window may
 * seem to lack what the next has too much. Whether anything is missing, only the list of the events tells; this tells where to ask for one.
 */
export async function compare(
  logGroup: string,
  fromMs: number,
  toMs: number,
  chunkMs: number,
  { groups, table, clock }: { readonly groups: LogGroups; readonly table: Pick<Table, "query">; readonly clock: Pick<Clock, "now"> },
  signal: AbortSignal,
): Promise<readonly Chunk[]> {
  const received = await groups.received(logGroup, fromMs, toMs, signal);
  const arrived = new Map<number, number>();
  for (const { minutes } of await arrivalsOf(logGroup, fromMs - AHEAD_MS, clock.now(), table, signal))
    for (const [minute, count] of Object.entries(minutes)) arrived.set(Number(minute), (arrived.get(Number(minute)) ?? 0) + count);
  const sum = (of: ReadonlyMap<number, number>, startMs: number): number => {
    let total = 0;
    for (let minute = minuteOf(startMs); minute < minuteOf(startMs + chunkMs); minute++) total += of.get(minute) ?? 0;
    return total;
  };
  return Array.from({ length: Math.round((toMs - fromMs) / chunkMs) }, (_, n) => {
    const startMs = fromMs + n * chunkMs;
    return { fromMs: startMs, toMs: startMs + chunkMs, received: sum(received, startMs), arrived: sum(arrived, startMs) };
  });
}
