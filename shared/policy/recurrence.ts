import { ACTION_FACTS, actionKey, byOrder, fits } from "#shared/domain/action.ts";
import type { Decision } from "#shared/domain/decision.ts";
import type { PolicyAction, Recurrence } from "#shared/domain/policy.ts";
import type { Workload } from "#shared/domain/workload.ts";
import { decided } from "#shared/policy/decide.ts";
import { type Modes, modesOf, strictest } from "#shared/policy/modes.ts";

/** What was done to the targets of one owner for one policy rule. Times in ms since the epoch. */
export interface RecurrenceState {
  /** When a target was stopped. */
  readonly stopsMs: readonly number[];
  /** Steps taken up the ladder, and the target that made each. */
  readonly climbs: readonly { readonly atMs: number; readonly uid: string }[];
}

/** The same offender goes on offending while people are asked: the next step after this. */
const NEXT_STEP_MS = 5 * 60_000;

export interface Escalation {
  readonly decisions: readonly Decision[];
  /** The climbs as they become; null: no step was taken, the last one stands. What is only observed climbs nowhere. */
  readonly climbs: RecurrenceState["climbs"] | null;
}

/**
 * An owner whose targets were stopped `times` within the window and that offends again: stops become holds, and the ladder's step stands
 * beside them. Null: it has not come to that, or nothing here would stop anybody. Pure.
 */
export function escalate(
  decisions: readonly Decision[],
  { times, windowSeconds, ladder: whole }: Recurrence,
  state: RecurrenceState,
  about: { readonly workload: Workload; readonly rule: string; readonly modes: Modes; readonly nowMs: number },
): Escalation | null {
  const { workload, rule, modes, nowMs } = about;
  // One ladder for all kinds of clusters: steps of another kind are not this target's.
  const ladder = whole.filter((step) => step === null || fits(step.action, workload.kind));
  const sinceMs = nowMs - windowSeconds * 1_000;
  const stops = state.stopsMs.filter((atMs) => atMs > sinceMs).length;
  if (stops < times || !decisions.some(isStop)) return null;
  const taken = state.climbs.filter(({ atMs }) => atMs > sinceMs);
  const last = taken.at(-1);
  const climbs =
    last === undefined || !taken.some(({ uid }) => uid === workload.uid) || nowMs - last.atMs >= NEXT_STEP_MS
      ? [...taken, { atMs: nowMs, uid: workload.uid }].slice(-(ladder.length + 1))
      : null;
  const step = ladder[Math.min(climbs?.length ?? taken.length, ladder.length) - 1] ?? null;
  const because = `stopped ${stops} times within ${Math.round(windowSeconds / 60)} min, and it offends again: its image or configuration lets the attacker back in`;
  const held = decisions.map(
    (decision): Decision => (isStop(decision) ? { kind: "hold", action: decision.action.action, rule: decision.rule, because } : decision),
  );
  const climbed = decisions.some((decision) => decision.kind === "act" && isStop(decision)) ? climbs : null;
  if (step === null) return { decisions: held, climbs: climbed };
  // What a rule allows only with a yes, or not at all, the ladder does not do without.
  const there = decisions.find((decision) => decision.kind !== "hold" && keyOf(decision) === keyOfAction(step));
  const allowed = strictest(modesOf(step.mode), there === undefined ? modesOf() : modesIn(there));
  const next = decided(strictest(modes, allowed), step, rule, because);
  const rest = held.filter((decision) => keyOf(decision) !== keyOfAction(step));
  return { decisions: [...rest, next].sort((a, b) => byOrder(nameOf(a), nameOf(b))), climbs: climbed };
}

/** Also what would be one if somebody did not only observe. */
export const isStop = (decision: Decision): decision is Extract<Decision, { readonly kind: "act" | "would-act" }> =>
  (decision.kind === "act" || (decision.kind === "would-act" && decision.would !== "ask")) && ACTION_FACTS[decision.action.action].stops;

function modesIn(decision: Decision): Modes {
  if (decision.kind === "would-act") return { mode: "observe", enforcing: decision.would === "ask" ? "approve" : "enforce" };
  return modesOf(decision.kind === "await-approval" ? "approve" : "enforce");
}

const nameOf = ({ action }: Decision) => (typeof action === "string" ? action : action.action);
const keyOf = ({ action }: Decision) => (typeof action === "string" ? action : keyOfAction(action));
const keyOfAction = ({ action, params }: PolicyAction) => actionKey(action, params);
