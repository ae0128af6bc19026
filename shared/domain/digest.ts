import type { DecisionKind } from "#shared/domain/decision.ts";
import type { Outcome } from "#shared/domain/receipt.ts";

/** A message in short, as it was when it was owed: what a digest says of it, and whether it may be in one. */
// An alias, because an interface is no JSON to the compiler.
export type Gist = {
  /** decision: what was decided. outcome: what became of an action. */
  readonly kind: DecisionKind | "tell" | Outcome;
  readonly rule: string | null;
  readonly cluster: string | null;
  /** Outcome: of which action. */
  readonly action: string | null;
  /** A person must look or answer: never folded away. */
  readonly urgent: boolean;
};

/** Many messages to one channel, told as one. Every count is of messages that this digest stands for, no more and no less. */
export interface Digest {
  readonly messages: number;
  /** Ids of the incidents, up to MOST_INCIDENTS; `isMore`: there are others. */
  readonly incidents: readonly string[];
  readonly isMore: boolean;
  /** When the first and the last of these messages was owed, ms since the epoch. */
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly groups: readonly Group[];
}

/** Messages alike. `rule`, `cluster` and `action` null, and `isRest`: of every other rule, cluster and action. */
export interface Group extends Omit<Gist, "urgent"> {
  readonly count: number;
  readonly isRest?: boolean;
}

/** An item holds this many ids easily; beyond, there are "more than" so many. */
export const MOST_INCIDENTS = 1_000;
/** An attacker may use many rules and clusters at once; what is beyond is counted by its kind alone. */
const MOST_GROUPS = 100;

/** One more message in the digest. */
export function counted(digest: Digest | null, gist: Gist, incident: string, owedAtMs: number): Digest {
  const before = digest ?? { messages: 0, incidents: [], isMore: false, sinceMs: owedAtMs, untilMs: owedAtMs, groups: [] };
  const isKnown = before.incidents.includes(incident);
  const isFull = before.incidents.length >= MOST_INCIDENTS;
  return {
    messages: before.messages + 1,
    incidents: isKnown || isFull ? before.incidents : [...before.incidents, incident],
    isMore: before.isMore || (!isKnown && isFull),
    sinceMs: Math.min(before.sinceMs, owedAtMs),
    untilMs: Math.max(before.untilMs, owedAtMs),
    groups: grouped(before.groups, gist),
  };
}

function grouped(groups: readonly Group[], { kind, rule, cluster, action }: Gist): readonly Group[] {
  const at = groups.findIndex(
    (one) => one.isRest !== true && one.kind === kind && one.rule === rule && one.cluster === cluster && one.action === action,
  );
  if (at >= 0) return oneMore(groups, at);
  if (groups.filter(({ isRest }) => isRest !== true).length < MOST_GROUPS) return [...groups, { kind, rule, cluster, action, count: 1 }];
  const rest = groups.findIndex((one) => one.isRest === true && one.kind === kind);
  return rest >= 0 ? oneMore(groups, rest) : [...groups, { kind, rule: null, cluster: null, action: null, count: 1, isRest: true }];
}

const oneMore = (groups: readonly Group[], at: number): readonly Group[] =>
  groups.map((group, position) => (position === at ? { ...group, count: group.count + 1 } : group));
