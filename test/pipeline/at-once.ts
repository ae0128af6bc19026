import { expect } from "vitest";
import { type RespondPorts, respond } from "#shared/pipeline/respond.ts";
import type { Table } from "#shared/ports/table.ts";

const signal = new AbortController().signal;
/** As often as SQS would deliver a message, and more. */
const MOST_DELIVERIES = 30;

/** A function of its own: it shares nothing with the others but what DynamoDB holds. */
export const apart = (table: Table): Table => ({
  get: (key, s) => table.get(key, s),
  query: (pk, prefix, s, most) => table.query(pk, prefix, s, most),
  due: (until, limit, s) => table.due(until, limit, s),
  transact: (writes, s, token) => table.transact(writes, s, token),
  putAll: (items, s) => table.putAll(items, s),
});

/** One responder for each message, all at the same moment; what fails comes again. What became of the first action of each. */
export async function atOnce(bodies: readonly string[], portsOf: () => RespondPorts): Promise<readonly string[]> {
  const acted: string[] = [];
  let open = bodies;
  for (let receiveCount = 1; open.length > 0 && receiveCount < MOST_DELIVERIES; receiveCount++) {
    const left: string[] = [];
    await Promise.all(
      open.map(async (body) => {
        try {
          const answer = await respond({ body, receiveCount }, portsOf(), signal);
          acted.push(answer.kind === "recorded" ? (answer.acted[0] ?? "nothing") : answer.kind);
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: "ledger_contention" });
          left.push(body);
        }
      }),
    );
    open = left;
  }
  expect(open).toEqual([]);
  return acted;
}
