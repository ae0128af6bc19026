import type { AuditObject } from "#shared/audit/object.ts";
import { nameOf } from "#shared/audit/object.ts";
import { expiry, KEEP_INCIDENT_S, pack } from "#shared/ledger/items.ts";
import { auditHourKey, auditKey } from "#shared/ledger/keys.ts";
import type { Item } from "#shared/ports/table.ts";

/** Body of AUDIT#<incident> / <object>: which versions of the incident's items stand in that object. */
export interface AuditedBody {
  readonly key: string;
  readonly sha256: string;
  /** `nameOf` of each. */
  readonly names: readonly string[];
}

/** Body of AUDIT#HOUR#<hour> / <object>: what that hour's digest vouches for. */
export interface HourBody {
  readonly key: string;
  readonly sha256: string;
  readonly records: number;
}

/** Records of no incident (the switch, mutes, notices) have an index of their own. */
const NONE = "none";

/** The ledger is the index of the record. Written after the object stands, unconditionally: the same object gives the same items. */
export function indexItems(object: AuditObject, nowMs: number): readonly Item[] {
  const { key, sha256, records } = object;
  const expires = expiry(nowMs, KEEP_INCIDENT_S);
  const incidents = Object.entries(Object.groupBy(records, ({ incident }) => incident ?? NONE));
  const hour: HourBody = { key, sha256, records: records.length };
  return [
    ...incidents.map(([incident, ofIncident = []]) => {
      const body: AuditedBody = { key, sha256, names: ofIncident.map(nameOf) };
      return pack(auditKey(incident, key), "audit", 1, nowMs, body, { expires });
    }),
    pack(auditHourKey(hourOf(nowMs), key), "audit", 1, nowMs, hour, { expires }),
  ];
}

/** `2026-11-28T22`, UTC. */
export const hourOf = (ms: number): string => new Date(ms).toISOString().slice(0, 13);
export const hourStartMs = (hour: string): number => Date.parse(`${hour}:00:00.000Z`);
