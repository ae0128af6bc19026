import { expect, test } from "vitest";
import type { Notice } from "#shared/domain/notice.ts";
import { noticeWrites, readNotice } from "#shared/ledger/notices.ts";
import { LEASE_MS } from "#shared/pipeline/notify/attempts.ts";
import { deliverNotes } from "#shared/pipeline/notify.ts";
import type { Key, Write } from "#shared/ports/table.ts";
import { NotifyWorld } from "./notify-world.ts";

const signal = new AbortController().signal;
const NOTICE: Notice = { kind: "paused", subject: "fleet", severity: "critical", title: "Paused", lines: ["by ana"], remedy: "resume" };
const keyOf = (write: Write): Key => (write.op === "put" ? { pk: write.item.pk, sk: write.item.sk } : { pk: "", sk: "" });

async function owe(world: NotifyWorld): Promise<readonly Key[]> {
  const writes = noticeWrites(NOTICE, "now", world.ports.registry.notifications.system, world.nowMs);
  await world.table.transact(writes, signal);
  return writes.map(keyOf);
}
const stateOf = async (world: NotifyWorld, key: Key | undefined) =>
  key === undefined ? null : readNotice(await world.table.get(key))?.state;

test("a notice goes to every system channel in its form, once", async () => {
  const world = new NotifyWorld();
  const keys = await owe(world);
  expect(await deliverNotes(keys, world.ports, signal)).toEqual({ sent: 2, retry: 0, dead: 0, skipped: 0, folded: 0 });
  expect(world.channel.received.map(({ kind }) => kind).sort()).toEqual(["slack", "sns"]);
  expect(JSON.stringify(world.channel.received)).toContain("falco-responder/notice/1");
  expect(await deliverNotes(keys, world.ports, signal)).toMatchObject({ sent: 0, skipped: 2 });
});

test("a channel in trouble is tried again later, a refusal is dead and alarmed", async () => {
  const world = new NotifyWorld();
  const [topic, chat] = await owe(world);
  world.channel.next("sns", { kind: "retry", because: "throttled", afterMs: 2_000 });
  world.channel.next("slack", { kind: "permanent", because: "Slack answered 410 channel_is_archived" });
  const keys = [topic, chat].flatMap((key) => key ?? []);
  expect(await deliverNotes(keys, world.ports, signal)).toMatchObject({ retry: 1, dead: 1 });
  expect(world.counts["NotificationFailed"]).toBe(1);
  world.nowMs += LEASE_MS;
  const due = (await world.table.due(new Date(world.nowMs).toISOString(), 10)).map(({ pk, sk }) => ({ pk, sk }));
  expect(due).toEqual([topic]);
  expect(await deliverNotes(due, world.ports, signal)).toMatchObject({ sent: 1 });
  expect([await stateOf(world, topic), await stateOf(world, chat)]).toEqual(["sent", "dead"]);
});
