import { expect, test } from "vitest";
import type { Notice } from "#shared/domain/notice.ts";
import { noticeOf, noticeWrites, readNotice } from "#shared/ledger/notices.ts";
import type { Item, Write } from "#shared/ports/table.ts";
import { FakeTable } from "../fakes/table.ts";

const NOTICE: Notice = { kind: "silent", subject: "shop/node-1", severity: "warning", title: "Silent", lines: ["a"], remedy: null };
const signal = new AbortController().signal;
const itemOf = (write: Write | undefined): Item => {
  if (write?.op !== "put") throw new Error("no put");
  return write.item;
};

test("a notice is owed once per occurrence and channel, and again for the next occurrence", async () => {
  const table = new FakeTable();
  const owe = (notice: Notice, once: string, channels = ["team", "chat"]) =>
    table.transact(noticeWrites(notice, once, channels, 5), signal);
  expect(await owe(NOTICE, "monday")).toEqual({ ok: true });
  expect((await owe(NOTICE, "monday")).ok).toBe(false);
  expect(await owe(NOTICE, "tuesday")).toEqual({ ok: true });
  expect(await owe({ ...NOTICE, subject: "shop/node-2" }, "monday")).toEqual({ ok: true });
  expect(await owe({ ...NOTICE, kind: "drops" }, "monday")).toEqual({ ok: true });
  expect(await table.query("NOTICE#silent#shop/node-1", "NOTE#chat#", signal)).toHaveLength(2);
});

test("what is owed is read back as it was written, under keys that wake notify", () => {
  const [write] = noticeWrites(NOTICE, "monday", ["team"], 5);
  const item = itemOf(write);
  expect(item).toMatchObject({
    pk: "NOTICE#silent#shop/node-1",
    sk: expect.stringMatching(/^NOTE#team#notice#[0-9a-f]{16}$/),
    type: "note",
  });
  const read = readNotice(item);
  expect(read === null ? null : noticeOf(read)).toEqual({ ...NOTICE, atMs: 5 });
  expect(readNotice({ ...item, schema: "falco-responder/notice/9" })).toBeNull();
});

test("a subject that is no plain name is a hash in the key, and no text is endless", () => {
  const long = noticeWrites({ ...NOTICE, subject: "a#b\n", lines: Array.from({ length: 900 }, () => "x".repeat(9_000)) }, "o", ["team"], 5);
  expect(itemOf(long[0]).pk).toMatch(/^NOTICE#silent#[0-9a-f]{32}$/);
  expect(JSON.stringify(itemOf(long[0])).length).toBeLessThan(300_000);
  expect(noticeWrites(NOTICE, "o", [], 5)).toEqual([]);
});
