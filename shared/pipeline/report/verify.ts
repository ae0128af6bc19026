import { hash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { hashOfValue, sha256 } from "#shared/audit/canonical.ts";
import type { AuditedBody } from "#shared/audit/index-items.ts";
import { nameOf } from "#shared/audit/object.ts";
import type { AuditRecord } from "#shared/audit/record.ts";
import type { ReceiptBody } from "#shared/ledger/incident.ts";
import type { ReportPorts } from "#shared/pipeline/report/ports.ts";
import type { Item } from "#shared/ports/table.ts";
import type { Verified } from "#shared/report/report.ts";

/** Objects that one look reads: a person waits. */
const MOST_OBJECTS = 60;
const AT_ONCE = 6;
/** An object is made from one batch of at most 6 MB: what unpacks to more is none of ours. */
const MOST_BYTES = 64 * 1024 * 1024;

/** Reads each object again and compares it with the hash in the index, each item of the ledger with its record, each evidence with its receipt. */
export async function verifyRecord(
  rows: readonly AuditedBody[],
  items: readonly Item[],
  receipts: readonly ReceiptBody[],
  { audit, evidence }: ReportPorts,
  signal: AbortSignal,
): Promise<readonly Verified[]> {
  const lines = new Map<string, string | null>();
  const objects = await each(rows, async ({ key, sha256: expected }): Promise<Verified["result"]> => {
    const bytes = await audit.get(key, signal);
    if (bytes === null) return "missing";
    const text = textOf(bytes);
    if (text === null || sha256(text) !== expected) return "differs";
    for (const record of recordsIn(text)) lines.set(nameOf(record), record.sha256);
    return "matches";
  });
  const kept = receipts.flatMap(({ receipt }) => (receipt.evidence.kind === "kept" ? [receipt.evidence] : []));
  const distinct = [...new Map(kept.map((one) => [one.key, one])).values()];
  const evidences = await each(distinct, async ({ key, sha256: expected }): Promise<Verified["result"]> => {
    const bytes = await evidence.get(key, signal);
    if (bytes === null) return "missing";
    return hash("sha256", bytes, "hex") === expected ? "matches" : "differs";
  });
  const recorded = items.flatMap((item): Verified[] => {
    const name = nameOf(item);
    const line = lines.get(name);
    return line === undefined ? [] : [{ what: "item", name, result: line === hashOfValue(item) ? "matches" : "differs" }];
  });
  const named = (what: Verified["what"], all: readonly { readonly key: string }[], results: readonly Verified["result"][]): Verified[] =>
    all.map(({ key }, at) => ({ what, name: key, result: results[at] ?? "left" }));
  return [...named("audit", rows, objects), ...recorded, ...named("evidence", distinct, evidences)];
}

async function each<T>(all: readonly T[], look: (one: T) => Promise<Verified["result"]>): Promise<readonly Verified["result"][]> {
  const results: Verified["result"][] = [];
  const queue = all.slice(0, MOST_OBJECTS).map((one, at) => ({ one, at }));
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) results[next.at] = await look(next.one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

/** Null: it is no gzip, and so not what was written. */
function textOf(bytes: Uint8Array): string | null {
  try {
    return gunzipSync(bytes, { maxOutputLength: MOST_BYTES }).toString("utf8");
  } catch {
    return null;
  }
}

const recordsIn = (text: string): readonly AuditRecord[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as AuditRecord);
