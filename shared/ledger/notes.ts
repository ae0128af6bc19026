import type { Gist } from "#shared/domain/digest.ts";
import type { Receipt } from "#shared/domain/receipt.ts";
import { expiry, iso, KEEP_INCIDENT_S } from "#shared/ledger/items.ts";
import { noteKey } from "#shared/ledger/keys.ts";
import type { Item } from "#shared/ports/table.ts";

/** decision: what was decided. outcome: what became of it; at most one more message per target and action. */
export type NotePhase = "decision" | "outcome";
/** pending -> sending (lease) -> sent, or pending again with a later `due`, or dead: it can never be sent as it is. */
export type NoteState = "pending" | "sending" | "sent" | "dead";

/** What every message that a channel is owed has, whatever it tells. */
export interface OwedItem extends Item {
  readonly type: "note";
  readonly state: NoteState;
  /** Name of a channel of the registry. */
  readonly channel: string;
  readonly topic: string;
  readonly attempts: number;
  /** Why the last attempt failed, in our words. */
  readonly because: string | null;
}

/** What the system itself tells (`shared/ledger/notices.ts`): the content is kept, for nothing else of the ledger has it. */
export interface NoticeItem extends OwedItem {
  readonly phase: "notice";
  /** JSON of a `KeptNotice`. */
  readonly body: string;
}

/**
 * That a channel is to be told, not what: the message is rendered when it is sent, from the items of the incident.
 * `due` (pending: when to try, sending: when the lease ends) puts it into sweep's index; sent and dead notes have none.
 */
export interface NoteItem extends OwedItem {
  readonly incident: string;
  readonly phase: NotePhase;
  /** Id of the alert that is shown: `alertKey(incident, alert)`. */
  readonly alert: string;
  /** Uid of the target: `targetKey(incident, target)`; null: no verified target. */
  readonly target: string | null;
  /** What a digest says of it; absent: it is never folded into one. */
  readonly gist?: Gist;
  /** Sent: the digest that told it (sk under `digestPk`); absent: its own message did. */
  readonly digest?: string;
  /** Sent: what it told of the target's receipts (`toldOf`), so that no other note tells the same again. */
  readonly told?: string;
}

/** One message for many (`shared/ledger/digests.ts`). Sent when its minute is over. */
export interface DigestItem extends OwedItem {
  readonly phase: "digest";
  /** JSON of a `Digest`. */
  readonly body: string;
}

export type OwedNote = NoteItem | NoticeItem | DigestItem;

export interface NewNote {
  readonly incident: string;
  readonly channel: string;
  readonly phase: NotePhase;
  readonly topic: string;
  readonly alert: string;
  readonly target: string | null;
  readonly gist?: Gist;
}

/** Sweep looks at a note this long after its creation: the stream is normally faster. */
export const STREAM_HEAD_START_MS = 15_000;

/** A pending note, version 1. Write it with the condition `absent`: there is one per incident, channel, phase and topic. */
export function newNote(note: NewNote, nowMs: number): NoteItem {
  const { incident, channel, phase, topic, alert, target } = note;
  return {
    ...noteKey(incident, channel, phase, topic),
    type: "note",
    version: 1,
    at: iso(nowMs),
    due: iso(nowMs + STREAM_HEAD_START_MS),
    expires: expiry(nowMs, KEEP_INCIDENT_S),
    schema: "falco-responder/note/1",
    state: "pending",
    incident,
    channel,
    phase,
    topic,
    alert,
    target,
    ...(note.gist === undefined ? {} : { gist: note.gist }),
    attempts: 0,
    because: null,
  };
}

const STATES: readonly unknown[] = ["pending", "sending", "sent", "dead"];

/** The note in an item; null when it is none that this version can read. */
export function readNote(item: Item | null): NoteItem | null {
  if (item === null || item.type !== "note" || item["schema"] !== "falco-responder/note/1" || !STATES.includes(item["state"])) return null;
  return item as NoteItem;
}

/** What there is to tell of these receipts, as one text: the same when nothing new has happened. */
export const toldOf = (receipts: readonly Receipt[]): string =>
  JSON.stringify(receipts.map(({ action, outcome, because }) => [action, outcome, because]).sort());

/** Whether one of these notes told this receipt, as it is, already. */
export function tellsAlready(notes: readonly NoteItem[]): (receipt: Receipt) => boolean {
  const told = new Set(
    notes.flatMap((note) => (note.told === undefined ? [] : (JSON.parse(note.told) as unknown[]).map((one) => JSON.stringify(one)))),
  );
  return ({ action, outcome, because }) => told.has(JSON.stringify([action, outcome, because]));
}

/** The next version of a note. Write it with the condition `version` of the one that was read. `dueMs` null: out of sweep's index. */
export function moveNote<N extends OwedItem>(
  note: N,
  to: { readonly state: NoteState; readonly attempts: number; readonly because: string | null; readonly dueMs: number | null },
  nowMs: number,
): N {
  const next: N = {
    ...note,
    state: to.state,
    attempts: to.attempts,
    because: to.because,
    version: note.version + 1,
    at: iso(nowMs),
  };
  if (to.dueMs !== null) return { ...next, due: iso(to.dueMs) };
  const { due: _out, ...rest } = next;
  return rest as unknown as N;
}
