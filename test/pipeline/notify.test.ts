import { expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import { LEASE_MS, MOST_ATTEMPTS } from "#shared/pipeline/notify/attempts.ts";
import { deliverNotes } from "#shared/pipeline/notify.ts";
import type { Key } from "#shared/ports/table.ts";
import { Crash } from "../fakes/table.ts";
import { receipt } from "../notify/views.ts";
import { NotifyWorld } from "./notify-world.ts";

const signal = new AbortController().signal;
const deliver = (world: NotifyWorld, keys: readonly Key[]) => deliverNotes(keys, world.ports, signal);
const kinds = (world: NotifyWorld) => world.channel.received.map(({ kind }) => kind).sort();

test("each channel is told once, and nothing is owed any more", async () => {
  const world = new NotifyWorld();
  const keys = await world.owe("inc1");
  expect(await deliver(world, keys)).toEqual({ sent: 2, retry: 0, dead: 0, skipped: 0, folded: 0 });
  expect(kinds(world)).toEqual(["slack", "sns"]);
  for (const key of keys) expect(await world.note(key)).toMatchObject({ state: "sent", attempts: 1, because: null });
  for (const key of keys) expect(await world.note(key)).not.toHaveProperty("due");
  expect(await deliver(world, [...keys, ...keys])).toEqual({ sent: 0, retry: 0, dead: 0, skipped: 2, folded: 0 });
  expect(world.channel.begun).toBe(2);
});

test("two that wake for the same note send it once", async () => {
  const world = new NotifyWorld();
  const keys = await world.owe("inc1");
  const reports = await Promise.all([deliver(world, keys), deliver(world, keys), deliver(world, keys)]);
  expect(reports.reduce((sum, { sent }) => sum + sent, 0)).toBe(2);
  expect(world.channel.begun).toBe(2);
});

test("a Slack that hangs delays neither SNS nor another incident", async () => {
  const world = new NotifyWorld();
  const keys = [...(await world.owe("inc1")), ...(await world.owe("inc2"))];
  world.channel.next("slack", "hang");
  const end = new AbortController();
  const all = deliverNotes(keys, world.ports, end.signal);
  await expect.poll(() => kinds(world)).toEqual(["slack", "sns", "sns"]);
  end.abort();
  await expect(all).rejects.toThrow();
  // What hung when the time was over is sent by whoever looks after its lease.
  world.nowMs += LEASE_MS;
  expect(await deliver(world, keys)).toMatchObject({ sent: 1, skipped: 3 });
});

test("what Slack could not take stays owed until its time, and is sent then", async () => {
  const world = new NotifyWorld();
  const [key] = (await world.owe("inc1", ["chat"])) as [Key];
  world.channel.next("slack", { kind: "retry", because: "Slack answered 503", afterMs: null });
  expect(await deliver(world, [key])).toMatchObject({ retry: 1 });
  expect(await world.note(key)).toMatchObject({
    state: "pending",
    attempts: 1,
    because: "Slack answered 503",
    due: new Date(world.nowMs + 10_000).toISOString(),
  });
  world.nowMs += 9_999;
  expect(await deliver(world, [key])).toMatchObject({ skipped: 1 });
  world.nowMs += 1;
  expect(await deliver(world, [key])).toMatchObject({ sent: 1 });
  expect(world.counts).toEqual({ "Notifications retry": 1, "Notifications sent": 1 });
});

test("a channel that asks for patience gets it: its other notes wait, other channels do not", async () => {
  const world = new NotifyWorld();
  const keys: Key[] = [];
  for (let n = 0; n < 20; n += 1) keys.push(...(await world.owe(`inc${n}`)));
  world.channel.next(
    "slack",
    ...Array.from({ length: 8 }, () => ({ kind: "retry", because: "Slack answered 429", afterMs: 30_000 }) as const),
  );
  const report = await deliver(world, keys);
  // Only what was under way when the first answer came has asked, too.
  expect(report).toMatchObject({ sent: 20, dead: 0, folded: 0 });
  expect(report.retry).toBeGreaterThan(0);
  expect(report.retry + report.skipped).toBe(20);
  expect(world.channel.begun).toBeLessThan(20 + 8);
  expect(kinds(world).every((kind) => kind === "sns")).toBe(true);
  const waiting = await Promise.all(keys.filter(({ sk }) => sk.includes("#chat#")).map((key) => world.note(key)));
  expect(waiting.every(({ state, due }) => state === "pending" && due !== undefined)).toBe(true);
});

test("what can never be sent is dead, counted and logged as an error; a temporary trouble is neither", async () => {
  const world = new NotifyWorld();
  const [dead] = (await world.owe("inc1", ["chat"])) as [Key];
  world.channel.next("slack", { kind: "permanent", because: "Slack answered 404 no_service" });
  expect(await deliver(world, [dead])).toMatchObject({ dead: 1 });
  expect(await world.note(dead)).toMatchObject({ state: "dead", because: "Slack answered 404 no_service" });
  expect(world.counts["NotificationFailed"]).toBe(1);
  expect(world.errors).toHaveLength(1);
  expect(await deliver(world, [dead])).toMatchObject({ skipped: 1 });

  const twin = new NotifyWorld();
  const keys = await twin.owe("inc1", ["chat"]);
  twin.channel.next("slack", { kind: "retry", because: "Slack answered 500", afterMs: null });
  await deliver(twin, keys);
  expect(twin.counts["NotificationFailed"]).toBeUndefined();
  expect(twin.errors).toEqual([]);
});

test("a channel that is no longer configured is dead, one that is configured is told", async () => {
  const world = new NotifyWorld();
  expect(await deliver(world, await world.owe("inc1", ["gone"]))).toMatchObject({ dead: 1 });
  expect(await deliver(world, await world.owe("inc2", ["topic"]))).toMatchObject({ sent: 1 });
});

test("it is given up after about a day of trying, not before", async () => {
  for (const [attempts, expected] of [
    [MOST_ATTEMPTS - 1, "retry"],
    [MOST_ATTEMPTS, "dead"],
  ] as const) {
    const world = new NotifyWorld();
    const [key] = (await world.owe("inc1", ["chat"])) as [Key];
    const note = await world.note(key);
    await world.table.putAll([{ ...note, attempts, due: note.at }], signal);
    world.channel.next("slack", { kind: "retry", because: "Slack answered 503", afterMs: null });
    expect(await deliver(world, [key])).toMatchObject({ [expected]: 1 });
  }
});

test("trouble with one note's items harms no other, and is thrown at the end", async () => {
  const world = new NotifyWorld();
  const keys = [...(await world.owe("inc1", ["topic"])), ...(await world.owe("inc2", ["topic"]))];
  world.table.onRead = ({ pk, sk }) => {
    if (pk === "INCIDENT#inc1" && sk === "META") throw new PipelineError("aws_throttled", "DynamoDB GetItem: AWS throttles us");
  };
  await expect(deliver(world, keys)).rejects.toMatchObject({ code: "aws_throttled" });
  expect(kinds(world)).toEqual(["sns"]);
  world.table.onRead = null;
  world.nowMs += LEASE_MS;
  expect(await deliver(world, keys)).toMatchObject({ sent: 1, skipped: 1 });
});

test("a message that was late tells what is true when it is sent", async () => {
  const world = new NotifyWorld();
  const keys = await world.owe("inc1", ["topic"]);
  await world.record("inc1", receipt("done"));
  await deliver(world, keys);
  expect(world.channel.received[0]).toMatchObject({
    subject: expect.stringContaining("Task stopped"),
    attributes: { outcome: "done", incident: "inc1" },
  });
  const before = new NotifyWorld();
  await deliver(before, await before.owe("inc1", ["topic"]));
  expect(before.channel.received[0]).toMatchObject({
    subject: expect.stringContaining("no result yet"),
    attributes: { outcome: "none", incident: "inc1" },
  });
});

test("dying at any write leaves the note owed: it is told, at most twice, and with the same incident", async () => {
  // The place in the line, the lease, the end.
  for (const when of ["crashBefore", "crashAfter"] as const)
    for (const write of [1, 2, 3]) {
      const world = new NotifyWorld();
      const keys = await world.owe("inc1", ["topic"]);
      world.table.trouble = { [when]: world.table.writes + write };
      await expect(deliver(world, keys)).rejects.toBeInstanceOf(Crash);
      world.table.trouble = {};
      const told = world.channel.received.length;
      await deliver(world, keys);
      // Nobody sends again while the lease may be held by one who lives.
      if (write === 3 || (write === 2 && when === "crashAfter")) expect(world.channel.received).toHaveLength(told);
      world.nowMs += LEASE_MS;
      await deliver(world, keys);
      expect(await world.note(keys[0] as Key)).toMatchObject({ state: "sent" });
      expect([1, 2]).toContain(world.channel.received.length);
      expect(world.channel.received.every((message) => message.kind === "sns" && message.attributes["incident"] === "inc1")).toBe(true);
    }
});

test("a run whose time is over begins nothing more", async () => {
  const world = new NotifyWorld();
  const keys = await world.owe("inc1");
  expect(await deliverNotes(keys, world.ports, AbortSignal.abort())).toMatchObject({ skipped: 2 });
  expect(world.channel.begun).toBe(0);
});

const phases = (world: NotifyWorld) => world.channel.received.map((message) => (message.kind === "sns" ? message.attributes["phase"] : ""));

test("the decision is told before its outcome, however they come; an outcome that adds nothing is no second message", async () => {
  const world = new NotifyWorld();
  const [decision] = (await world.owe("inc1", ["topic"])) as [Key];
  await world.record("inc1", receipt("requested"));
  await deliver(world, [decision]);
  const outcome = await world.oweOutcome("inc1");
  await world.record("inc1", receipt("done"));
  expect(await deliver(world, [outcome])).toMatchObject({ sent: 1 });
  expect(phases(world)).toEqual(["decision", "outcome"]);

  const late = new NotifyWorld();
  const [behind] = (await late.owe("inc1", ["topic"])) as [Key];
  const first = await late.oweOutcome("inc1");
  await late.record("inc1", receipt("done"));
  expect(await deliver(late, [first, behind])).toMatchObject({ sent: 1, skipped: 1 });
  expect(phases(late)).toEqual(["decision"]);
  expect(await late.note(first)).toMatchObject({ state: "sent", because: "an earlier message told it" });
  expect(await late.note(first)).not.toHaveProperty("due");
});

test("an outcome waits while its decision is owed, and no longer when that can never be sent", async () => {
  for (const [answer, sent] of [
    [{ kind: "retry", because: "SNS answered 503", afterMs: null }, 0],
    [{ kind: "permanent", because: "SNS answered 404" }, 1],
  ] as const) {
    const world = new NotifyWorld();
    const [decision] = (await world.owe("inc1", ["topic"])) as [Key];
    const outcome = await world.oweOutcome("inc1");
    await world.record("inc1", receipt("done"));
    world.channel.next("sns", answer);
    expect(await deliver(world, [decision])).toMatchObject({ sent: 0 });
    expect(await deliver(world, [outcome])).toMatchObject({ sent });
    expect(phases(world)).toEqual(sent === 1 ? ["outcome"] : []);
  }
});
