import { type Actor, actorText } from "#shared/domain/actor.ts";
import { type OrderBody, orderItem, readOrder } from "#shared/ledger/order.ts";
import type { Done } from "#shared/pipeline/operate/answer.ts";
import { choose } from "#shared/pipeline/operate/choose.ts";
import type { OperatePorts } from "#shared/pipeline/operate/ports.ts";
import { sendOrder } from "#shared/pipeline/sweep/order.ts";
import type { Item } from "#shared/ports/table.ts";
import type { OperateRequest } from "#shared/wire/operate.ts";

/** approve and deny: one conditional write of the question; a yes then goes to the lane that has the rights. */
export async function decide(
  request: OperateRequest,
  items: readonly Item[],
  by: Actor,
  ports: OperatePorts,
  signal: AbortSignal,
): Promise<Done> {
  const nowMs = ports.clock.now();
  const asked = items.filter(({ type }) => type === "order").map((item) => ({ item, order: readOrder(item) }));
  const open = asked.filter(({ order }) => order.verb === "approve" && order.state === "awaiting" && order.atMs > nowMs);
  const chosen = choose(
    open,
    ({ order }) => ({ key: order.key, target: order.target }),
    request,
    "nothing of this incident waits for approval",
  );
  if (typeof chosen === "string") return chosen;
  const { item, order } = chosen;
  const isYes = request.verb === "approve";
  const next: OrderBody = { ...order, state: isYes ? "given" : "denied", by: actorText(by), decidedAtMs: nowMs, atMs: nowMs };
  const when = { kind: "version", version: item.version } as const;
  const { ok } = await ports.table.transact([{ op: "put", item: orderItem(next, item.version + 1, nowMs), when }], signal);
  if (!ok) return "somebody else decided at the same moment: show the incident again";
  if (!isYes) return { says: `${order.key} is denied` };
  await sendOrder(next, ports.orders, signal);
  return { says: `${order.key} is approved: the target is looked at again, and then it is done` };
}
