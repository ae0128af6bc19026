import { sha256 } from "#shared/audit/canonical.ts";
import type { AuditRecord } from "#shared/audit/record.ts";

/** Records of one day in one object: JSON lines. */
export interface AuditObject {
  /** `records/dt=<day>/<time of the first>-<hash>.jsonl.gz`: the same records are the same object, however often they come. */
  readonly key: string;
  readonly text: string;
  /** Of the text, not of its compressed bytes: the same whichever zlib packed it. */
  readonly sha256: string;
  readonly records: readonly AuditRecord[];
}

export function objectsOf(records: readonly AuditRecord[]): readonly AuditObject[] {
  const days = Object.entries(Object.groupBy(records, ({ at }) => dayOf(at)));
  return days.map(([day, ofDay = []]) => {
    const text = ofDay.map((record) => `${JSON.stringify(record)}\n`).join("");
    const hash = sha256(text);
    const first = (ofDay[0]?.at ?? "").replace(/[^0-9TZ]/g, "");
    return { key: `records/dt=${day}/${first}-${hash.slice(0, 32)}.jsonl.gz`, text, sha256: hash, records: ofDay };
  });
}

/** A time that is none is a day of its own: nothing that a ledger holds may keep a record from being written. */
const dayOf = (at: string): string => (/^\d{4}-\d{2}-\d{2}T/.test(at) ? at.slice(0, 10) : "0000-00-00");

/** Name of a version of an item in the index; that of another partition than the incident's with its key. */
export const nameOf = ({ pk, sk, version }: Pick<AuditRecord, "pk" | "sk" | "version">): string => {
  const name = `${sk}@${version ?? "-"}`;
  return pk.startsWith("INCIDENT#") ? name : `${pk}|${name}`;
};
