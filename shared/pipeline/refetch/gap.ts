import type { Notice } from "#shared/domain/notice.ts";
import { minuteOf } from "#shared/ledger/arrival.ts";
import { iso } from "#shared/ledger/items.ts";
import { BEFORE_MS } from "#shared/pipeline/refetch/fetch-again.ts";
import type { Gap } from "#shared/pipeline/refetch/ports.ts";
import { arrivalsOf } from "#shared/pipeline/sweep/hearing.ts";
import type { Table } from "#shared/ports/table.ts";

export interface Found {
  /** Events of the gap that were handed over again. */
  readonly fetched: number;
  /** Events that arrived while the gap's were awaited, whatever their timestamps. */
  readonly arrivedThen: number;
}

/** Counted from what was written when it was handed over: true also after a crash. */
export async function fetchedSince(
  logGroup: string,
  gap: Gap,
  settleMs: number,
  nowMs: number,
  table: Pick<Table, "query">,
  signal: AbortSignal,
): Promise<Found> {
  const arrivals = await arrivalsOf(logGroup, gap.fromMs, nowMs, table, signal);
  const of = (minutes: Readonly<Record<string, number>>, isOurs: (minute: number) => boolean): number =>
    Object.entries(minutes).reduce((sum, [minute, count]) => sum + (isOurs(Number(minute)) ? count : 0), 0);
  const inGap = (minute: number): boolean => minute >= minuteOf(gap.fromMs - BEFORE_MS) && minute < minuteOf(gap.toMs);
  let fetched = 0;
  let arrivedThen = 0;
  for (const { minutes, arrivedMs, fetched: isFetched } of arrivals) {
    if (isFetched && arrivedMs >= gap.openedMs) fetched += of(minutes, inGap);
    else if (arrivedMs < gap.toMs + settleMs) arrivedThen += of(minutes, () => true);
  }
  return { fetched, arrivedThen };
}

/** Null: nothing was missing. */
export function gapNotice(
  logGroup: string,
  gap: Gap,
  { fetched, arrivedThen }: Found,
  maxAgeSeconds: number,
  nowMs: number,
): Notice | null {
  // What is neither in the list nor arrived under other timestamps.
  const lost = Math.max(0, gap.received - Math.max(gap.arrived, arrivedThen) - fetched);
  if (fetched === 0 && lost === 0) return null;
  const late = Math.round((nowMs - gap.fromMs) / 60_000);
  return {
    kind: "delivery-gap",
    subject: logGroup,
    severity: lost > 0 ? "critical" : "warning",
    title: `${fetched + lost} log events of ${logGroup} were received by CloudWatch and never delivered`,
    lines: [
      `Between ${iso(gap.fromMs)} and ${iso(gap.toMs)} it received ${gap.received}, and ${gap.arrived} with timestamps of that time had arrived.`,
      ...(fetched === 0 ? [] : [`${fetched} were fetched again now, up to ${late} min late, and decided on like any other.`]),
      ...(fetched > 0 && nowMs - gap.fromMs > maxAgeSeconds * 1_000
        ? [`Alerts older than ${Math.round(maxAgeSeconds / 60)} min are told, not acted on.`]
        : []),
      ...(lost === 0 ? [] : [`${lost} were not found by their time, and are not fetched: a shipper that was behind, or a deleted stream.`]),
    ],
    remedy:
      "Look for the reason: subscription filter, permission of ingest, throttling (alarms delivery-errors, delivery-throttled; docs/sensors.md)",
  };
}
