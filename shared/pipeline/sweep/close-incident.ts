import { actionKey } from "#shared/domain/action.ts";
import { isFinal, type Receipt, toldApart } from "#shared/domain/receipt.ts";
import { lookDueMs } from "#shared/ledger/claim.ts";
import { type AlertBody, closeDueMs, closed, type IncidentBody, type ReceiptBody } from "#shared/ledger/incident.ts";
import { expiry, iso, KEEP_INCIDENT_S, pack, unpack } from "#shared/ledger/items.ts";
import { incidentPk, metaKey } from "#shared/ledger/keys.ts";
import { readOrder } from "#shared/ledger/order.ts";
import type { ClaimPorts } from "#shared/pipeline/respond/ports.ts";
import { claimOf, keyOfReceipt, settle } from "#shared/pipeline/respond/settle.ts";
import { COMPARE_MS } from "#shared/pipeline/sweep/record.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import { undoOf } from "#shared/playbooks/playbook.ts";
import type { Archive } from "#shared/ports/archive.ts";
import type { Item, Table } from "#shared/ports/table.ts";

/** An incident in which something is open is looked at again after this. */
const LOOK_AGAIN_MS = 10 * 60_000;

/** Closes an incident that was quiet long enough, whose receipts are all final and in which nothing waits for a person or a lane. True: closed. A later alert opens the next generation. */
export async function closeIncident(found: Item, ports: ClaimPorts & { readonly audit?: Archive }, signal: AbortSignal): Promise<boolean> {
  const { table, clock, telemetry } = ports;
  const item = await table.get(found, signal);
  if (item === null) return false;
  const about = unpack<IncidentBody>(item, "incident");
  const nowMs = clock.now();
  if (about.state === "closed" || closeDueMs(about) > nowMs) return false;
  const items = await table.query(incidentPk(about.incident), "RECEIPT#", signal);
  const receipts = items.map((one) => unpack<ReceiptBody>(one, "receipt").receipt);
  await settleForgotten(about.incident, receipts, ports, signal);
  const orders = (await table.query(incidentPk(about.incident), "ORDER#", signal)).map(readOrder);
  // A question that waits, too: closed, the next alert of the same offender would ask it a second time.
  // What only waits for its time keeps none open: it finds its claim wherever that stands by then.
  const waits = orders.some(({ verb, state }) => verb !== "expire" && (state === "awaiting" || state === "given"));
  const open = waits || (await isLookedAt(about, receipts, ports, signal));
  const next = open
    ? pack(metaKey(about.incident), "incident", item.version + 1, nowMs, about, { due: iso(nowMs + LOOK_AGAIN_MS) })
    : pack(metaKey(about.incident), "incident", item.version + 1, nowMs, closed(about, nowMs), {
        expires: expiry(nowMs, KEEP_INCIDENT_S),
        due: ports.audit === undefined ? undefined : iso(nowMs + COMPARE_MS),
      });
  // Lost: an alert came meanwhile, and the incident lives on.
  const { ok } = await table.transact([{ op: "put", item: next, when: { kind: "version", version: item.version } }], signal);
  if (ok && !open) telemetry.count("IncidentsClosed", 1);
  return ok && !open;
}

/** An outcome that is open, and will be looked at again: not one that a person took back since, or that nobody can ever see. */
async function isLookedAt(about: IncidentBody, receipts: readonly Receipt[], ports: ClaimPorts, signal: AbortSignal): Promise<boolean> {
  for (const receipt of receipts.filter(({ outcome }) => !isFinal(outcome))) {
    const held = await claimOf(about, receipt.target, keyOfReceipt(receipt), ports.table, signal);
    if (held !== null && lookDueMs(held.claim, ports.clock.now()) !== null) return true;
  }
  return false;
}

/**
 * An action that was decided and has no receipt was never claimed: its message gave up before (ledger trouble, the dead-letter queue has it).
 * Nothing was done, and who was told of the decision is told that.
 */
async function settleForgotten(incident: string, receipts: readonly Receipt[], ports: ClaimPorts, signal: AbortSignal): Promise<void> {
  const settled = new Set(receipts.map((receipt) => `${keyOfReceipt(receipt)} ${receipt.target}`));
  for await (const item of alertsOf(incident, ports.table, signal)) {
    const { alert, decisions, target, channels } = unpack<AlertBody>(item, "alert");
    for (const decision of decisions) {
      if (decision.kind !== "act" || target === null) continue;
      const { action, params } = decision.action;
      const key = `${actionKey(action, params)} ${target}`;
      if (settled.has(key)) continue;
      settled.add(key);
      const receipt: Receipt = {
        action,
        target,
        outcome: "failed",
        because: "decided, and never carried out: its message gave up before (see the dead-letter queue); nothing was touched",
        requestedAtMs: null,
        verifiedAtMs: null,
        undo: undoOf(playbooks[action], null),
        evidence: { kind: "none" },
        ...toldApart({ action, params }),
      };
      await settle({ receipt, incident, alert: alert.id, channels, telling: "final", claim: null }, ports, signal);
    }
  }
}

const FEW = 200;

/** Whoever floods us with alerts fills an incident with more than a function can hold: a 256th at a time, since their ids are hashes. */
async function* alertsOf(incident: string, table: Table, signal: AbortSignal): AsyncGenerator<Item> {
  const few = await table.query(incidentPk(incident), "ALERT#", signal, FEW + 1);
  if (few.length <= FEW) return yield* few;
  for (let first = 0; first < 256; first++)
    yield* await table.query(incidentPk(incident), `ALERT#${first.toString(16).padStart(2, "0")}`, signal);
}
