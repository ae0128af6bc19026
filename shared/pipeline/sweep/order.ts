import { type Receipt, toldApart } from "#shared/domain/receipt.ts";
import { stepDueMs } from "#shared/ledger/escalation.ts";
import { iso } from "#shared/ledger/items.ts";
import { hashOf } from "#shared/ledger/keys.ts";
import { type OrderBody, orderItem, readOrder } from "#shared/ledger/order.ts";
import type { ClaimPorts } from "#shared/pipeline/respond/ports.ts";
import { settle } from "#shared/pipeline/respond/settle.ts";
import { questionNotes } from "#shared/pipeline/sweep/escalate.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import { undoOf } from "#shared/playbooks/playbook.ts";
import type { Orders } from "#shared/ports/orders.ts";
import type { Item, Write } from "#shared/ports/table.ts";

/** sent: to its lane, again. expired: nobody answered in time, and those who were asked are told. escalated: others are told that nobody answers. left: nothing to do. */
export type Looked = "sent" | "expired" | "escalated" | "left";

/** What a person asked for and no lane has carried out; what nobody answered. */
export async function lookAtOrder(found: Item, ports: ClaimPorts & { readonly orders: Orders }, signal: AbortSignal): Promise<Looked> {
  const { table, clock, orders } = ports;
  const item = await table.get(found, signal);
  if (item === null) return "left";
  const order = readOrder(item);
  const nowMs = clock.now();
  if (order.state === "awaiting" && order.atMs > nowMs) return await escalateQuestion(order, item, ports, signal);
  if (order.atMs > nowMs || (order.state !== "given" && order.state !== "awaiting")) return "left";
  const next: OrderBody = order.state === "given" ? { ...order, sent: order.sent + 1 } : { ...order, state: "expired" };
  const when = { kind: "version", version: item.version } as const;
  const write = { op: "put", item: orderItem(next, item.version + 1, nowMs), when } as const;
  // Over and told at once: nobody would look at an expired order again. What was done meanwhile is not covered by that.
  if (order.state === "awaiting" && (await tellExpired(order, write, ports, signal))) return "expired";
  if (!(await table.transact([write], signal)).ok) return "left";
  if (order.state === "awaiting") return "expired";
  await sendOrder(next, orders, signal);
  return "sent";
}

/** Once per step: whoever answers meanwhile has written the order, and then nobody is told. */
async function escalateQuestion(order: OrderBody, { version }: Item, ports: ClaimPorts, signal: AbortSignal): Promise<Looked> {
  const { escalation = [], escalated = 0, askedAtMs } = order;
  const nowMs = ports.clock.now();
  const dueMs = stepDueMs(askedAtMs, escalation, escalated);
  const step = escalation[escalated];
  if (dueMs === null || dueMs > nowMs || step === undefined) return "left";
  const item = orderItem({ ...order, escalated: escalated + 1 }, version + 1, nowMs);
  const put: Write = { op: "put", item, when: { kind: "version", version } };
  const { ok } = await ports.table.transact([put, ...questionNotes(order, step, ports, nowMs)], signal);
  return ok ? "escalated" : "left";
}

/** One at a time per target; each sending is a message of its own. */
export const sendOrder = (order: OrderBody, orders: Orders, signal: AbortSignal): Promise<void> => {
  const { incident, verb, target, key, lane, sent, decidedAtMs } = order;
  const item = `ORDER#${verb}#${target}#${key}`;
  const message = { schema: "falco-responder/order/1", kind: "order", incident, item } as const;
  return orders.send(lane, message, hashOf("act", target), hashOf("order", incident, item, String(decidedAtMs), String(sent)), signal);
};

const tellExpired = (order: OrderBody, along: Write, ports: ClaimPorts, signal: AbortSignal): Promise<boolean> => {
  const minutes = Math.round((order.atMs - order.askedAtMs) / 60_000);
  const some = order.by === null ? "nobody approved it" : `not enough people approved it (only ${order.by})`;
  return tellNotDone(order, `${some} within ${minutes} min; since ${iso(order.askedAtMs)}; a new alert asks again`, along, ports, signal);
};

/** The end of a question that leads to nothing, as a receipt and to those who were asked; with `along`, or not at all. */
export async function tellNotDone(
  order: OrderBody,
  because: string,
  along: Write,
  ports: Pick<ClaimPorts, "table" | "clock">,
  signal: AbortSignal,
): Promise<boolean> {
  const { action, params } = order.action;
  const receipt: Receipt = {
    action,
    target: order.target,
    outcome: "refused",
    because,
    requestedAtMs: null,
    verifiedAtMs: null,
    undo: undoOf(playbooks[action], null),
    evidence: { kind: "none" },
    ...toldApart({ action, params }),
  };
  const { incident, alert, channels, askedAtMs, under } = order;
  return await settle({ receipt, incident, alert, channels, telling: "held", claim: null, askedAtMs, under, along }, ports, signal);
}
