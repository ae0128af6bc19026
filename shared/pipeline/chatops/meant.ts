import { buttonValue, incidentIn } from "#shared/domain/button.ts";
import type { ReceiptBody } from "#shared/ledger/incident.ts";
import { unpack } from "#shared/ledger/items.ts";
import { incidentPk } from "#shared/ledger/keys.ts";
import { readOrder } from "#shared/ledger/order.ts";
import type { Answering } from "#shared/pipeline/operate/decide.ts";
import { keyOfReceipt } from "#shared/pipeline/respond/settle.ts";
import type { Table } from "#shared/ports/table.ts";

import type { Click } from "#shared/wire/slack/interaction.ts";

/** What the button stands for, from the ledger; a text: why it stands for nothing (any more). */
export async function meantBy(
  { value, verb }: Pick<Click, "value" | "verb">,
  table: Table,
  signal: AbortSignal,
): Promise<Answering | string> {
  const incident = incidentIn(value);
  if (incident === null) return "this button is not of this version of falco-responder: look at the newest message";
  const found = verb === "undo" ? await undoable(incident, value, table, signal) : await question(incident, value, table, signal);
  return found === undefined
    ? "this is no longer asked as it stood here: look at the newest message of the incident"
    : { verb, incident, ...found };
}

async function question(incident: string, value: string, table: Table, signal: AbortSignal) {
  const orders = (await table.query(incidentPk(incident), "ORDER#approve#", signal)).map(readOrder);
  return orders
    .filter(({ target, key, askedAtMs }) => buttonValue({ incident, verb: "approve", target, key, sinceMs: askedAtMs }) === value)
    .map(({ target, key, askedAtMs }) => ({ target, action: key, asked: askedAtMs }))[0];
}

async function undoable(incident: string, value: string, table: Table, signal: AbortSignal) {
  const receipts = (await table.query(incidentPk(incident), "RECEIPT#", signal)).map(
    (item) => unpack<ReceiptBody>(item, "receipt").receipt,
  );
  return receipts
    .filter(({ undoing }) => undoing !== true)
    .map((receipt) => ({ receipt, key: keyOfReceipt(receipt) }))
    .filter(
      ({ receipt, key }) => buttonValue({ incident, verb: "undo", target: receipt.target, key, sinceMs: receipt.requestedAtMs }) === value,
    )
    .map(({ receipt, key }) => ({ target: receipt.target, action: key }))[0];
}
