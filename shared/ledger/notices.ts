import type { Notice } from "#shared/domain/notice.ts";
import { expiry, iso, KEEP_INCIDENT_S } from "#shared/ledger/items.ts";
import { noticeKey } from "#shared/ledger/keys.ts";
import { type NoticeItem, STREAM_HEAD_START_MS } from "#shared/ledger/notes.ts";
import type { Item, Write } from "#shared/ports/table.ts";

/**
 * Owes a notice to these channels (usually `registry.notifications.system`). `once` says which occurrence it is, such as the time of the
 * pause or the window of a budget: the same (kind, subject, once, channel) is told once, however often it is written.
 * Each write has the condition `absent`: in a transaction of their own, `ok: false` means that it was told before. No channels, no writes.
 */
export function noticeWrites(notice: Notice, once: string, channels: readonly string[], nowMs: number): readonly Write[] {
  return channels.map((channel) => ({ op: "put", item: newNotice(notice, once, channel, nowMs), when: { kind: "absent" } }));
}

/** Texts are cut here only so that an item stays far below DynamoDB's 400 KB. */
const MOST_CHARS = 4_000;
const MOST_LINES = 50;

function newNotice(notice: Notice, once: string, channel: string, nowMs: number): NoticeItem {
  const key = noticeKey(notice.kind, notice.subject, channel, once);
  const text = (one: string): string => one.slice(0, MOST_CHARS);
  const body: KeptNotice = {
    atMs: nowMs,
    kind: text(notice.kind),
    subject: text(notice.subject),
    severity: notice.severity,
    title: text(notice.title),
    lines: notice.lines.slice(0, MOST_LINES).map(text),
    remedy: notice.remedy === null ? null : text(notice.remedy),
  };
  return {
    ...key,
    type: "note",
    version: 1,
    at: iso(nowMs),
    due: iso(nowMs + STREAM_HEAD_START_MS),
    expires: expiry(nowMs, KEEP_INCIDENT_S),
    schema: "falco-responder/notice/1",
    body: JSON.stringify(body),
    state: "pending",
    channel,
    phase: "notice",
    topic: key.sk.slice(key.sk.lastIndexOf("#") + 1),
    attempts: 0,
    because: null,
  };
}

/** `atMs`: when it was written down, ms since the epoch. */
export interface KeptNotice extends Notice {
  readonly atMs: number;
}

export const noticeOf = (item: NoticeItem): KeptNotice => JSON.parse(item.body) as KeptNotice;

const STATES: readonly unknown[] = ["pending", "sending", "sent", "dead"];

/** The notice in an item; null when it is none that this version can read. */
export function readNotice(item: Item | null): NoticeItem | null {
  if (item === null || item.type !== "note" || item["schema"] !== "falco-responder/notice/1") return null;
  return STATES.includes(item["state"]) && typeof item["body"] === "string" ? (item as NoticeItem) : null;
}
