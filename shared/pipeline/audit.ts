import { gzipSync } from "node:zlib";
import { indexItems } from "#shared/audit/index-items.ts";
import { type AuditObject, objectsOf } from "#shared/audit/object.ts";
import { type AuditRecord, type Change, recordOf, removalOf } from "#shared/audit/record.ts";
import { isRecorded } from "#shared/audit/recorded.ts";
import type { Policy } from "#shared/domain/policy.ts";
import type { Registry } from "#shared/domain/registry.ts";
import { versionsOf } from "#shared/domain/versions.ts";
import { policyText } from "#shared/policy/load.ts";
import type { Archive } from "#shared/ports/archive.ts";
import type { Clock } from "#shared/ports/clock.ts";
import type { Table } from "#shared/ports/table.ts";
import type { Telemetry } from "#shared/ports/telemetry.ts";

/** What keeping records needs: the function `audit` and sweep both do. */
export interface RecordPorts {
  /** The audit bucket. */
  readonly archive: Archive;
  readonly table: Pick<Table, "putAll">;
  readonly clock: Pick<Clock, "now">;
}

export interface AuditPorts extends RecordPorts {
  readonly table: Pick<Table, "putAll" | "get" | "query">;
  readonly telemetry: Telemetry;
  readonly policy: Policy;
  readonly registry: Registry;
}

export interface AuditReport {
  readonly changes: number;
  readonly records: number;
  readonly objects: number;
  /** Items that somebody deleted from the ledger. */
  readonly removed: number;
}

/**
 * Changes of the ledger, in their order, into the locked bucket and its index. Repeated at will: the same changes are the same objects. Throws
 * only when the bucket or the ledger is broken; nothing that a change holds makes it throw, or the stream would stand still behind it.
 */
export async function audit(changes: readonly Change[], ports: AuditPorts, signal: AbortSignal): Promise<AuditReport> {
  const { telemetry } = ports;
  const records = changes.flatMap((change): AuditRecord[] => {
    if (change.item !== null) return isRecorded(change.item) ? [recordOf(change.item, change.changedAt, "stream")] : [];
    return change.by === "service" ? [] : [removalOf(change)];
  });
  if (records.length > 0) await keepVersions(ports, signal);
  const objects = await keepRecords(records, ports, signal);
  const removed = records.filter(({ event }) => event === "removed");
  for (const { pk, sk } of removed) telemetry.error("Somebody removed an item from the ledger", { pk, sk });
  if (removed.length > 0) telemetry.count("LedgerItemsRemoved", removed.length);
  const report = { changes: changes.length, records: records.length, objects: objects.length, removed: removed.length };
  telemetry.info("Recorded", { ...report });
  return report;
}

/** Objects first, then their index: what the index names is there. */
export async function keepRecords(
  records: readonly AuditRecord[],
  ports: RecordPorts,
  signal: AbortSignal,
): Promise<readonly AuditObject[]> {
  const { archive, table, clock } = ports;
  const objects = objectsOf(records);
  for (const object of objects) {
    await archive.put(object.key, gzipSync(object.text), "application/gzip", signal);
    await table.putAll(indexItems(object, clock.now()), signal);
  }
  return objects;
}

const kept = new WeakMap<Archive, Promise<unknown>>();

/** The policy and the registry as deployed, under the versions that records name: once per start of the function, and once per version in the bucket. */
function keepVersions({ archive, policy, registry }: AuditPorts, signal: AbortSignal): Promise<unknown> {
  const there = kept.get(archive);
  if (there !== undefined) return there;
  const versions = versionsOf({ policy, registry });
  const files = [
    { key: policyKey(versions.policy), text: policyText(policy) },
    ...(versions.registry === null ? [] : [{ key: registryKey(versions.registry), text: JSON.stringify(registry) }]),
  ];
  const keeping = Promise.all(files.map(({ key, text }) => archive.put(key, text, "application/json", signal)));
  kept.set(archive, keeping);
  keeping.catch(() => kept.delete(archive));
  return keeping;
}

export const policyKey = (version: string): string => `policy/${version}.json`;
export const registryKey = (version: string): string => `registry/${version}.json`;
