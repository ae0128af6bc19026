import type { AuditedBody } from "#shared/audit/index-items.ts";
import { nameOf } from "#shared/audit/object.ts";
import { recordOf } from "#shared/audit/record.ts";
import { isRecorded } from "#shared/audit/recorded.ts";
import type { ReceiptBody } from "#shared/ledger/incident.ts";
import { iso, unpack } from "#shared/ledger/items.ts";
import { auditPk, incidentPk } from "#shared/ledger/keys.ts";
import { keepRecords, type RecordPorts } from "#shared/pipeline/audit.ts";
import type { Item, Table } from "#shared/ports/table.ts";

type Ports = Omit<RecordPorts, "table"> & { readonly table: Table };

/** Younger items are still on their way through the stream. */
const ON_ITS_WAY_MS = 10 * 60_000;
/** Records of one object. */
const IN_ONE = 500;

/**
 * Compares the items of an incident as they are with the index of the record, and records what is missing. Earlier versions that the stream lost
 * are gone for good; of what an item says now nothing is. Gives how many were missing.
 */
export async function recordMissing(incident: string, ports: Ports, signal: AbortSignal): Promise<number> {
  const { table, clock } = ports;
  const nowMs = clock.now();
  const rows = await table.query(auditPk(incident), "", signal);
  const recorded = new Set(rows.flatMap((row) => unpack<AuditedBody>(row, "audit").names));
  const isMissing = (item: Item): boolean =>
    isRecorded(item) && !(Date.parse(item.at) > nowMs - ON_ITS_WAY_MS) && !recorded.has(nameOf(item));
  const found: Item[] = [];
  const keep = async (): Promise<number> => {
    const records = found.splice(0).map((item) => recordOf(item, iso(nowMs), "sweep"));
    await keepRecords(records, ports, signal);
    return records.length;
  };
  let missing = 0;
  for await (const item of itemsOf(incident, table, signal)) {
    if (isMissing(item)) found.push(item);
    if (found.length >= IN_ONE) missing += await keep();
  }
  return missing + (await keep());
}

/** The incident's items and claims. Alerts have hashes for keys and may be very many: a 256th of them at a time. */
async function* itemsOf(incident: string, table: Table, signal: AbortSignal): AsyncGenerator<Item> {
  const pk = incidentPk(incident);
  for (const prefix of ["META", "TARGET#", "ORDER#", "NOTE#"]) yield* await table.query(pk, prefix, signal);
  const receipts = await table.query(pk, "RECEIPT#", signal);
  yield* receipts;
  for (const target of new Set(receipts.map((item) => unpack<ReceiptBody>(item, "receipt").receipt.target))) {
    const claims = await table.query(`CLAIM#${target}`, "", signal);
    yield* claims.filter((claim) => unpack<{ readonly incident: string }>(claim, "claim").incident === incident);
  }
  for (let first = 0; first < 256; first++) yield* await table.query(pk, `ALERT#${first.toString(16).padStart(2, "0")}`, signal);
}
