import { actionKey } from "#shared/domain/action.ts";
import type { Decision } from "#shared/domain/decision.ts";
import { workloadName } from "#shared/domain/workload.ts";
import { iso } from "#shared/ledger/items.ts";
import { muteId } from "#shared/ledger/keys.ts";
import { isActive, type Mute } from "#shared/ledger/mute.ts";
import type { Verdict } from "#shared/pipeline/respond/verdict.ts";

/** One policy rule that is muted for this target. `quiet`: people are not told either. */
interface Silenced {
  readonly because: string;
  readonly quiet: boolean;
}

/**
 * The policy rules of a verdict that people have muted for its owner or workload. A mute that cannot be read holds what it names by its key
 * and keeps nobody from being told: doubt is a hold of the action, and never silence. What is told for itself (a forged line, a torn one) is
 * never muted, and neither is what no cluster stands behind.
 */
export function silencedRules(verdict: Verdict, mutes: readonly Mute[], nowMs: number): ReadonlyMap<string, Silenced> {
  const { cluster, tell } = verdict.entry;
  const silenced = new Map<string, Silenced>();
  if (cluster === null || tell !== null || mutes.length === 0) return silenced;
  for (const rule of verdict.rules) {
    const ids = namesOf(verdict).map((who) => muteId(cluster, rule, who));
    for (const one of mutes.filter(({ id }) => ids.includes(id))) {
      if (one.kind === "unreadable") {
        if (!silenced.has(rule))
          silenced.set(rule, { because: `a mute of it (${one.id}) cannot be read: in doubt nothing is done`, quiet: false });
        continue;
      }
      const { mute } = one;
      if (isActive(mute, nowMs))
        silenced.set(rule, { because: `muted by ${mute.by} until ${iso(mute.untilMs)}: ${mute.reason}`, quiet: true });
    }
  }
  return silenced;
}

const namesOf = ({ who, resolution }: Verdict): readonly string[] =>
  resolution === null || resolution.kind === "unverified"
    ? [who]
    : [...new Set([who, resolution.workload.uid, workloadName(resolution.workload)])];

/** What is left when some rules are muted: `rest` is the verdict of the others alone; null: all are. */
export function muted(whole: Verdict, rest: Verdict | null, silenced: ReadonlyMap<string, Silenced>): Verdict {
  if (silenced.size === 0) return whole;
  const kept = new Set((rest?.decisions ?? []).map(keyOf));
  const why = [...silenced.values()];
  const held = whole.decisions
    .filter((decision) => !kept.has(keyOf(decision)))
    .map((decision): Decision => hold(decision, silenced.get(decision.rule) ?? why[0]));
  const isQuiet = why.every(({ quiet }) => quiet);
  return {
    ...whole,
    decisions: [...(rest?.decisions ?? []), ...held],
    channels: isQuiet ? (rest?.channels ?? []) : whole.channels,
    climbs: rest?.climbs ?? null,
  };
}

/** What was held anyway keeps its reason: it says more. */
const hold = (decision: Decision, silenced: Silenced | undefined): Decision =>
  decision.kind === "hold"
    ? decision
    : { kind: "hold", action: decision.action.action, rule: decision.rule, because: silenced?.because ?? "it is muted" };

const keyOf = (decision: Decision): string =>
  decision.kind === "hold" ? decision.action : actionKey(decision.action.action, decision.action.params);
