import { pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";
import type { Policy } from "#shared/domain/policy.ts";
import type { Registry } from "#shared/domain/registry.ts";
import type { IngestPorts, IngestReport } from "#shared/pipeline/ingest.ts";
import type { AlertQueue } from "#shared/ports/alert-queue.ts";
import { logsEvent } from "../fixtures/logs.ts";
import { everything, policyOf, registry } from "../fixtures/registry.ts";
import { alertLine, flatRecord, stringRecord } from "./alerts.ts";
import { bundle, median } from "./bundle.ts";
import type { BenchRow } from "./row.ts";

/** What the bundle exports here: the pipeline of the deployed function and the queue's codec, nothing else of the world. */
interface Bundled {
  readonly ingest: (event: unknown, ports: IngestPorts, signal: AbortSignal) => Promise<IngestReport>;
  readonly encodeEntry: (entry: Parameters<AlertQueue["send"]>[0][number]["entry"]) => string;
}

const ALERTS_PER_BATCH = 250;
const BATCHES = 4;
const ROUNDS = 41;
const NOW = Date.parse("2026-11-23T19:00:00.000Z");

/**
 * Alerts per CPU-second of the bundled ingest over bare gunzip + JSON.parse of document, messages and string `log` values: the same bytes, in
 * the same process, in turn. The queue takes entries and does nothing; a second figure writes their bodies too.
 */
export async function ingestVsLimit(): Promise<readonly BenchRow[]> {
  const path = await bundle("ingest-bench", {
    contents: `export { ingest } from "#shared/pipeline/ingest.ts"; export { encodeEntry } from "#shared/wire/queue-entry.ts";`,
  });
  const bundled = (await import(pathToFileURL(path).href)) as Bundled;
  const shapes = { flat: flatRecord, "string in log": stringRecord };
  const rows: BenchRow[] = [];
  let all = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const events = Array.from({ length: BATCHES }, (_batch, b) =>
      logsEvent(
        Array.from({ length: ALERTS_PER_BATCH }, (_alert, n) => shape(alertLine(b * ALERTS_PER_BATCH + n, NOW - 5_000 + n))),
        { prefix: String(b) },
      ),
    );
    const { entries, bodies } = await compare(bundled, events);
    all += entries / Object.keys(shapes).length;
    rows.push(
      {
        name: `ingest_vs_limit (${name})`,
        value: entries,
        unit: "of the limit",
        compared: `bare gunzip + JSON.parse, ${BATCHES * ALERTS_PER_BATCH} distinct alerts, median of ${ROUNDS} rounds`,
      },
      {
        name: `ingest_vs_limit with bodies (${name})`,
        value: bodies,
        unit: "of the limit",
        compared: "the same, and each entry written as a body",
      },
    );
  }
  return [{ name: "ingest_vs_limit", value: all, unit: "of the limit", compared: "mean of the two shapes below; wanted >= 0.5" }, ...rows];
}

async function compare(
  { ingest, encodeEntry }: Bundled,
  events: readonly ReturnType<typeof logsEvent>[],
): Promise<{ readonly entries: number; readonly bodies: number }> {
  const signal = new AbortController().signal;
  const distinct = new Set<string>();
  let bytes = 0;
  const check = portsWith({
    send: (entries) => {
      for (const { entry } of entries) distinct.add(entry.alert.id);
      return Promise.resolve();
    },
  });
  for (const event of events) await ingest(event, check, signal);
  if (distinct.size !== BATCHES * ALERTS_PER_BATCH) throw new Error(`only ${distinct.size} distinct alerts were queued`);

  const stubbed = portsWith({ send: () => Promise.resolve() });
  const writing = portsWith({
    send: (entries) => {
      for (const { entry } of entries) bytes += encodeEntry(entry).length;
      return Promise.resolve();
    },
  });
  const limit = async (): Promise<void> => {
    for (const event of events) await Promise.resolve(bare(event));
  };
  const ours = (ports: IngestPorts) => async (): Promise<void> => {
    for (const event of events) await ingest(event, ports, signal);
  };
  const ratios: number[] = [];
  const bodyRatios: number[] = [];
  for (let round = -8; round < ROUNDS; round++) {
    const base = await cpuSeconds(limit);
    const entries = await cpuSeconds(ours(stubbed));
    const bodies = await cpuSeconds(ours(writing));
    if (round < 0) continue;
    ratios.push(base / entries);
    bodyRatios.push(base / bodies);
  }
  if (bytes === 0) throw new Error("nothing was written");
  return { entries: median(ratios), bodies: median(bodyRatios) };
}

async function cpuSeconds(work: () => Promise<void>): Promise<number> {
  const start = process.cpuUsage();
  for (let again = 0; again < 4; again++) await work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}

/** The least that any reader must do. Unpacked as we unpack, in one piece. */
function bare({ awslogs: { data } }: ReturnType<typeof logsEvent>): number {
  const packed = Buffer.from(data, "base64");
  const text = gunzipSync(packed, { chunkSize: packed.readUInt32LE(packed.length - 4) + 64 }).toString("utf8");
  const document = JSON.parse(text) as { readonly logEvents: readonly { readonly message: string }[] };
  let seen = 0;
  for (const { message } of document.logEvents) {
    const record = JSON.parse(message) as { readonly log?: unknown };
    if (typeof record.log === "string" && JSON.parse(record.log) !== null) seen++;
  }
  return seen;
}

function portsWith(queue: AlertQueue): IngestPorts {
  const nothing = (): void => {};
  const policy: Policy = policyOf([everything]);
  const bound: Registry = registry;
  return {
    registry: bound,
    policy,
    queue,
    unreadable: { put: () => Promise.reject(new Error("nothing here is unreadable")) },
    table: { putAll: () => Promise.resolve() },
    clock: { now: () => NOW },
    telemetry: { info: nothing, warn: nothing, error: nothing, count: nothing, latency: nothing },
  };
}
