import { foldWrites, isOpen, minuteOf, readDigest } from "#shared/ledger/digests.ts";
import { iso } from "#shared/ledger/items.ts";
import { digestKey } from "#shared/ledger/keys.ts";
import { type NoteItem, readNote } from "#shared/ledger/notes.ts";
import type { NotifyPorts } from "#shared/pipeline/notify/ports.ts";

/** A transaction of DynamoDB has at most 100 writes; this many and the digest. */
const CHUNK = 50;
const ATTEMPTS = 12;

/** What never had its own message begun, and asks nobody for anything. */
export const mayFold = (note: NoteItem): boolean => note.gist !== undefined && !note.gist.urgent;

/** Fewer than these are no storm: they wait for their turn, but not for ever. */
const FEW = 3;
const LONGEST_WAIT_MS = 90_000;

/** Has these notes of one channel told by its digest. Gives how many; the rest stays owed as it was. */
export async function foldNotes(notes: readonly NoteItem[], channel: string, ports: NotifyPorts, signal: AbortSignal): Promise<number> {
  if (notes.length === 0 || (await isTooFew(notes, channel, ports, signal))) return 0;
  let folded = 0;
  for (let from = 0; from < notes.length; from += CHUNK) folded += await foldChunk(notes.slice(from, from + CHUNK), channel, ports, signal);
  return folded;
}

async function isTooFew(notes: readonly NoteItem[], channel: string, { table, clock }: NotifyPorts, signal: AbortSignal): Promise<boolean> {
  const nowMs = clock.now();
  if (notes.length >= FEW || notes.some(({ at }) => nowMs - Date.parse(at) > LONGEST_WAIT_MS)) return false;
  const found = readDigest(await table.get(digestKey(channel, iso(minuteOf(nowMs))), signal));
  return found === null || !isOpen(found, nowMs);
}

async function foldChunk(chunk: readonly NoteItem[], channel: string, { table, clock }: NotifyPorts, signal: AbortSignal): Promise<number> {
  let notes = chunk;
  for (let attempt = 1; attempt <= ATTEMPTS && notes.length > 0; attempt++) {
    const nowMs = clock.now();
    const item = await table.get(digestKey(channel, iso(minuteOf(nowMs))), signal);
    const found = readDigest(item);
    // Closed already by a clock ahead of ours: the next minute has another one.
    if (item !== null && (found === null || !isOpen(found, nowMs))) {
      await clock.sleep(1_000 * Math.random(), signal);
      continue;
    }
    const result = await table.transact(foldWrites(notes, found, channel, nowMs), signal);
    if (result.ok) return notes.length;
    // Whoever has moved one of these meanwhile tells it.
    if (result.failed.some((position) => position > 0)) notes = await stillOwed(notes, table, signal);
    else await clock.sleep(Math.random() * 25 * attempt, signal);
  }
  return 0;
}

async function stillOwed(notes: readonly NoteItem[], table: NotifyPorts["table"], signal: AbortSignal): Promise<readonly NoteItem[]> {
  const read = await Promise.all(notes.map(async (note) => ({ note, now: readNote(await table.get(note, signal)) })));
  return read.flatMap(({ note, now }) => (now !== null && now.version === note.version ? [note] : []));
}
