import { type Mode, type Policy, type PolicyRule, stricter } from "#shared/domain/policy.ts";
import type { ClusterFacts } from "#shared/policy/match-workload.ts";

/** What may be done, and what might be if nobody only observed: `observe` tells that. */
export interface Modes {
  readonly mode: Mode;
  /** As `mode`, with every `observe` taken for `enforce`: whether a person would be asked. */
  readonly enforcing: Exclude<Mode, "observe">;
}

/** The strictest of these levels counts, whatever their order: narrowing only. An absent level narrows nothing. */
export function modesOf(...levels: readonly (Mode | undefined)[]): Modes {
  const given = levels.filter((level) => level !== undefined);
  return { mode: given.reduce(stricter, "enforce"), enforcing: given.includes("approve") ? "approve" : "enforce" };
}

export const strictest = (a: Modes, b: Modes): Modes => ({
  mode: stricter(a.mode, b.mode),
  enforcing: a.enforcing === "approve" || b.enforcing === "approve" ? "approve" : "enforce",
});

/** What stands now above an action that was decided before: fleet, cluster, and the rule if the policy still has it. */
export const modeNow = (policy: Pick<Policy, "mode" | "rules">, cluster: Pick<ClusterFacts, "mode"> | null, rule: string | null): Mode =>
  modesOf(policy.mode, cluster?.mode, ruleNamed(policy, rule)?.mode).mode;

const ruleNamed = ({ rules }: Pick<Policy, "rules">, rule: string | null): PolicyRule | undefined =>
  rule === null ? undefined : rules.find(({ name }) => name === rule);
