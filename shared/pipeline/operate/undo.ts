import { laneOf } from "#shared/domain/action.ts";
import { type Actor, actorText } from "#shared/domain/actor.ts";
import type { Receipt } from "#shared/domain/receipt.ts";
import type { IncidentBody, ReceiptBody } from "#shared/ledger/incident.ts";
import { unpack } from "#shared/ledger/items.ts";
import { orderKey } from "#shared/ledger/keys.ts";
import { type OrderBody, orderItem, readOrder } from "#shared/ledger/order.ts";
import type { Done } from "#shared/pipeline/operate/answer.ts";
import { choose } from "#shared/pipeline/operate/choose.ts";
import type { OperatePorts } from "#shared/pipeline/operate/ports.ts";
import { claimOf, keyOfReceipt } from "#shared/pipeline/respond/settle.ts";
import { sendOrder } from "#shared/pipeline/sweep/order.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import type { Item } from "#shared/ports/table.ts";
import type { OperateRequest } from "#shared/wire/operate.ts";

/** Writes the order to take an action back, once, and sends it to the lane that has the rights. */
export async function askUndo(
  request: OperateRequest,
  about: IncidentBody,
  items: readonly Item[],
  by: Actor,
  ports: OperatePorts,
  signal: AbortSignal,
): Promise<Done> {
  const { table, clock } = ports;
  const { incident } = about;
  const receipts = items.filter(({ type }) => type === "receipt").map((item) => unpack<ReceiptBody>(item, "receipt").receipt);
  const undoable = receipts.filter(({ undo, undoing }) => undo.possible && undoing !== true);
  const none =
    receipts.length === 0 ? "nothing was done in this incident" : `nothing of this incident can be taken back: ${whyNot(receipts)}`;
  const chosen = choose(undoable, (receipt) => ({ key: keyOfReceipt(receipt), target: receipt.target }), request, none);
  if (typeof chosen === "string") return chosen;
  const key = keyOfReceipt(chosen);
  const found = await claimOf(about, chosen.target, key, table, signal);
  if (found === null) return "the ledger no longer has what undoing needs";
  const { claim } = found;
  if (claim.state === "undone") return `${key} was taken back before`;
  const earlier = await table.get(orderKey(incident, "undo", chosen.target, key), signal);
  const nowMs = clock.now();
  const before = earlier === null ? null : readOrder(earlier);
  if (before?.state === "given") return `the undoing of ${key} is under way${before.because === null ? "" : `: ${before.because}`}`;
  const order: OrderBody = {
    verb: "undo",
    state: "given",
    incident,
    target: chosen.target,
    key,
    action: { action: claim.action, params: claim.plan.params, mode: "enforce", evidence: "none" },
    rule: claim.plan.occasion.rule,
    alert: claim.alert,
    channels: claim.channels,
    lane: laneOf(claim.action, claim.plan.workload.kind),
    askedAtMs: nowMs,
    atMs: nowMs,
    by: actorText(by),
    decidedAtMs: nowMs,
    sent: 0,
    because: null,
  };
  const when = earlier === null ? ({ kind: "absent" } as const) : ({ kind: "version", version: earlier.version } as const);
  const { ok } = await table.transact([{ op: "put", item: orderItem(order, (earlier?.version ?? 0) + 1, nowMs), when }], signal);
  if (!ok) return "somebody else asked at the same moment: show the incident again";
  await sendOrder(order, ports.orders, signal);
  const { undo } = playbooks[claim.action];
  return { says: `${key} is being taken back${undo.possible ? `: ${undo.says}` : ""}` };
}

const whyNot = (receipts: readonly Receipt[]): string =>
  [...new Set(receipts.map(({ action, undo }) => (undo.possible ? "" : `${action}: ${undo.because}`)).filter((text) => text !== ""))].join(
    "; ",
  );
