import type { ActionName } from "#shared/domain/action.ts";
import { laneOf } from "#shared/domain/action.ts";
import { isFinal, type Receipt } from "#shared/domain/receipt.ts";
import { workloadName } from "#shared/domain/workload.ts";
import type { IncidentBody, ReceiptBody, TargetBody } from "#shared/ledger/incident.ts";
import { iso, unpack } from "#shared/ledger/items.ts";
import { incidentPk, metaKey, orderKey } from "#shared/ledger/keys.ts";
import { type OrderBody, orderItem, readOrder } from "#shared/ledger/order.ts";
import { claimOf, keyOfReceipt } from "#shared/pipeline/respond/settle.ts";
import { sendOrder } from "#shared/pipeline/sweep/order.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import type { Clock } from "#shared/ports/clock.ts";
import type { Orders } from "#shared/ports/orders.ts";
import type { Item, Table } from "#shared/ports/table.ts";
import type { Telemetry } from "#shared/ports/telemetry.ts";
import type { OperateRequest } from "#shared/wire/operate.ts";

export interface OperatePorts {
  readonly table: Table;
  readonly clock: Clock;
  readonly orders: Orders;
  readonly telemetry: Telemetry;
}

/** One action of an incident, as far as it is. `state`: of the order, else the outcome of the receipt. */
export interface ActionView {
  readonly action: ActionName;
  readonly key: string;
  readonly target: string;
  readonly who: string;
  readonly state: string;
  readonly because: string;
  readonly undo: string;
  readonly by: string | null;
}

export interface IncidentSummary {
  readonly incident: string;
  readonly cluster: string | null;
  readonly who: string;
  readonly rule: string | null;
  readonly state: string;
  readonly actions: readonly ActionView[];
}

/** refused: with what the person can do instead. */
export type Answer =
  | { readonly kind: "shown"; readonly summary: IncidentSummary }
  | { readonly kind: "accepted"; readonly says: string; readonly summary: IncidentSummary }
  | { readonly kind: "refused"; readonly because: string; readonly summary: IncidentSummary | null };

/** Records what a person decided, and sends it to the lane that has the rights. `by`: the IAM principal, from the signed request only. */
export async function operate(request: OperateRequest, by: string, ports: OperatePorts, signal: AbortSignal): Promise<Answer> {
  const { table, telemetry } = ports;
  const meta = await table.get(metaKey(request.incident), signal);
  if (meta === null) return { kind: "refused", because: `there is no incident ${request.incident}`, summary: null };
  const about = unpack<IncidentBody>(meta, "incident");
  const items = await itemsOf(request.incident, table, signal);
  const summary = summaryOf(about, items);
  if (request.verb === "show") return { kind: "shown", summary };
  const refuse = (because: string): Answer => ({ kind: "refused", because, summary });
  const done =
    request.verb === "undo" ? await askUndo(request, about, items, by, ports, signal) : await decide(request, items, by, ports, signal);
  telemetry.info("Operated", { verb: request.verb, incident: request.incident, by, accepted: typeof done !== "string" });
  telemetry.count("Operated", 1, { verb: request.verb, outcome: typeof done === "string" ? "refused" : "accepted" });
  return typeof done === "string"
    ? refuse(done)
    : { kind: "accepted", says: done.says, summary: summaryOf(about, await itemsOf(request.incident, table, signal)) };
}

/** Not its alerts: whoever floods us with them must not keep a person from being heard. */
const itemsOf = async (incident: string, table: Table, signal: AbortSignal): Promise<readonly Item[]> =>
  (await Promise.all(["TARGET#", "RECEIPT#", "ORDER#"].map((prefix) => table.query(incidentPk(incident), prefix, signal)))).flat();

interface Done {
  readonly says: string;
}

