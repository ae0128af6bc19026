import type { Policy } from "#shared/domain/policy.ts";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import type { Registry } from "#shared/domain/registry.ts";
import { countKey } from "#shared/ledger/keys.ts";
import { accuserOf } from "#shared/pipeline/ingest/accuse.ts";
import { dedupOf, dedupOfBatch, groupOf, shortHash } from "#shared/pipeline/ingest/coalesce.ts";
import { keptInvocation, keptObject } from "#shared/pipeline/ingest/kept.ts";
import type { IngestReport } from "#shared/pipeline/ingest/outcome.ts";
import { mayBeLarge, shrink, tooLarge } from "#shared/pipeline/ingest/shrink.ts";
import { type Similar, type Sorted, sortBatch } from "#shared/pipeline/ingest/sort-batch.ts";
import type { AlertLane, AlertQueue, OutgoingEntry } from "#shared/ports/alert-queue.ts";
import type { Archive } from "#shared/ports/archive.ts";
import type { Clock } from "#shared/ports/clock.ts";
import type { Item, Table } from "#shared/ports/table.ts";
import type { Telemetry } from "#shared/ports/telemetry.ts";
import { batchId, decodeDocument, type LogBatch } from "#shared/wire/cloudwatch.ts";
import { isRecord } from "#shared/wire/record.ts";

export type { IngestReport } from "#shared/pipeline/ingest/outcome.ts";

export interface IngestPorts {
  readonly registry: Registry;
  readonly policy: Policy;
  readonly queue: AlertQueue;
  /** The unreadable bucket. */
  readonly unreadable: Archive;
  readonly table: Pick<Table, "putAll">;
  readonly clock: Pick<Clock, "now">;
  readonly telemetry: Telemetry;
}

/** Counts of a batch are of use while its incident is open; TTL removes them later. */
const KEEP_COUNTS_SECONDS = 8 * 24 * 3_600;

/**
 * One invocation by CloudWatch Logs: `{ awslogs: { data } }`. Every event ends as queued, coalesced into a queued one, ignored or unreadable.
 * Throws only when the world is broken (Lambda then delivers the same again, which changes nothing more) or our own code is wrong.
 */
export async function ingest(event: unknown, ports: IngestPorts, signal: AbortSignal): Promise<IngestReport> {
  const data = isRecord(event) && isRecord(event["awslogs"]) ? event["awslogs"]["data"] : undefined;
  if (typeof data !== "string")
    return await undecoded(JSON.stringify(event) ?? "", "the invocation is not CloudWatch Logs'", ports, signal);
  const decoded = decodeDocument(data);
  if (decoded.kind === "unreadable") return await undecoded(data, decoded.because, ports, signal);
  if (decoded.kind === "control") {
    ports.telemetry.info("CloudWatch Logs checked the subscription");
    return { batch: "control", events: 0, queued: 0, coalesced: 0, ignored: 0, unreadable: 0, reasons: {} };
  }
  return await handOver(decoded, ports, signal);
}

async function handOver(batch: LogBatch, ports: IngestPorts, signal: AbortSignal): Promise<IngestReport> {
  const { registry, policy, queue, unreadable, table, clock } = ports;
  const nowMs = clock.now();
  const id = batchId(batch);
  const sorted = sortBatch(batch, registry, policy, nowMs);
  const report = sorted.tally.report(id, batch.events.length);
  const large: { readonly key: string; readonly body: string }[] = [];
  const clusterHash = sorted.origin.cluster === null ? null : shortHash(sorted.origin.cluster.name);
  const outgoing = sorted.similar.map((similar) => outgoingOf(similar, sorted, batch, id, policy, nowMs, clusterHash, large));
  const writes: Promise<unknown>[] = large.map(({ key, body }) => unreadable.put(key, body, "text/plain; charset=utf-8", signal));
  if (sorted.kept.length > 0) {
    const { key, body } = keptObject(batch, id, sorted.kept);
    writes.push(unreadable.put(key, body, "application/x-ndjson", signal));
  }
  const at = new Date(nowMs).toISOString();
  const expires = Math.floor(nowMs / 1_000) + KEEP_COUNTS_SECONDS;
  const counts = outgoing.map(({ entry }) => countItem(entry, at, expires));
  if (counts.length > 0) writes.push(table.putAll(counts, signal));
  await Promise.all(writes);
  // Last: what a responder may act on is counted and kept before it can be seen.
  if (outgoing.length > 0) await queue.send(outgoing, signal);
  tell(report, sorted, batch, ports.telemetry, nowMs);
  return report;
}

