import { isFinal, type Receipt } from "#shared/domain/receipt.ts";
import { workloadName } from "#shared/domain/workload.ts";
import type { IncidentBody, ReceiptBody, TargetBody } from "#shared/ledger/incident.ts";
import { iso, unpack } from "#shared/ledger/items.ts";
import { incidentPk } from "#shared/ledger/keys.ts";
import { type OrderBody, readOrder } from "#shared/ledger/order.ts";
import type { ActionView, IncidentSummary } from "#shared/pipeline/operate/answer.ts";
import { keyOfReceipt } from "#shared/pipeline/respond/settle.ts";
import type { Item, Table } from "#shared/ports/table.ts";

/** Not its alerts: whoever floods us with them must not keep a person from being heard. */
export const itemsOf = async (incident: string, table: Table, signal: AbortSignal): Promise<readonly Item[]> =>
  (await Promise.all(["TARGET#", "RECEIPT#", "ORDER#"].map((prefix) => table.query(incidentPk(incident), prefix, signal)))).flat();

function stateOf({ verb, state, atMs }: OrderBody): string {
  if (verb === "approve") return state;
  return verb === "undo" ? `undo ${state}` : `ends ${iso(atMs)}`;
}

export function summaryOf(about: IncidentBody, items: readonly Item[]): IncidentSummary {
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
