import type { IncidentBody } from "#shared/ledger/incident.ts";
import { expiry, KEEP_INCIDENT_S, pack, unpack } from "#shared/ledger/items.ts";
import { metaKey } from "#shared/ledger/keys.ts";
import { recordMissing } from "#shared/pipeline/audit/missing.ts";
import type { Archive } from "#shared/ports/archive.ts";
import type { Clock } from "#shared/ports/clock.ts";
import type { Item, Table } from "#shared/ports/table.ts";
import type { Telemetry } from "#shared/ports/telemetry.ts";

interface Ports {
  readonly audit?: Archive;
  readonly table: Table;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

/** The stream has forgotten after 24 hours what it could not hand over: an hour later nothing more is to be waited for. */
export const COMPARE_MS = 25 * 3_600_000;

/** A closed incident whose time has come: what its record lacks is recorded, and it is not looked at again. */
export async function lookAtRecord(found: Item, { audit, table, clock, telemetry }: Ports, signal: AbortSignal): Promise<void> {
  const item = await table.get(found, signal);
  if (item === null || audit === undefined) return;
  const about = unpack<IncidentBody>(item, "incident");
  const nowMs = clock.now();
  if (about.state !== "closed" || item.due === undefined || Date.parse(item.due) > nowMs) return;
  const missing = await recordMissing(about.incident, { archive: audit, table, clock }, signal);
  if (missing > 0) {
    telemetry.count("AuditRepaired", missing);
    telemetry.error("The record of an incident lacked items of the ledger; they are recorded now", { incident: about.incident, missing });
  }
  const next = pack(metaKey(about.incident), "incident", item.version + 1, nowMs, about, { expires: expiry(nowMs, KEEP_INCIDENT_S) });
  await table.transact([{ op: "put", item: next, when: { kind: "version", version: item.version } }], signal);
}
