import { type CancellationReason, TransactionCanceledException } from "@aws-sdk/client-dynamodb";
import type { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { describe, expect, test } from "vitest";
import { dynamodbTable } from "#shared/adapters/dynamodb-table.ts";
import type { Write } from "#shared/ports/table.ts";

const signal = new AbortController().signal;
const writes: readonly Write[] = ["a", "b"].map((sk) => ({
  op: "put",
  item: { pk: "P", sk, type: "test", version: 1, at: "" },
  when: { kind: "absent" },
}));

const cancelled = (...codes: readonly string[]): Error => {
  const CancellationReasons: CancellationReason[] = codes.map((Code) => ({ Code }));
  return new TransactionCanceledException({ message: `[${codes.join(", ")}]`, $metadata: { httpStatusCode: 400 }, CancellationReasons });
};
const named = (name: string, status = 400): Error => Object.assign(new Error(name), { name, $metadata: { httpStatusCode: status } });

/** Throws these in turn, then answers. */
function transacting(...troubles: readonly Error[]) {
  let sent = 0;
  const send = () => {
    const trouble = troubles[sent++];
    return trouble === undefined ? Promise.resolve({}) : Promise.reject(trouble);
  };
  const table = dynamodbTable("ledger", { send } as unknown as DynamoDBDocumentClient);
  return { result: table.transact(writes, signal), sent: () => sent };
}

describe("a transaction that DynamoDB cancels", () => {
  test.each([
    ["another transaction", ["None", "TransactionConflict"]],
    ["a throttle", ["ThrottlingError", "None"]],
    ["spent throughput", ["None", "ProvisionedThroughputExceeded"]],
  ])("because of %s is tried again until it succeeds: that is no no", async (_title, codes) => {
    const { result, sent } = transacting(cancelled(...codes), cancelled(...codes));
    await expect(result).resolves.toEqual({ ok: true });
    expect(sent()).toBe(3);
  });

  test("that is still in progress is tried again", async () => {
    const { result, sent } = transacting(named("TransactionInProgressException"));
    await expect(result).resolves.toEqual({ ok: true });
    expect(sent()).toBe(2);
  });

  test("because of a failed condition is answered at once, with the positions that failed", async () => {
    const { result, sent } = transacting(cancelled("None", "ConditionalCheckFailed"));
    await expect(result).resolves.toEqual({ ok: false, failed: [1] });
    expect(sent()).toBe(1);
  });

  test("a condition that failed beside a conflict is a no: only what really failed is named", async () => {
    await expect(transacting(cancelled("TransactionConflict", "ConditionalCheckFailed")).result).resolves.toEqual({
      ok: false,
      failed: [1],
    });
  });

  test("again and again is contention, which may pass, and never a failed condition", async () => {
    const { result, sent } = transacting(...Array.from({ length: 20 }, () => cancelled("TransactionConflict", "None")));
    await expect(result).rejects.toMatchObject({ code: "ledger_contention", retryable: true });
    expect(sent()).toBe(8);
  });

  test("for a reason that no retry mends is an error", async () => {
    await expect(transacting(cancelled("ValidationError", "None")).result).rejects.toMatchObject({
      code: "aws_rejected",
      retryable: false,
    });
  });
});

test.each([
  ["ProvisionedThroughputExceededException", 400, "aws_throttled"],
  ["ThrottlingException", 400, "aws_throttled"],
  ["RequestLimitExceeded", 400, "aws_throttled"],
  ["InternalServerError", 500, "aws_unreachable"],
])("%s of the whole call is trouble that may pass", async (name, status, code) => {
  await expect(transacting(named(name, status)).result).rejects.toMatchObject({ code, retryable: true });
});
