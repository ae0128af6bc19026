import { moveNote, type NoteItem, type OwedItem } from "#shared/ledger/notes.ts";
import type { Delivery } from "#shared/ports/channel.ts";

/** Longer than any send may take (Slack twice 3 s, SNS twice 5 s), so that a lease ends only when its holder is dead. */
export const LEASE_MS = 30_000;
/** About a day of trying: a channel that was away so long does not come back by itself. */
export const MOST_ATTEMPTS = 100;

const BACKOFF_MS = 10_000;
const LONGEST_BACKOFF_MS = 900_000;

/**
 * Takes the lease of a note. null: nothing to do now, because it is final, or another holds it, or its next try is later.
 * A note that nobody tried yet need not be due: `due` is when sweep looks, the stream is faster.
 */
export function begin<N extends OwedItem>(note: N, nowMs: number): N | null {
  const isDue = note.due === undefined || Date.parse(note.due) <= nowMs;
  const mayBegin = note.state === "pending" ? note.attempts === 0 || isDue : note.state === "sending" && isDue;
  if (!mayBegin) return null;
  return moveNote(note, { state: "sending", attempts: note.attempts + 1, because: note.because, dueMs: nowMs + LEASE_MS }, nowMs);
}

const sent = <N extends OwedItem>(note: N, nowMs: number): N =>
  moveNote(note, { state: "sent", attempts: note.attempts, because: null, dueMs: null }, nowMs);

/** Another note of the same channel has told all of it already. */
export const covered = (note: NoteItem, nowMs: number): NoteItem =>
  moveNote(note, { state: "sent", attempts: note.attempts, because: "an earlier message told it", dueMs: null }, nowMs);

/** It can never be sent as it is: a person must look. */
const dead = <N extends OwedItem>(note: N, because: string, nowMs: number): N =>
  moveNote(note, { state: "dead", attempts: note.attempts, because, dueMs: null }, nowMs);

/** Later again: when the receiver said so, and not before 10 s doubled with each attempt (15 minutes at most). */
function later<N extends OwedItem>(note: N, because: string, afterMs: number | null, nowMs: number): N {
  const backoffMs = Math.min(BACKOFF_MS * 2 ** Math.min(note.attempts - 1, 10), LONGEST_BACKOFF_MS);
  return moveNote(note, { state: "pending", attempts: note.attempts, because, dueMs: nowMs + Math.max(afterMs ?? 0, backoffMs) }, nowMs);
}

/** What an attempt's end makes of a note. */
export function settle<N extends OwedItem>(note: N, delivery: Delivery, nowMs: number): N {
  if (delivery.kind === "sent") return sent(note, nowMs);
  return delivery.kind === "retry" ? later(note, delivery.because, delivery.afterMs, nowMs) : dead(note, delivery.because, nowMs);
}
