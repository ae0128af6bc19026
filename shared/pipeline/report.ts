import type { AuditedBody } from "#shared/audit/index-items.ts";
import { nameOf } from "#shared/audit/object.ts";
import { isRecorded } from "#shared/audit/recorded.ts";
import type { PolicyRule } from "#shared/domain/policy.ts";
import type { Versions } from "#shared/domain/versions.ts";
import type { AlertBody, IncidentBody, ReceiptBody, TargetBody } from "#shared/ledger/incident.ts";
import { unpack } from "#shared/ledger/items.ts";
import { auditPk, incidentPk, metaKey } from "#shared/ledger/keys.ts";
import { readNote } from "#shared/ledger/notes.ts";
import { readOrder } from "#shared/ledger/order.ts";
import { policyKey } from "#shared/pipeline/audit.ts";
import type { ReportPorts } from "#shared/pipeline/report/ports.ts";
import { verifyRecord } from "#shared/pipeline/report/verify.ts";
import { readClaim } from "#shared/pipeline/respond/settle.ts";
import { trueCount } from "#shared/pipeline/true-count.ts";
import type { ArchiveReader } from "#shared/ports/archive.ts";
import type { Item } from "#shared/ports/table.ts";
import { reportOf } from "#shared/report/build.ts";
import type { Material } from "#shared/report/material.ts";
import type { IncidentReport } from "#shared/report/report.ts";

/** An incident may have thousands: of those that are read, these say how it began, and what it came to. */
const MOST_ALERTS = 40;
const READ_ALERTS = 1_000;
const MOST_POLICIES = 10;

/** What there is to say of an incident, or null: there is none. `verify`: reads what was kept again and compares its hashes. */
export async function report(
  incident: string,
  { verify }: { readonly verify: boolean },
  ports: ReportPorts,
  signal: AbortSignal,
): Promise<IncidentReport | null> {
  const { table, clock } = ports;
  const pk = incidentPk(incident);
  const meta = await table.get(metaKey(incident), signal);
  if (meta === null) return null;
  const about = unpack<IncidentBody>(meta, "incident");
  const [targets, orders, receipts, notes, alertItems, rows] = await Promise.all([
    ...["TARGET#", "ORDER#", "RECEIPT#", "NOTE#"].map((prefix) => table.query(pk, prefix, signal)),
    table.query(pk, "ALERT#", signal, READ_ALERTS),
    table.query(auditPk(incident), "", signal),
  ]);
  const receiptBodies = (receipts ?? []).map((item) => ({ ...unpack<ReceiptBody>(item, "receipt"), at: item.at }));
  const claims = (
    await Promise.all(
      [...new Set(receiptBodies.map(({ receipt }) => receipt.target))].map((target) => table.query(`CLAIM#${target}`, "", signal)),
    )
  )
    .flat()
    .filter((item) => readClaim(item).claim.incident === incident);
  const chosen = alertsOf(alertItems ?? []);
  const alerts = chosen.map(({ body }) => body);
  const indexed = (rows ?? []).map((row) => unpack<AuditedBody>(row, "audit"));
  const told: readonly Item[] = [meta, ...[targets, orders, receipts, notes].flatMap((items) => items ?? []), ...claims];
  const shown = [...told, ...chosen.map(({ item }) => item)].filter(isRecorded);
  const names = new Set(indexed.flatMap((row) => row.names));
  const material: Material = {
    nowMs: clock.now(),
    about,
    count: await trueCount(about, table, signal),
    alerts,
    alertsLeftOut: (alertItems ?? []).length - chosen.length,
    targets: (targets ?? []).map((item) => unpack<TargetBody>(item, "target")),
    orders: (orders ?? []).map(readOrder),
    receipts: receiptBodies,
    claims: claims.map((item) => readClaim(item).claim),
    notes: (notes ?? []).flatMap((item) => readNote(item) ?? []),
    policies: await policiesOf(alerts, receiptBodies, ports.audit, signal),
    record: {
      objects: indexed.map(({ key, sha256, names: inIt }) => ({ key, sha256, records: inIt.length })),
      notRecorded: shown.map(nameOf).filter((name) => !names.has(name)),
      verified: verify ? await verifyRecord(indexed, shown, receiptBodies, ports, signal) : null,
    },
  };
  return reportOf(material);
}

/** The first half of them as they were decided, and the last. */
function alertsOf(items: readonly Item[]): readonly { readonly item: Item; readonly body: AlertBody }[] {
  const all = items
    .map((item) => ({ item, body: unpack<AlertBody>(item, "alert") }))
    .sort((a, b) => a.body.decidedAtMs - b.body.decidedAtMs);
  return all.length <= MOST_ALERTS ? all : [...all.slice(0, MOST_ALERTS / 2), ...all.slice(-MOST_ALERTS / 2)];
}

/** Every rule by which something was decided, in the version that it was decided under. */
async function policiesOf(
  alerts: readonly AlertBody[],
  receipts: readonly ReceiptBody[],
  audit: ArchiveReader,
  signal: AbortSignal,
): Promise<Material["policies"]> {
  const names = [...new Set(alerts.flatMap(({ decisions, rules }) => [...decisions.map(({ rule }) => rule), ...rules]))];
  const versions = [...alerts, ...receipts].flatMap(({ under }) => under ?? []);
  const distinct = [...new Map(versions.map((one) => [JSON.stringify(one), one])).values()].slice(0, MOST_POLICIES);
  const read = await Promise.all(distinct.map(async (one) => ({ one, kept: await policyAt(one, audit, signal) })));
  return read.flatMap(({ one, kept }) =>
    names.map((name) => ({
      versions: one,
      name,
      rule: kept?.find((rule) => rule.name === name) ?? null,
      from: kept === null ? `(the audit bucket does not give ${policyKey(one.policy)})` : policyKey(one.policy),
    })),
  );
}

async function policyAt({ policy }: Versions, audit: ArchiveReader, signal: AbortSignal): Promise<readonly PolicyRule[] | null> {
  const bytes = await audit.get(policyKey(policy), signal);
  return bytes === null ? null : (JSON.parse(Buffer.from(bytes).toString("utf8")) as { readonly rules: readonly PolicyRule[] }).rules;
}
