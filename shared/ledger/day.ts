import type { IncidentBody } from "#shared/ledger/incident.ts";
import { expiry, iso, KEEP_INCIDENT_S, pack, unpack } from "#shared/ledger/items.ts";
import { dayKey } from "#shared/ledger/keys.ts";
import type { Item, Write } from "#shared/ports/table.ts";

/** Body of DAY#: what lists are filtered by before the incident itself is read. Never changed: an incident is opened once. */
export interface OpenedBody {
  readonly incident: string;
  readonly cluster: string | null;
  readonly rule: string | null;
  readonly openedAtMs: number;
}

/** Beside the incident itself, in its transaction: there is no incident that no list finds. */
export function dayWrite({ incident, cluster, rule, firstAlertAtMs }: IncidentBody, nowMs: number): Write {
  const body: OpenedBody = { incident, cluster, rule, openedAtMs: firstAlertAtMs };
  const key = dayKey(iso(firstAlertAtMs), incident);
  return { op: "put", item: pack(key, "opened", 1, nowMs, body, { expires: expiry(nowMs, KEEP_INCIDENT_S) }), when: null };
}

export const readOpened = (item: Item): OpenedBody => unpack<OpenedBody>(item, "opened");
