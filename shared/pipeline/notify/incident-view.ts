import type { Receipt } from "#shared/domain/receipt.ts";
import type { Registry } from "#shared/domain/registry.ts";
import type { AlertBody, IncidentBody, ReceiptBody, TargetBody } from "#shared/ledger/incident.ts";
import { unpack } from "#shared/ledger/items.ts";
import { alertKey, incidentPk, metaKey, targetKey } from "#shared/ledger/keys.ts";
import type { NoteItem } from "#shared/ledger/notes.ts";
import { readOrder } from "#shared/ledger/order.ts";
import { questionOf } from "#shared/ledger/vote.ts";
import type { IncidentView } from "#shared/notify/view.ts";
import { keyOfReceipt } from "#shared/pipeline/respond/settle.ts";
import { trueCount } from "#shared/pipeline/true-count.ts";
import type { Item, Table } from "#shared/ports/table.ts";

/** What a note tells, read now: a message that was late tells what is true when it is sent. null: the incident is gone. */
export async function loadView(
  note: NoteItem,
  { table, registry }: { readonly table: Table; readonly registry: Registry },
  signal: AbortSignal,
): Promise<IncidentView | null> {
  const { incident, target } = note;
  const [meta, alertItem, targetItem, receipts, orders] = await Promise.all([
    table.get(metaKey(incident), signal),
    table.get(alertKey(incident, note.alert), signal),
    target === null ? null : table.get(targetKey(incident, target), signal),
    target === null ? [] : table.query(incidentPk(incident), `RECEIPT#${target}#`, signal),
    target === null ? [] : table.query(incidentPk(incident), `ORDER#approve#${target}#`, signal),
  ]);
  if (meta === null) return null;
  const about = unpack<IncidentBody>(meta, "incident");
  const told = alertItem === null ? null : unpack<AlertBody>(alertItem, "alert");
  const cluster = registry.clusters.find(({ name }) => name === about.cluster);
  return {
    incident,
    phase: note.phase,
    stage: registry.stage ?? null,
    rule: about.rule,
    cluster: cluster === undefined ? null : { name: cluster.name, kind: cluster.kind, awsName: cluster.awsName, region: cluster.region },
    // A line that nobody is registered for lies in our own region: ingest reads no other.
    logRegion: registry.region,
    alert: told?.alert ?? null,
    accuser: told?.accuser ?? null,
    tell: told?.tell ?? null,
    workload: targetItem === null ? null : unpack<TargetBody>(targetItem, "target").workload,
    decisions: told?.decisions ?? [],
    receipts: receipts.map((item) => unpack<ReceiptBody>(item, "receipt").receipt).filter((receipt) => !isAskedAnew(receipt, orders)),
    questions: orders.map(readOrder).map((order) => questionOf(order, registry.people)),
    clickable: registry.slackApp !== undefined,
    count: await trueCount(about, table, signal),
    firstAlertAtMs: about.firstAlertAtMs,
    lastAlertAtMs: about.lastAlertAtMs,
  };
}

/** That nothing came of it was told, and it is no longer the last word: a person is asked now. */
const isAskedAnew = (receipt: Receipt, orders: readonly Item[]): boolean =>
  receipt.undoing !== true &&
  (receipt.outcome === "refused" || receipt.outcome === "failed") &&
  orders.map(readOrder).some(({ state, key }) => state === "awaiting" && key === keyOfReceipt(receipt));
