import type { Alert } from "#shared/domain/alert.ts";
import type { Policy } from "#shared/domain/policy.ts";
import { loadPolicy, policyText } from "#shared/policy/load.ts";
import { matchAlert } from "#shared/policy/match.ts";
import { alertsOfBench, policyOfSize } from "./policies.ts";
import type { BenchRow } from "./row.ts";

const ROUNDS = 41;
/** Times over the alerts in one round, so that a round takes milliseconds. */
const PASSES = 80;

/**
 * Matching time of 10,000 rules over that of 10, the first ten being the same; interleaved rounds, the best of each. Matching remembers what follows
 * from (rule, priority, source, tags): the ratio is of alerts whose four have been seen. What the first of each costs stands beside it.
 */
export function rulesBench(): Promise<readonly BenchRow[]> {
  const alerts = alertsOfBench(600);
  const [few, many] = [policyText(policyOfSize(10)), policyText(policyOfSize(10_000))];
  const [small, large] = [loadPolicy(few), loadPolicy(many)];
  const matched = (policy: Policy): number => alerts.reduce((sum, alert) => sum + matchAlert(policy, alert).length, 0);
  const [fewMatched, manyMatched] = [matched(small), matched(large)];
  if (fewMatched === 0 || manyMatched < fewMatched) throw new Error("the benchmark's rules do not match its alerts");

  const seen = { few: [] as number[], many: [] as number[] };
  const first = { few: [] as number[], many: [] as number[] };
  const load = { few: [] as number[], many: [] as number[] };
  const distinct = [...new Map(alerts.map((alert) => [`${alert.rule} ${alert.tags[2]}`, alert])).values()];
  for (let round = 0; round < ROUNDS; round++) {
    // Turn about: whatever the second of two gains or loses by its place, both have.
    for (const size of round % 2 === 0 ? (["few", "many"] as const) : (["many", "few"] as const)) {
      const policy = size === "few" ? small : large;
      seen[size].push(timeUs(() => match(policy, alerts, PASSES)) / alerts.length / PASSES);
    }
    for (const [json, size] of [[few, "few"] as const, [many, "many"] as const]) {
      let policy: Policy | undefined;
      load[size].push(timeUs(() => (policy = loadPolicy(json))));
      const fresh = policy;
      if (fresh === undefined) throw new Error("nothing was loaded");
      first[size].push(timeUs(() => match(fresh, distinct, 1)) / distinct.length);
    }
  }
  const [seenFew, seenMany] = [best(seen.few), best(seen.many)];
  const [firstFew, firstMany] = [best(first.few), best(first.many)];
  return Promise.resolve([
    {
      name: "rules_10000_vs_10",
      value: seenMany / seenFew,
      unit: "x time per alert",
      compared: `seen (rule, priority, source, tags): ${(seenMany * 1e3).toFixed(0)} ns with 10,000 rules, ${(seenFew * 1e3).toFixed(0)} ns with 10`,
    },
    {
      name: "rules_10000_first_seen",
      value: firstMany,
      unit: "us per new kind of alert",
      compared: `${firstFew.toFixed(1)} us with 10 rules; ${distinct.length} kinds, compiling the patterns included`,
    },
    {
      name: "rules_10000_load",
      value: best(load.many) / 1e3,
      unit: "ms",
      compared: `${(best(load.few) / 1e3).toFixed(3)} ms with 10 rules`,
    },
  ]);
}

function match(policy: Policy, alerts: readonly Alert[], passes: number): void {
  for (let pass = 0; pass < passes; pass++) {
    for (const alert of alerts) matchAlert(policy, alert);
  }
}

function timeUs(work: () => void): number {
  const start = performance.now();
  work();
  return (performance.now() - start) * 1e3;
}

/** Of many rounds the least disturbed: what else runs on the machine only ever adds. */
const best = (values: readonly number[]): number => Math.min(...values);
