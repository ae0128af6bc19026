import { counted, type Digest } from "#shared/domain/digest.ts";
import { expiry, iso, KEEP_INCIDENT_S } from "#shared/ledger/items.ts";
import { digestKey } from "#shared/ledger/keys.ts";
import { type DigestItem, moveNote, type NoteItem } from "#shared/ledger/notes.ts";
import type { Item, Write } from "#shared/ports/table.ts";

const MINUTE_MS = 60_000;
/** After its minute, so that whose clock is a little behind still folds into it. */
const PATIENCE_MS = 5_000;

/** When the minute of this moment began. */
export const minuteOf = (ms: number): number => ms - (ms % MINUTE_MS);

/** The digest in an item; null when it is none that this version can read. */
export function readDigest(item: Item | null): DigestItem | null {
  if (item === null || item.type !== "note" || item["schema"] !== "falco-responder/digest/1") return null;
  return typeof item["body"] === "string" ? (item as DigestItem) : null;
}

export const digestOf = (item: DigestItem): Digest => JSON.parse(item.body) as Digest;

/** Nobody has begun to send it: it may still grow. */
export const isOpen = ({ state, attempts, due }: DigestItem, nowMs: number): boolean =>
  state === "pending" && attempts === 0 && due !== undefined && Date.parse(due) > nowMs;

/**
 * These notes of one channel are told by the digest of this minute: they become sent, and it grows by exactly them, all or nothing.
 * From then on it owes what they owed. `found`: the digest as it was read; null: there is none yet. Fold only notes that have a gist.
 */
export function foldWrites(notes: readonly NoteItem[], found: DigestItem | null, channel: string, nowMs: number): readonly Write[] {
  const key = digestKey(channel, iso(minuteOf(nowMs)));
  let digest = found === null ? null : digestOf(found);
  for (const note of notes) if (note.gist !== undefined) digest = counted(digest, note.gist, note.incident, Date.parse(note.at));
  const item: DigestItem = {
    ...key,
    type: "note",
    version: (found?.version ?? 0) + 1,
    at: iso(nowMs),
    due: iso(minuteOf(nowMs) + MINUTE_MS + PATIENCE_MS),
    expires: expiry(nowMs, KEEP_INCIDENT_S),
    schema: "falco-responder/digest/1",
    body: JSON.stringify(digest),
    state: "pending",
    channel,
    phase: "digest",
    topic: key.sk.slice(key.sk.lastIndexOf("#") + 1),
    attempts: 0,
    because: null,
  };
  return [
    { op: "put", item, when: found === null ? { kind: "absent" } : { kind: "version", version: found.version } },
    ...notes.map((note): Write => {
      const told = moveNote(note, { state: "sent", attempts: note.attempts, because: `told in digest ${item.topic}`, dueMs: null }, nowMs);
      return { op: "put", item: { ...told, digest: key.sk }, when: { kind: "version", version: note.version } };
    }),
  ];
}