async function decide(
  request: OperateRequest,
  items: readonly Item[],
  by: string,
  ports: OperatePorts,
  signal: AbortSignal,
): Promise<Done | string> {
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
  const next: OrderBody = { ...order, state: isYes ? "given" : "denied", by, decidedAtMs: nowMs, atMs: nowMs };
  const when = { kind: "version", version: item.version } as const;
  const { ok } = await ports.table.transact([{ op: "put", item: orderItem(next, item.version + 1, nowMs), when }], signal);
  if (!ok) return "somebody else decided at the same moment: show the incident again";
  if (!isYes) return { says: `${order.key} is denied` };
  await sendOrder(next, ports.orders, signal);
  return { says: `${order.key} is approved: the target is looked at again, and then it is done` };
}

async function askUndo(
  request: OperateRequest,
  about: IncidentBody,
  items: readonly Item[],
  by: string,
  ports: OperatePorts,
  signal: AbortSignal,
): Promise<Done | string> {
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
    by,
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

/** A stray character must not pick a target. */
const SHORTEST_END = 6;

/** Exactly one, or what to add to the request. */
function choose<T>(
  all: readonly T[],
  of: (one: T) => { readonly key: string; readonly target: string },
  { action, target }: OperateRequest,
  none: string,
): T | string {
  const fitting = all.filter((one) => {
    const { key, target: uid } = of(one);
    return (
      (action === null || key === action || key.startsWith(`${action}/`)) &&
      (target === null || uid === target || (target.length >= SHORTEST_END && uid.endsWith(target)))
    );
  });
  const [only, another] = fitting;
  if (only === undefined) return all.length === 0 ? none : `nothing fits; there is: ${list(all.map(of))}`;
  return another === undefined ? only : `several fit, say which with --action and --target: ${list(fitting.map(of))}`;
}

const list = (ones: readonly { readonly key: string; readonly target: string }[]): string =>
  ones.map(({ key, target }) => `--action ${key} --target ${target}`).join(", ");

function stateOf({ verb, state, atMs }: OrderBody): string {
  if (verb === "approve") return state;
  return verb === "undo" ? `undo ${state}` : `ends ${iso(atMs)}`;
}

function summaryOf(about: IncidentBody, items: readonly Item[]): IncidentSummary {
  const targets = new Map(
    items
      .filter(({ type }) => type === "target")
      .map((item) => {
        const { workload } = unpack<TargetBody>(item, "target");
        return [workload.uid, workloadName(workload)] as const;
      }),
  );
  const orders = items.filter(({ type }) => type === "order").map(readOrder);
  const approver = ({ target, ...receipt }: Receipt): string | null =>
    orders.find(
      (order) =>
        order.state !== "denied" &&
        order.verb === (receipt.undoing === true ? "undo" : "approve") &&
        order.target === target &&
        order.key === keyOfReceipt(receipt),
    )?.by ?? null;
  const who = (uid: string): string => targets.get(uid) ?? uid;
  const receipts = items.filter(({ type }) => type === "receipt").map((item) => unpack<ReceiptBody>(item, "receipt").receipt);
  const waiting = orders.filter(({ state }) => state === "awaiting" || state === "given" || state === "denied");
  const { incident, cluster, rule, state } = about;
  return {
    incident,
    cluster,
    who: about.who,
    rule,
    state,
    actions: [
      ...receipts.map(
        (receipt): ActionView => ({
          action: receipt.action,
          key: keyOfReceipt(receipt),
          target: receipt.target,
          who: who(receipt.target),
          state: receipt.undoing === true ? (isFinal(receipt.outcome) ? `undo ${receipt.outcome}` : "undo requested") : receipt.outcome,
          because: receipt.because,
          undo: receipt.undo.possible ? receipt.undo.says : receipt.undo.because,
          by: approver(receipt),
        }),
      ),
      ...waiting.map(
        (order): ActionView => ({
          action: order.action.action,
          key: order.key,
          target: order.target,
          who: who(order.target),
          state: stateOf(order),
          because: order.because ?? `policy rule ${order.rule}`,
          undo: "",
          by: order.by,
        }),
      ),
    ],
  };
}
