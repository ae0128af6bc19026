import type { NotePhase } from "#shared/ledger/notes.ts";

/** Body of INCIDENT / THREAD#<channel>: the one message about the incident, and what it tells of each target. */
export interface ThreadBody {
  /** Slack's name of the message: it is updated, and its thread goes on, under it. */
  readonly ts: string;
  readonly targets: readonly ToldTarget[];
}

/** `target` null: about an alert without a verified target. */
export interface ToldTarget {
  readonly target: string | null;
  readonly alert: string;
  readonly phase: NotePhase;
  /** The most pressing first. */
  readonly rank: number;
  readonly headline: string;
}

/** An owner with more targets than this has a card that names these; the thread has all. */
const MOST_TARGETS = 40;

/** What is told of a target replaces what was told of it before. */
export const retold = (targets: readonly ToldTarget[], told: ToldTarget): readonly ToldTarget[] =>
  [told, ...targets.filter(({ target }) => target !== told.target)].toSorted((a, b) => b.rank - a.rank).slice(0, MOST_TARGETS);
