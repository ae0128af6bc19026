import { describe, expect, test } from "vitest";
import { type OrderBody, orderDueMs, type Vote } from "#shared/ledger/order.ts";
import { voted } from "#shared/ledger/vote.ts";

const NOW = 1_700_000_000_000;
const order: OrderBody = {
  verb: "approve",
  state: "awaiting",
  incident: "0123456789abcdef",
  target: "uid",
  key: "ecs:stop-task",
  action: { action: "ecs:stop-task", params: {}, mode: "approve", evidence: "none" },
  rule: "shell",
  alert: "a",
  channels: [],
  lane: "ecs",
  askedAtMs: NOW - 1_000,
  atMs: NOW + 60_000,
  by: null,
  decidedAtMs: null,
  sent: 0,
  because: null,
};
const vote = (person: string, says: Vote["says"] = "yes", actor = `slack:T1/${person}`, atMs = NOW): Vote => ({
  says,
  person,
  actor,
  atMs,
});
const counted = (result: ReturnType<typeof voted>): OrderBody => {
  if (result.kind !== "counted") throw new Error(result.because);
  return result.order;
};

describe("a quorum of two", () => {
  test("is reached by two people, each with the way they came and when, and not by one", () => {
    const first = voted(order, vote("alice"), 2);
    expect(first).toMatchObject({
      kind: "counted",
      missing: 1,
      order: { state: "awaiting", by: "alice", decidedAtMs: null, atMs: order.atMs },
    });
    const second = voted(counted(first), vote("bob", "yes", "arn:aws:iam::111122223333:user/bob", NOW + 5), 2);
    expect(second).toMatchObject({ kind: "counted", missing: 0, order: { state: "given", by: "alice, bob", decidedAtMs: NOW + 5 } });
    expect(counted(second).votes).toEqual([vote("alice"), vote("bob", "yes", "arn:aws:iam::111122223333:user/bob", NOW + 5)]);
  });

  test("is not reached by one person twice, by Slack and by IAM", () => {
    const first = counted(voted(order, vote("alice"), 2));
    expect(voted(first, vote("alice", "yes", "arn:aws:iam::111122223333:user/alice"), 2)).toMatchObject({
      kind: "twice",
      because: expect.stringContaining("one other person must say yes, too"),
    });
  });

  test("ends with a no after the first yes, also of the one who said it", () => {
    const first = counted(voted(order, vote("alice"), 2));
    for (const name of ["bob", "alice"]) expect(counted(voted(first, vote(name, "no"), 2))).toMatchObject({ state: "denied", by: name });
  });

  test("still waits where the time is over, until that is written down; a moment before it does not", () => {
    const first = counted(voted(order, vote("alice"), 2));
    expect(voted(first, vote("bob", "yes", "x", order.atMs), 2)).toMatchObject({
      kind: "late",
      because: expect.stringContaining("it is over"),
    });
    expect(counted(voted(first, vote("bob", "yes", "x", order.atMs - 1), 2)).state).toBe("given");
    expect(orderDueMs(first, NOW)).toBe(order.atMs);
  });

  test("that was lowered since is reached by who has said yes already", () => {
    const first = counted(voted(order, vote("alice"), 2));
    expect(counted(voted(first, vote("alice"), 1))).toMatchObject({ state: "given", by: "alice" });
  });
});

test.each([
  ["denied", "alice has said no"],
  ["given", "alice has said yes"],
  ["carried", "alice has said yes"],
  ["expired", "the question is over"],
] as const)("an answer to what is %s comes too late and learns why; to what awaits it counts", (state, because) => {
  const over: OrderBody = { ...order, state, by: "alice", decidedAtMs: NOW - 10 };
  for (const says of ["yes", "no"] as const)
    expect(voted(over, vote("bob", says), 1)).toMatchObject({ kind: "late", because: expect.stringContaining(because) });
  expect(voted({ ...over, state: "awaiting" }, vote("bob"), 1)).toMatchObject({ kind: "counted" });
});
