import { describe, expect, test } from "vitest";
import type { Gist } from "#shared/domain/digest.ts";
import type { SlackApp } from "#shared/domain/person.ts";
import type { Receipt } from "#shared/domain/receipt.ts";
import { unpack } from "#shared/ledger/items.ts";
import { threadKey } from "#shared/ledger/keys.ts";
import type { ThreadBody } from "#shared/ledger/threads.ts";
import { LEASE_MS } from "#shared/pipeline/notify/attempts.ts";
import { deliverNotes } from "#shared/pipeline/notify.ts";
import type { Key } from "#shared/ports/table.ts";
import { Crash } from "../fakes/table.ts";
import { receipt } from "../notify/views.ts";
import { NotifyWorld } from "./notify-world.ts";

const signal = new AbortController().signal;
const deliver = (world: NotifyWorld, ...keys: readonly Key[]) => deliverNotes(keys, world.ports, signal);
const gist = (kind: Gist["kind"], urgent = false): Gist => ({ kind, rule: null, cluster: null, action: "ecs:stop-task", urgent });
const posted = (world: NotifyWorld) =>
  [...world.channel.posted.entries()].map(([ts, message]) => ({ ts, ...message, says: JSON.stringify(message.payload) }));
const cards = (world: NotifyWorld) => posted(world).filter(({ threadTs }) => threadTs === null);
const replies = (world: NotifyWorld) => posted(world).filter(({ threadTs }) => threadTs !== null);
const calls = (world: NotifyWorld) =>
  world.channel.received.map((message) => (message.kind === "slack-bot" ? message.call.kind : message.kind));

async function decided(): Promise<NotifyWorld> {
  const world = new NotifyWorld();
  expect(await deliver(world, ...(await world.owe("inc1", ["bot"])))).toMatchObject({ sent: 1 });
  return world;
}
async function became(world: NotifyWorld, one: Receipt, urgent = false) {
  await world.record("inc1", one);
  return await deliver(world, await world.oweOutcome("inc1", "bot", gist(one.outcome, urgent)));
}

