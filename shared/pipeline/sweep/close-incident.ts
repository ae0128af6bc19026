import { isFinal } from "#shared/domain/receipt.ts";
import { closeDueMs, closed, type IncidentBody, type ReceiptBody } from "#shared/ledger/incident.ts";
import { expiry, iso, KEEP_INCIDENT_S, pack, unpack } from "#shared/ledger/items.ts";
import { incidentPk, metaKey } from "#shared/ledger/keys.ts";
import type { ClaimPorts } from "#shared/pipeline/respond/ports.ts";
import type { Item } from "#shared/ports/table.ts";

/** An incident with an open receipt is looked at again after this. */
const LOOK_AGAIN_MS = 10 * 60_000;

/** Closes an incident that was quiet long enough and whose receipts are all final. True: closed. A later alert opens the next generation. */
export async function closeIncident(found: Item, { table, clock, telemetry }: ClaimPorts, signal: AbortSignal): Promise<boolean> {
  const item = await table.get(found, signal);
  if (item === null) return false;
  const about = unpack<IncidentBody>(item, "incident");
  const nowMs = clock.now();
  if (about.state === "closed" || closeDueMs(about) > nowMs) return false;
  const receipts = await table.query(incidentPk(about.incident), "RECEIPT#", signal);
  const open = receipts.some((one) => !isFinal(unpack<ReceiptBody>(one, "receipt").receipt.outcome));
  const next = open
    ? pack(metaKey(about.incident), "incident", item.version + 1, nowMs, about, { due: iso(nowMs + LOOK_AGAIN_MS) })
    : pack(metaKey(about.incident), "incident", item.version + 1, nowMs, closed(about, nowMs), { expires: expiry(nowMs, KEEP_INCIDENT_S) });
  // Lost: an alert came meanwhile, and the incident lives on.
  const { ok } = await table.transact([{ op: "put", item: next, when: { kind: "version", version: item.version } }], signal);
  if (ok && !open) telemetry.count("IncidentsClosed", 1);
  return ok && !open;
}
