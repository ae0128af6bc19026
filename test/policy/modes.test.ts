import fc from "fast-check";
import { expect, test } from "vitest";
import { actionKey } from "#shared/domain/action.ts";
import type { Decision } from "#shared/domain/decision.ts";
import { MODES, type Mode } from "#shared/domain/policy.ts";
import type { Resolution, Workload } from "#shared/domain/workload.ts";
import { type DecideInput, decide } from "#shared/policy/decide.ts";
import { modeNow, modesOf } from "#shared/policy/modes.ts";
import { escalate } from "#shared/policy/recurrence.ts";
import { actionOf, alertOf, entryOf, NOW, policyOf, ruleOf, shop, taskOf } from "./samples.ts";

const found = (workload: Workload): Resolution => ({ kind: "found", workload, how: "by its label" });
const stop = actionOf("ecs:stop-task");

/** One action under four levels. */
const under = (fleet: Mode, cluster: Mode | undefined, rule: Mode, action: Mode): DecideInput => ({
  entry: entryOf(),
  policy: policyOf([ruleOf({}, { actions: [{ ...stop, mode: action }], mode: rule })], { mode: fleet }),
  rules: [0],
  cluster: cluster === undefined ? shop : { ...shop, mode: cluster },
  resolution: found(taskOf()),
  nowMs: NOW,
});

const KIND = { enforce: "act", approve: "await-approval", observe: "would-act" } as const;

test.each<[string, DecideInput, Mode]>([
  ["all enforce", under("enforce", "enforce", "enforce", "enforce"), "enforce"],
  ["a cluster that says nothing", under("enforce", undefined, "enforce", "enforce"), "enforce"],
  ["the cluster observes", under("enforce", "observe", "enforce", "enforce"), "observe"],
  ["the cluster asks", under("enforce", "approve", "enforce", "enforce"), "approve"],
  ["a cluster that enforces widens nothing", under("observe", "enforce", "enforce", "enforce"), "observe"],
  ["the rule asks, the cluster observes", under("enforce", "observe", "approve", "enforce"), "observe"],
  ["the action asks, the cluster enforces", under("enforce", "enforce", "enforce", "approve"), "approve"],
])("the strictest of fleet, cluster, rule and action counts: %s", (_title, input, mode) => {
  expect(decide(input)).toMatchObject([{ kind: KIND[mode], action: { action: "ecs:stop-task", mode } }]);
});

test("what is observed says whether enforcing would ask a person: the twins differ in the rule's mode", () => {
  expect(decide(under("observe", undefined, "enforce", "enforce"))[0]).not.toHaveProperty("would");
  expect(decide(under("observe", undefined, "approve", "enforce"))[0]).toMatchObject({
    would: "ask",
    because: expect.stringContaining("it would ask a person first"),
  });
});

test("the mode that stands now above a decision is that of fleet, cluster and rule; a rule that is gone narrows nothing", () => {
  const policy = policyOf([ruleOf({}, { mode: "approve" })]);
  expect(modeNow(policy, shop, "the rule")).toBe("approve");
  expect(modeNow(policy, shop, "another")).toBe("enforce");
  expect(modeNow(policy, { ...shop, mode: "observe" }, "another")).toBe("observe");
  expect(modeNow(policy, null, null)).toBe("enforce");
});

const mode = fc.constantFrom(...MODES);
const someAction = fc.constantFrom(
  "ecs:stop-task",
  "ecs:tag-task",
  "ecs:scale-service-to-zero",
  "kubernetes:terminate",
  "kubernetes:delete",
);
const someRule = fc.record({
  mode,
  actions: fc.uniqueArray(fc.record({ action: someAction, mode }), { maxLength: 4, selector: ({ action }) => action }),
});
const input = fc.record({
  fleet: mode,
  cluster: fc.option(mode, { nil: undefined }),
  rules: fc.array(someRule, { minLength: 1, maxLength: 4 }),
  late: fc.boolean(),
  service: fc.constantFrom("web", "falco"),
  stops: fc.integer({ min: 0, max: 4 }),
});
type Input = typeof input extends fc.Arbitrary<infer T> ? T : never;

const lifted = (one: Mode): Mode => (one === "observe" ? "enforce" : one);

function decisionsOf({ fleet, cluster, rules, late, service, stops }: Input, lift: (mode: Mode) => Mode): readonly Decision[] {
  const compiled = rules.map(({ mode: ofRule, actions }, at) =>
    ruleOf({}, { name: `r${at}`, mode: lift(ofRule), actions: actions.map((one) => actionOf(one.action, { mode: lift(one.mode) })) }),
  );
  const policy = policyOf(compiled, { mode: lift(fleet) });
  const facts = cluster === undefined ? shop : { ...shop, mode: lift(cluster) };
  const workload = taskOf({ service });
  const decisions = decide({
    entry: entryOf({ alert: alertOf({ timeMs: late ? NOW - 900_001 : NOW }) }),
    policy: { ...policy, protect: { ...policy.protect, services: ["falco"] } },
    rules: compiled.map((_, at) => at),
    cluster: facts,
    resolution: found(workload),
    nowMs: NOW,
  });
  const ladder = [null, actionOf("ecs:scale-service-to-zero", { mode: "approve" })];
  const about = { workload, rule: "r0", modes: modesOf(policy.mode, facts.mode, compiled[0]?.mode), nowMs: NOW };
  const state = { stopsMs: Array.from({ length: stops }, () => NOW - 1_000), climbs: [{ atMs: NOW - 1_000, uid: "another" }] };
  return escalate(decisions, { times: 3, windowSeconds: 600, ladder }, state, about)?.decisions ?? decisions;
}

const meant = (decision: Decision): string => {
  if (decision.kind === "hold") return `hold ${decision.action}: ${decision.because}`;
  const what = decision.kind === "await-approval" || (decision.kind === "would-act" && decision.would === "ask") ? "ask" : "act";
  return `${what} ${actionKey(decision.action.action, decision.action.params)}`;
};

test("observe names exactly the targets and actions of enforce: acted on, asked about and held for the same reason (property)", () => {
  let observed = 0;
  fc.assert(
    fc.property(input, (given) => {
      const really = decisionsOf(given, (one) => one);
      observed += really.filter(({ kind }) => kind === "would-act").length;
      const enforced = decisionsOf(given, lifted);
      expect(enforced.some(({ kind }) => kind === "would-act")).toBe(false);
      // What mixes observed and enforced stops of one target is held by what enforce would have stopped, in both.
      expect(really.map(meant).sort()).toEqual(enforced.map(meant).sort());
    }),
    { numRuns: 2_000 },
  );
  expect(observed).toBeGreaterThan(500);
});
