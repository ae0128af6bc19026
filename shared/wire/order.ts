import { PipelineError } from "#shared/domain/error.ts";
import type { Order } from "#shared/domain/order.ts";
import { isRecord } from "#shared/wire/record.ts";

const SCHEMA: Order["schema"] = "falco-responder/order/1";

export const encodeOrder = (order: Order): string => JSON.stringify(order);

/** The order in a message body; null: the body is something else (an alert). Throws `message_invalid` for an order that cannot be read. */
export function decodeOrder(body: string): Order | null {
  if (!body.includes(SCHEMA)) return null;
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return null;
  }
  if (!isRecord(value) || value["schema"] !== SCHEMA) return null;
  const { kind, incident, alert, item } = value;
  if (typeof incident !== "string" || !/^[0-9a-f]{16}$/.test(incident)) throw invalid("incident");
  if (kind === "act") {
    if (typeof alert !== "string") throw invalid("alert");
    return { schema: SCHEMA, kind, incident, alert };
  }
  if (kind !== "order") throw invalid("kind");
  if (typeof item !== "string" || !item.startsWith("ORDER#")) throw invalid("item");
  return { schema: SCHEMA, kind, incident, item };
}

const invalid = (what: string): PipelineError => new PipelineError("message_invalid", `the order has a wrong or missing ${what}`);
