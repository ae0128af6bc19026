import type { IncidentBody } from "#shared/ledger/incident.ts";
import { iso } from "#shared/ledger/items.ts";
import { countPk } from "#shared/ledger/keys.ts";
import type { Table } from "#shared/ports/table.ts";

/** A batch is counted before its alert is queued, so its count is older than the incident that the alert opens. */
const BEFORE_MS = 15 * 60_000;

/**
 * How many alerts an incident stands for, those included that the queue dropped because similar ones were under way. Every batch counts
 * once however often it is delivered.
 */
export async function trueCount(incident: IncidentBody, table: Pick<Table, "query">, signal: AbortSignal): Promise<number> {
  const since = iso(incident.firstAlertAtMs - BEFORE_MS);
  const partitions = await Promise.all(incident.similars.map((similar) => table.query(countPk(similar), "BATCH#", signal)));
  const counted = partitions
    .flat()
    .filter(({ at }) => at >= since)
    .reduce((sum, item) => sum + (typeof item["count"] === "number" ? item["count"] : 0), 0);
  return Math.max(incident.count, counted);
}
