import { sha256 } from "#shared/audit/canonical.ts";
import { type HourBody, hourOf, hourStartMs } from "#shared/audit/index-items.ts";
import { pack, unpack } from "#shared/ledger/items.ts";
import { auditHourPk, DIGEST } from "#shared/ledger/keys.ts";
import type { AuditPorts } from "#shared/pipeline/audit.ts";

/** Object `digests/dt=<day>/<hour>-<hash>.json`: what was recorded in one hour, and the digest before it (infra/schemas/audit-digest.json). */
export interface Digest {
  readonly schema: "falco-responder/audit-digest/1";
  /** `2026-11-28T22`, UTC: when the objects were written. Hours without objects have no digest. */
  readonly hour: string;
  readonly objects: readonly HourBody[];
  readonly previous: { readonly key: string; readonly sha256: string } | null;
}

/** Body of AUDIT#DIGEST / LAST. */
interface LastBody {
  /** Every hour up to this one, it included, is vouched for. */
  readonly hour: string;
  readonly digest: Digest["previous"];
}

const HOUR_MS = 3_600_000;
/** Whoever began to write in an hour has long ended by then. */
const SETTLED_MS = 10 * 60_000;
/** The first digest looks back so far, and one run catches up so far. */
const FIRST_HOURS = 24;
const MOST_HOURS = 240;

/**
 * Digests of the hours that are over, each with the hash of the one before: who trusts one of them sees whether an object of an earlier hour was
 * changed, or is gone. Repeated at will, and by two at once: an hour that is over always gives the same digest. Gives how many were written.
 */
export async function digestHours(ports: AuditPorts, signal: AbortSignal): Promise<number> {
  const { table, archive, clock, telemetry } = ports;
  const nowMs = clock.now();
  const item = await table.get(DIGEST, signal);
  const last = item === null ? null : unpack<LastBody>(item, "audit");
  const endMs = hourStartMs(hourOf(nowMs - SETTLED_MS));
  const firstMs = last === null ? endMs - FIRST_HOURS * HOUR_MS : hourStartMs(last.hour) + HOUR_MS;
  let previous = last?.digest ?? null;
  let version = item?.version ?? 0;
  let written = 0;
  for (let atMs = firstMs; atMs < Math.min(endMs, firstMs + MOST_HOURS * HOUR_MS); atMs += HOUR_MS) {
    const hour = hourOf(atMs);
    const rows = await table.query(auditHourPk(hour), "", signal);
    if (rows.length > 0) {
      const digest: Digest = {
        schema: "falco-responder/audit-digest/1",
        hour,
        objects: rows.map((row) => unpack<HourBody>(row, "audit")),
        previous,
      };
      const text = JSON.stringify(digest);
      const hash = sha256(text);
      const key = `digests/dt=${hour.slice(0, 10)}/${hour}-${hash.slice(0, 32)}.json`;
      await archive.put(key, text, "application/json", signal);
      previous = { key, sha256: hash };
      written++;
      // In a log group of its own, with its own retention and readers: a second place that tells the hash.
      telemetry.info("Digest", { hour, key, sha256: hash, objects: rows.length });
    }
    const body: LastBody = { hour, digest: previous };
    version++;
    await table.putAll([pack(DIGEST, "audit", version, nowMs, body)], signal);
  }
  return written;
}
