import { describe, expect, test } from "vitest";
import type { Digest, Gist } from "#shared/domain/digest.ts";
import { digestOf, readDigest } from "#shared/ledger/digests.ts";
import { deliverNotes } from "#shared/pipeline/notify.ts";
import type { OutgoingMessage } from "#shared/ports/channel.ts";
import type { Item, Key } from "#shared/ports/table.ts";
import { NotifyWorld } from "./notify-world.ts";

const signal = new AbortController().signal;
const WOULD: Gist = { kind: "would-act", rule: "shells", cluster: "payments", action: null, urgent: false };
const ASK: Gist = { ...WOULD, kind: "await-approval", urgent: true };

/** Notes of so many incidents, all at once. */
async function storm(world: NotifyWorld, times: number, channel: string, gist: Gist, name = "inc"): Promise<Key[]> {
  const keys: Key[] = [];
  for (let n = 0; n < times; n += 1) keys.push(...(await world.owe(`${name}${n}`, [channel], gist)));
  return keys;
}
const notes = (world: NotifyWorld): readonly Item[] => world.table.ofType("note");
const digests = (world: NotifyWorld): readonly Digest[] =>
  notes(world).flatMap((item) => [readDigest(item)].flatMap((one) => (one === null ? [] : [digestOf(one)])));
const dueKeys = async (world: NotifyWorld): Promise<Key[]> =>
  (await world.table.due(new Date(world.nowMs).toISOString(), 2_000)).map(({ pk, sk }) => ({ pk, sk }));

/** As the stream does (batches of 25) and sweep after it, minute by minute, until nothing is owed. */
async function settleDown(world: NotifyWorld, keys: readonly Key[], minutes: number): Promise<void> {
  for (let from = 0; from < keys.length; from += 25) await deliverNotes(keys.slice(from, from + 25), world.ports, signal);
  for (let minute = 0; minute < minutes; minute += 1) {
    world.nowMs += 60_000;
    await deliverNotes(await dueKeys(world), world.ports, signal);
  }
}
const digestMessages = (world: NotifyWorld): readonly OutgoingMessage[] =>
  world.channel.received.filter((message) =>
    message.kind === "sns" ? message.attributes["phase"] === "digest" : JSON.stringify(message).includes("told as one a minute"),
  );

describe("storms become digests", () => {
  test("beyond the channel's number a minute is one message, every note ends sent, and its counts are true", async () => {
    const world = new NotifyWorld();
    const keys = await storm(world, 200, "topic", WOULD);
    await settleDown(world, keys, 4);
    expect(notes(world).every((item) => item["state"] === "sent")).toBe(true);
    const folded = notes(world).filter((item) => item["digest"] !== undefined);
    const single = world.channel.received.length - digestMessages(world).length;
    expect(single).toBe(60);
    expect(folded).toHaveLength(140);
    expect(folded.every((item) => String(item["because"]).startsWith("told in digest 20"))).toBe(true);
    expect(digests(world).reduce((sum, { messages }) => sum + messages, 0)).toBe(140);
    expect(digestMessages(world)).toHaveLength(digests(world).length);
    expect(JSON.stringify(digestMessages(world))).toContain("140 more messages about 140 incidents");
  });

  test("as many as are allowed, and a few more, are no storm", async () => {
    const world = new NotifyWorld();
    await settleDown(world, await storm(world, 62, "topic", WOULD), 3);
    expect(digests(world)).toEqual([]);
    expect(world.channel.received).toHaveLength(62);
  });

  test("what needs a person is never folded away, however many there are", async () => {
    const world = new NotifyWorld();
    const keys = [...(await storm(world, 150, "topic", WOULD)), ...(await storm(world, 70, "topic", ASK, "ask"))];
    await settleDown(world, keys, 4);
    const asked = notes(world).filter(({ pk }) => pk.startsWith("INCIDENT#ask"));
    expect(asked.every((item) => item["state"] === "sent" && item["digest"] === undefined)).toBe(true);
    const told = world.channel.received.filter(
      (message) => message.kind === "sns" && message.attributes["incident"]?.startsWith("ask") === true,
    );
    expect(told).toHaveLength(70);
  });

  test("a throttled Slack folds what waits; a bus is told everything", async () => {
    const world = new NotifyWorld();
    world.channel.next("slack", { kind: "retry", because: "Slack answered 429", afterMs: 120_000 });
    const keys = [...(await storm(world, 20, "chat", WOULD)), ...(await storm(world, 100, "bus", WOULD, "bus"))];
    const report = await deliverNotes(keys, world.ports, signal);
    // What was under way already when Slack answered is not taken back.
    expect(report.sent).toBeLessThan(100 + 8);
    expect(report.folded).toBeGreaterThan(10);
    expect(world.channel.received.filter(({ kind }) => kind === "bus")).toHaveLength(100);
    await settleDown(world, [], 8);
    expect(notes(world).every((item) => item["state"] === "sent")).toBe(true);
    expect(digestMessages(world)).toHaveLength(1);
  });

  test("two that fold at once fold every note once", async () => {
    const world = new NotifyWorld();
    const keys = await storm(world, 160, "topic", WOULD);
    const halves = [keys, keys.toReversed()];
    await Promise.all(halves.map((half) => deliverNotes(half, world.ports, signal)));
    await settleDown(world, [], 3);
    const folded = notes(world).filter((item) => item["digest"] !== undefined).length;
    expect(digests(world).reduce((sum, { messages }) => sum + messages, 0)).toBe(folded);
    expect(notes(world).every((item) => item["state"] === "sent")).toBe(true);
  });

  test("an update of a card that stands in the channel is never folded: it would go on saying what is no longer true", async () => {
    const world = new NotifyWorld();
    await deliverNotes(await world.owe("first", ["bot"], WOULD), world.ports, signal);
    await settleDown(world, await storm(world, 60, "bot", WOULD), 0);
    expect(digests(world)).toHaveLength(1);
    const outcome = await world.oweOutcome("first", "bot", { ...WOULD, kind: "done" });
    await settleDown(world, [outcome], 4);
    expect(await world.note(outcome)).toMatchObject({ state: "sent" });
    expect(await world.note(outcome)).not.toHaveProperty("digest");
  });

  test("messages of a minute are bounded whatever comes: 2,000 incidents on a Slack channel", async () => {
    const world = new NotifyWorld();
    const beganMs = world.nowMs;
    const times: number[] = [];
    const send = world.channel.send.bind(world.channel);
    world.channel.send = (message, abort) => {
      times.push(world.nowMs);
      return send(message, abort);
    };
    await settleDown(world, await storm(world, 2_000, "chat", WOULD), 6);
    expect(notes(world).filter((item) => item["state"] !== "sent")).toEqual([]);
    const perMinute = Object.values(Object.groupBy(times, (at) => Math.floor((at - beganMs) / 60_000))).map((some) => some?.length ?? 0);
    expect(Math.max(...perMinute)).toBeLessThanOrEqual(50);
    expect(times.length).toBeLessThan(60);
    expect(digests(world).reduce((sum, { messages }) => sum + messages, 0) + times.length - digests(world).length).toBe(2_000);
  }, 60_000);
});
