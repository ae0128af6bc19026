import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import type { Order } from "#shared/domain/order.ts";
import { decodeOrder, encodeOrder } from "#shared/wire/order.ts";

const act: Order = { schema: "falco-responder/order/1", kind: "act", incident: "0123456789abcdef", alert: "a" };
const item: Order = { schema: "falco-responder/order/1", kind: "order", incident: "0123456789abcdef", item: "ORDER#undo#t#ecs:tag-task" };
const validate = new Ajv2020().compile(
  JSON.parse(readFileSync(new URL("../../infra/schemas/order.json", import.meta.url), "utf8")) as object,
);

test("an order survives the queue and fits the published schema", () => {
  for (const order of [act, item]) {
    expect(decodeOrder(encodeOrder(order))).toEqual(order);
    expect(validate(JSON.parse(encodeOrder(order)))).toBe(true);
  }
});

test.each([
  [{ ...act, incident: "x" }, "incident"],
  [{ ...act, alert: 1 }, "alert"],
  [{ ...item, item: "META" }, "item"],
  [{ ...item, kind: "drop" }, "kind"],
])("%j can never be carried out, and says why", (order, what) => {
  expect(() => decodeOrder(JSON.stringify(order))).toThrow(
    new PipelineError("message_invalid", `the order has a wrong or missing ${what}`),
  );
  expect(validate(order)).toBe(false);
});

test("an alert is no order, whatever its text says; nothing that is no order throws", () => {
  const alert = JSON.stringify({ schema: "falco-responder/queue-entry/1", alert: { output: encodeOrder(act) } });
  expect(decodeOrder(alert)).toBeNull();
  fc.assert(fc.property(fc.string(), (text) => decodeOrder(text) === null));
});