function outgoingOf(
  similar: Similar,
  { origin }: Sorted,
  batch: LogBatch,
  id: string,
  policy: Policy,
  nowMs: number,
  clusterHash: string | null,
  large: { readonly key: string; readonly body: string }[],
): OutgoingEntry {
  const { alert, because, rules, tell: reason, sensor, alerts, times, eventId, eventTimeMs, raw } = similar;
  const cluster = origin.cluster?.name ?? null;
  const key = shortHash(similar.text);
  let entry: QueueEntry = {
    schema: "falco-responder/queue-entry/1",
    alert,
    cluster,
    accuser: accuserOf(batch, eventId, eventTimeMs, because),
    sensor,
    rules: rules.map((position) => policy.rules[position]?.name ?? ""),
    policyVersion: policy.version,
    count: alerts,
    ...(times === null ? {} : { times: times.sort((a, b) => a - b).slice(-MOST_TIMES) }),
    similar: key,
    batch: id,
    receivedMs: nowMs,
    tell: reason,
    wholeAt: null,
  };
  if (mayBeLarge(raw.length) && tooLarge(entry)) {
    const whole = { key: `oversized/${id}/${alert.id}.txt`, body: raw };
    large.push(whole);
    entry = shrink(entry, whole.key);
  }
  return {
    lane: laneOf(origin.cluster?.kind),
    entry,
    group: groupOf(clusterHash, alert),
    dedup: times === null ? dedupOf(key, nowMs) : dedupOfBatch(key, id),
  };
}

/** No threshold is higher. */
const MOST_TIMES = 100;

/** Lines that no cluster is registered for are only told: any responder can. */
const laneOf = (kind: string | undefined): AlertLane => (kind === "eks" || kind === "kubernetes" ? "kubernetes" : "ecs");

const countItem = ({ similar = "", batch, count }: QueueEntry, at: string, expires: number): Item => ({
  ...countKey(similar, batch),
  type: "count",
  version: 1,
  at,
  count,
  expires,
});

function tell(report: IngestReport, sorted: Sorted, batch: LogBatch, telemetry: Telemetry, nowMs: number): void {
  for (const outcome of ["queued", "coalesced", "ignored", "unreadable"] as const) {
    if (report[outcome] > 0) telemetry.count("Alerts", report[outcome], { outcome });
  }
  if (sorted.unregistered > 0) telemetry.count("UnregisteredAccuser", sorted.unregistered);
  if (sorted.fragments > 0) telemetry.count("Fragments", sorted.fragments);
  const newest = sorted.similar.reduce((latest, { alert }) => Math.max(latest, alert.timeMs ?? 0), 0);
  if (newest > 0 && newest <= nowMs) telemetry.latency("FalcoToIngest", nowMs - newest);
  const { account, logGroup, logStream } = batch;
  telemetry.info("batch ingested", { ...report, account, logGroup, logStream, fragments: sorted.fragments });
}

/** What cannot be decoded is kept as it came; trying again would not help. */
async function undecoded(raw: string, because: string, ports: IngestPorts, signal: AbortSignal): Promise<IngestReport> {
  const id = shortHash(raw);
  const { key, body } = keptInvocation(raw, id, because);
  await ports.unreadable.put(key, body, "application/x-ndjson", signal);
  ports.telemetry.count("Alerts", 1, { outcome: "unreadable" });
  ports.telemetry.warn("an invocation could not be decoded and was kept", { batch: id, because, key });
  return { batch: id, events: 1, queued: 0, coalesced: 0, ignored: 0, unreadable: 1, reasons: {} };
}
