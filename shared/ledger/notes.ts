/** pending: to be sent (again). sending: somebody holds its lease. sent, dead: final. */
export type NoteState = "pending" | "sending" | "sent" | "dead";

/**
 * One message that is owed to one channel about one target of an incident. It holds no text: what is said is rendered from the incident's
 * items when it is sent. `due` (while it is owed): when to look at it again; a `sending` note's `due` is the end of its lease.
 */
export type NoteItem = {
  readonly pk: string;
  readonly sk: string;
  readonly type: "note";
  readonly version: number;
  readonly at: string;
  readonly due?: string;
  readonly expires?: number;
  readonly state: NoteState;
  readonly incident: string;
  /** Name in falco-responder.yml. */
  readonly channel: string;
  readonly phase: "decision" | "outcome";
  /** Hash of target and decision kind: what makes two notes of one channel and phase different. */
  readonly topic: string;
  /** uid of the target; null when none is verified. */
  readonly target: string | null;
  /** Id of the alert that is told. */
  readonly alert: string;
  /** Sends that were begun. */
  readonly attempts: number;
  /** When it was first owed, ms. */
  readonly sinceMs: number;
  /** Why it is not sent yet, or never will be; null at first and when sent. */
  readonly because: string | null;
};

/** Longer than any send may take (Slack 3 s, SNS 2 x 5 s), so that a lease ends only when its holder is dead. */
export const NOTE_LEASE_MS = 30_000;
/** A channel that was away this long is not coming back by itself. */
export const NOTE_GIVE_UP_MS = 86_400_000;
/** The stream wakes notify at once; sweep looks after what is still owed by then. */
const FIRST_LOOK_MS = 60_000;

const iso = (ms: number): string => new Date(ms).toISOString();

export const noteKey = (incident: string, channel: string, phase: NoteItem["phase"], topic: string) => ({
  pk: `INCIDENT#${incident}`,
  sk: `NOTE#${channel}#${phase}#${topic}`,
});

/** A note that is owed from now on. Put it with the condition `absent`: once per incident, channel, phase and topic. */
export const newNote = (of: Pick<NoteItem, "incident" | "channel" | "phase" | "topic" | "target" | "alert">, nowMs: number): NoteItem => ({
  ...noteKey(of.incident, of.channel, of.phase, of.topic),
  type: "note",
  version: 1,
  at: iso(nowMs),
  due: iso(nowMs + FIRST_LOOK_MS),
  state: "pending",
  incident: of.incident,
  channel: of.channel,
  phase: of.phase,
  topic: of.topic,
  target: of.target,
  alert: of.alert,
  attempts: 0,
  sinceMs: nowMs,
  because: null,
});

/** Takes the lease; null when there is nothing to do now: final, leased, or waiting for its next try. */
export function claimNote(note: NoteItem, nowMs: number): NoteItem | null {
  const isDue = note.due === undefined || Date.parse(note.due) <= nowMs;
  const mayBegin = note.state === "pending" ? note.attempts === 0 || isDue : note.state === "sending" && isDue;
  return mayBegin ? { ...next(note, nowMs), state: "sending", attempts: note.attempts + 1, due: iso(nowMs + NOTE_LEASE_MS) } : null;
}

export const sentNote = (note: NoteItem, nowMs: number): NoteItem => ({ ...settled(note, nowMs), state: "sent", because: null });

/** It will never be sent as it is: a person must look. */
export const deadNote = (note: NoteItem, because: string, nowMs: number): NoteItem => ({ ...settled(note, nowMs), state: "dead", because });

/** Back to pending: after `afterMs` where the receiver said so, else 10 s doubled with each attempt, at most 15 minutes; dead after a day. */
export function retryNote(note: NoteItem, because: string, afterMs: number | null, nowMs: number): NoteItem {
  if (nowMs - note.sinceMs >= NOTE_GIVE_UP_MS) return deadNote(note, `given up after a day: ${because}`, nowMs);
  const backoffMs = Math.min(10_000 * 2 ** Math.min(note.attempts - 1, 10), 900_000);
  return { ...next(note, nowMs), state: "pending", because, due: iso(nowMs + Math.max(afterMs ?? 0, backoffMs)) };
}

const next = (note: NoteItem, nowMs: number): NoteItem => ({ ...note, version: note.version + 1, at: iso(nowMs) });

/** Without `due` an item leaves the index that sweep reads. */
function settled(note: NoteItem, nowMs: number): NoteItem {
  const { due: _due, ...rest } = next(note, nowMs);
  return rest;
}

const STATES: readonly unknown[] = ["pending", "sending", "sent", "dead"] satisfies NoteState[];
const isText = (value: unknown): value is string => typeof value === "string";
const isState = (value: unknown): value is NoteState => STATES.includes(value);

/** An item of the table as a note; null when it is none. */
export function readNote(item: Readonly<Record<string, unknown>>): NoteItem | null {
  const { pk, sk, type, version, at, due, expires, state, incident, channel, phase, topic, target, alert, attempts, sinceMs, because } =
    item;
  if (type !== "note" || !isState(state) || !isText(pk) || !isText(sk) || !isText(at) || typeof version !== "number") return null;
  if (!isText(incident) || !isText(channel) || !isText(topic) || !isText(alert)) return null;
  if ((phase !== "decision" && phase !== "outcome") || typeof attempts !== "number" || typeof sinceMs !== "number") return null;
  if ((target !== null && !isText(target)) || (because !== null && !isText(because))) return null;
  return {
    ...{ pk, sk, type, version, at, state, incident, channel, phase, topic, target, alert, attempts, sinceMs, because },
    ...(isText(due) ? { due } : {}),
    ...(typeof expires === "number" ? { expires } : {}),
  };
}
