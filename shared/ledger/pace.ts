import { minuteOf } from "#shared/ledger/digests.ts";

/** Body of PACE / SLOT: one per channel, for the whole deployment. Times in ms since the epoch, of our clocks. */
export interface PaceBody {
  /** Before this nothing is sent to the channel. */
  readonly nextAtMs: number;
  /** When the minute of `told` began. */
  readonly minuteMs: number;
  /** Messages that were let through in that minute. */
  readonly told: number;
}

/** `gapMs` between two calls of the channel. `most`: messages a minute; beyond, what may be folded is. */
export interface PaceLimits {
  readonly gapMs: number;
  readonly most: number;
}

/** Folded: this many seconds are too long to keep a message for, when there are others. */
const LONGEST_BACKLOG_MS = 60_000;

export type Turn =
  /** Send at `atMs`, the further calls `gapMs` after one another, once `next` is stored. */
  | { readonly kind: "go"; readonly atMs: number; readonly next: PaceBody }
  /** Others come first. `isCrowded`: so many that what may be folded should be. */
  | { readonly kind: "wait"; readonly untilMs: number; readonly isCrowded: boolean };

/**
 * The next free place for a message of `calls` calls. `isBound`: it counts against `most` (what needs a person does not). Nobody waits for a
 * place longer than `patienceMs`.
 */
export function turn(
  pace: PaceBody | null,
  limits: PaceLimits,
  wanted: { readonly calls: number; readonly isBound: boolean; readonly patienceMs: number },
  nowMs: number,
): Turn {
  const minuteMs = minuteOf(nowMs);
  const told = pace?.minuteMs === minuteMs ? pace.told : 0;
  const atMs = Math.max(nowMs, pace?.nextAtMs ?? 0);
  if (wanted.isBound && told >= limits.most) return { kind: "wait", untilMs: Math.max(atMs, minuteMs + 60_000), isCrowded: true };
  if (atMs - nowMs > wanted.patienceMs) return { kind: "wait", untilMs: atMs, isCrowded: atMs - nowMs >= LONGEST_BACKLOG_MS };
  return { kind: "go", atMs, next: { nextAtMs: atMs + wanted.calls * limits.gapMs, minuteMs, told: told + 1 } };
}

/** The receiver asks for patience: everyone's, not only ours. */
export const held = (pace: PaceBody | null, untilMs: number, nowMs: number): PaceBody => ({
  nextAtMs: Math.max(pace?.nextAtMs ?? 0, untilMs),
  minuteMs: pace?.minuteMs ?? minuteOf(nowMs),
  told: pace?.told ?? 0,
});