describe("Slack by bot token: one message per incident", () => {
  test("the card is posted, the whole story stands in its thread, and its ts in the ledger", async () => {
    const world = await decided();
    expect(calls(world)).toEqual(["post", "reply"]);
    const [card] = cards(world);
    expect(card?.says).toContain("no result yet");
    expect(replies(world)).toMatchObject([{ threadTs: card?.ts, broadcast: false, says: expect.stringContaining("What to do next") }]);
    const item = await world.table.get(threadKey("inc1", "bot"));
    expect(item === null ? null : unpack<ThreadBody>(item, "thread").ts).toBe(card?.ts);
  });

  test("what becomes of it updates the card and pings nobody; what needs a person is shown in the channel, too", async () => {
    const quiet = await decided();
    expect(await became(quiet, receipt("done"))).toMatchObject({ sent: 1 });
    expect(calls(quiet)).toEqual(["post", "reply", "update", "reply"]);
    expect(cards(quiet)).toMatchObject([{ updates: 1, says: expect.stringContaining("Task stopped") }]);
    expect(cards(quiet)[0]?.says).not.toContain("no result yet");
    expect(replies(quiet).map(({ broadcast }) => broadcast)).toEqual([false, false]);

    const loud = await decided();
    await became(loud, receipt("failed"), true);
    expect(cards(loud)).toMatchObject([{ says: expect.stringContaining("FAILED to stop the task") }]);
    expect(replies(loud).map(({ broadcast }) => broadcast)).toEqual([false, true]);
  });

  test("card and reply have the buttons of the app that the bot is of, and none where it is of another", async () => {
    for (const [more, each] of [
      [{}, 1],
      [{ buttons: false }, 0],
    ] as const) {
      const world = await decided();
      await world.record("inc1", { ...receipt("done"), undo: { possible: true, says: "it runs again", keep: {} } });
      const { registry } = world.ports;
      const channels = registry.notifications.channels.map((one) => (one.kind === "slack-bot" ? { ...one, ...more } : one));
      const slackApp: SlackApp = { team: "T0TEAM", app: "A0APP", signingSecret: "ssm:/sign" };
      const ports = { ...world.ports, registry: { ...registry, slackApp, notifications: { ...registry.notifications, channels } } };
      const owed = [await world.oweOutcome("inc1", "bot", gist("done"))];
      expect(await deliverNotes(owed, ports, signal)).toMatchObject({ sent: 1 });
      const buttons = (says = "") => says.split('"type":"actions"').length - 1;
      expect([buttons(cards(world)[0]?.says), buttons(replies(world).at(-1)?.says)]).toEqual([each, each]);
    }
  });

  test("a card that somebody removed is posted anew, once, and goes on under its new ts", async () => {
    const world = await decided();
    world.channel.posted.clear();
    await became(world, receipt("requested"));
    expect(calls(world)).toEqual(["post", "reply", "post", "reply"]);
    const [card] = cards(world);
    expect(replies(world)).toMatchObject([{ threadTs: card?.ts }]);
    const item = await world.table.get(threadKey("inc1", "bot"));
    expect(item === null ? null : unpack<ThreadBody>(item, "thread").ts).toBe(card?.ts);
  });

  test("dying at any write posts the card at most twice, and the story ends told", async () => {
    let twice = 0;
    // The place in the line, the lease, the ts, the end.
    for (const when of ["crashBefore", "crashAfter"] as const)
      for (const write of [1, 2, 3, 4]) {
        const world = new NotifyWorld();
        const [key] = (await world.owe("inc1", ["bot"])) as [Key];
        world.table.trouble = { [when]: world.table.writes + write };
        await expect(deliver(world, key)).rejects.toBeInstanceOf(Crash);
        world.table.trouble = {};
        world.nowMs += LEASE_MS;
        await deliver(world, key);
        expect(await world.note(key)).toMatchObject({ state: "sent" });
        const count = cards(world).length;
        expect(count).toBeLessThanOrEqual(2);
        // Only between posting and storing its ts may it be posted again.
        if (count === 2) expect([when, write]).toEqual(["crashBefore", 3]);
        twice += count - 1;
        expect(replies(world).length).toBeGreaterThan(0);
      }
    expect(twice).toBe(1);
  });

  test("Slack that cannot answer in between leaves the note owed; the card is updated then, not posted again", async () => {
    const world = new NotifyWorld();
    const [key] = (await world.owe("inc1", ["bot"])) as [Key];
    world.channel.next(
      "slack-bot",
      { kind: "sent", reference: "1700000000.000009" },
      { kind: "retry", because: "Slack answered 503", afterMs: null },
    );
    expect(await deliver(world, key)).toMatchObject({ retry: 1 });
    world.nowMs += LEASE_MS;
    // The fake does not know the ts that it made up: as if removed.
    expect(await deliver(world, key)).toMatchObject({ sent: 1 });
    expect(calls(world)).toEqual(["post", "reply"]);
  });

  test("calls of one channel are at least 1.2 s apart", async () => {
    const world = new NotifyWorld();
    const times: number[] = [];
    const send = world.channel.send.bind(world.channel);
    world.channel.send = (message, abort) => {
      times.push(world.nowMs);
      return send(message, abort);
    };
    const keys = (await Promise.all(["a", "b", "c"].map((id) => world.owe(id, ["bot"])))).flat();
    const [first, second, third] = keys as [Key, Key, Key];
    for (const key of [first, second, third]) await deliver(world, key);
    expect(times).toHaveLength(6);
    const gaps = times.sort((a, b) => a - b).flatMap((at, position) => (position === 0 ? [] : [at - (times[position - 1] ?? 0)]));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_200 - 1);
  });
});
