import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MODES, type Protect } from "#shared/domain/policy.ts";
import type { Resolution, Workload } from "#shared/domain/workload.ts";
import { type DecideInput, decide, matchingRules } from "#shared/policy/decide.ts";
import { actionOf, alertOf, entryOf, kube, NOW, podOf, policyOf, ruleOf, shop, taskOf } from "./samples.ts";

const stop = actionOf("ecs:stop-task");
const terminate = actionOf("kubernetes:terminate");
const found = (workload: Workload): Resolution => ({ kind: "found", workload, how: "by its label" });

/** The twin that acts: every refusing case differs from it in one fact. */
const acting = (over: Partial<DecideInput> = {}): DecideInput => ({
  entry: entryOf(),
  policy: policyOf([ruleOf({}, { actions: [stop, terminate] })]),
  rules: [0],
  cluster: shop,
  resolution: found(taskOf()),
  nowMs: NOW,
  ...over,
});
const actingOnPod = (over: Partial<DecideInput> = {}): DecideInput =>
  acting({ entry: entryOf({ cluster: "kube" }), cluster: kube, resolution: found(podOf()), ...over });
const withEntry = (over: Parameters<typeof entryOf>[0]): DecideInput => acting({ entry: entryOf(over) });
const withAlert = (over: Parameters<typeof alertOf>[0]): DecideInput => withEntry({ alert: alertOf(over) });
const protecting = (protect: Partial<Protect>): DecideInput["policy"] => {
  const policy = acting().policy;
  return { ...policy, protect: { ...policy.protect, ...protect } };
};
const sensor = { taskArn: null, ecsCluster: null, ec2InstanceId: null, pod: null };
const verified = entryOf().accuser;

test("a verified accuser, a verified target and a fresh alert act, with the action that fits", () => {
  expect(decide(acting())).toEqual([{ kind: "act", action: stop, rule: "the rule", because: 'rule "the rule", mode enforce' }]);
  expect(decide(actingOnPod())).toEqual([{ kind: "act", action: terminate, rule: "the rule", because: 'rule "the rule", mode enforce' }]);
});

describe("any doubt is a hold", () => {
  test.each<[string, DecideInput, string]>([
    [
      "the accuser is not verified",
      withEntry({ accuser: { ...verified, verified: false, because: "an unregistered stream" } }),
      "unregistered stream",
    ],
    ["the entry is only told", withEntry({ tell: "possible evasion: an orphan fragment" }), "possible evasion"],
    ["no cluster is known", acting({ cluster: null }), "no registered cluster"],
    ["no registry entry binds the line", withEntry({ cluster: null }), "no registered cluster"],
    ["the registry's entry is another", acting({ cluster: { ...shop, name: "other" } }), "no registered cluster"],
    ["Falco speaks of itself", withAlert({ internal: true }), "speaks of itself"],
    ["the process is on the host", withAlert({ onHost: true }), "on the host"],
    ["no container is named", withAlert({ containerId: null }), "no container id"],
    ["the alert has no time", withAlert({ time: null, timeMs: null }), "no time"],
    ["the time cannot be read", withAlert({ timeMs: Number.NaN }), "no time"],
    ["the alert is a moment too old", withAlert({ timeMs: NOW - 900_001 }), "s old, more than 900 s"],
    ["the alert is from the future", withAlert({ timeMs: NOW + 120_001 }), "in the future"],
    ["nobody looked for the target", acting({ resolution: null }), "not looked for"],
    ["the target is not verified", acting({ resolution: { kind: "unverified", because: "two pods match" } }), "two pods match"],
    [
      "the target is stopping already",
      acting({ resolution: { kind: "gone", workload: taskOf(), because: "STOPPED" } }),
      "already stopping",
    ],
    ["the target is of another cluster", acting({ resolution: found(taskOf({ cluster: "other" })) }), "another cluster"],
    ["the target is Falco's own task", withEntry({ sensor: { ...sensor, taskArn: taskOf().taskArn } }), "Falco's own task"],
    ["the cluster is protected", acting({ policy: protecting({ clusters: ["sh*"] }) }), "cluster shop is protected"],
    ["the service is protected", acting({ policy: protecting({ services: ["web"] }) }), "service web is protected"],
    ["the family is protected", acting({ policy: protecting({ families: ["w?b"] }) }), "family web is protected"],
    [
      "the service is protected in another case",
      acting({ policy: protecting({ services: ["Falco-*"] }), resolution: found(taskOf({ service: "fALCO-sensor" })) }),
      "is protected",
    ],
    ["the family is protected in another case", acting({ policy: protecting({ families: ["WEB"] }) }), "family web is protected"],
    [
      "a tag protects it whose key is in another case",
      acting({ policy: protecting({ labels: { Keep: "true" } }), resolution: found(taskOf({ labels: { keep: "true" } })) }),
      "label Keep",
    ],
    [
      "a tag protects it",
      acting({ policy: protecting({ labels: { keep: "true" } }), resolution: found(taskOf({ labels: { keep: "True" } })) }),
      "label keep",
    ],
    [
      "the pod is Falco's own",
      actingOnPod({ entry: entryOf({ cluster: "kube", sensor: { ...sensor, pod: podOf().name } }) }),
      "Falco's own pod",
    ],
    ["the namespace is protected", actingOnPod({ policy: protecting({ namespaces: ["pay*"] }) }), "namespace payments is protected"],
    [
      "the priority class is protected",
      actingOnPod({
        policy: protecting({ priorityClasses: ["system-*"] }),
        resolution: found(podOf({ priorityClass: "system-node-critical" })),
      }),
      "priority class",
    ],
    [
      "an annotation protects it",
      actingOnPod({ policy: protecting({ labels: { keep: "*" } }), resolution: found(podOf({ annotations: { keep: "yes" } })) }),
      "label keep",
    ],
    ["the pod mirrors a static pod", actingOnPod({ resolution: found(podOf({ mirror: true })) }), "static pod"],
    ["no action of the rule fits", acting({ policy: policyOf([ruleOf({}, { actions: [terminate] })]) }), "does not fit a task"],
  ])("%s", (_title, input, because) => {
    const decisions = decide(input);
    expect(decisions.length).toBeGreaterThan(0);
    for (const decision of decisions) {
      expect(decision.kind).toBe("hold");
      expect(decision.because).toContain(because);
    }
  });

  test.each<[string, DecideInput]>([
    ["the alert is as old as it may be", withAlert({ timeMs: NOW - 900_000 })],
    ["the alert is a little ahead of our clock", withAlert({ timeMs: NOW + 120_000 })],
    ["Falco's task is another", withEntry({ sensor: { ...sensor, taskArn: `${taskOf().taskArn}0` } })],
    ["another service is protected", acting({ policy: protecting({ services: ["webby"], families: ["w"], clusters: ["shops"] }) })],
    [
      "the protecting tag says no",
      acting({ policy: protecting({ labels: { keep: "true" } }), resolution: found(taskOf({ labels: { keep: "false" } })) }),
    ],
  ])("and its twin acts: %s", (_title, input) => {
    expect(decide(input).map(({ kind }) => kind)).toEqual(["act"]);
  });

  test("one guard's hold stops every action, in every mode", () => {
    for (const mode of MODES) {
      const policy = policyOf([ruleOf({}, { actions: [stop], mode })], { mode });
      expect(decide(acting({ policy, resolution: null }))[0]?.kind).toBe("hold");
    }
  });
});

describe("modes, evidence and parameters of several rules", () => {
  test.each(MODES.flatMap((policy) => MODES.flatMap((rule) => MODES.map((action) => [policy, rule, action] as const))))(
    "policy %s, rule %s, action %s: the strictest wins",
    (policyMode, rule, action) => {
      const policy = policyOf([ruleOf({}, { actions: [actionOf("ecs:stop-task", { mode: action })], mode: rule })], { mode: policyMode });
      const modes = [policyMode, rule, action];
      const wanted = modes.includes("observe") ? "would-act" : modes.includes("approve") ? "await-approval" : "act";
      expect(decide(acting({ policy })).map(({ kind }) => kind)).toEqual([wanted]);
    },
  );

  test("two rules that want one action make one decision: strictest mode, required evidence, guards of both", () => {
    const policy = policyOf([
      ruleOf({}, { name: "first", actions: [actionOf("kubernetes:terminate", { params: { grace_period_seconds: 5 }, evidence: "none" })] }),
      ruleOf(
        {},
        {
          name: "second",
          mode: "approve",
          actions: [
            actionOf("kubernetes:terminate", { params: { grace_period_seconds: 60, ignore_daemonsets: true }, evidence: "required" }),
          ],
        },
      ),
    ]);
    expect(decide(actingOnPod({ policy, rules: [0, 1] }))).toEqual([
      {
        kind: "await-approval",
        rule: "first",
        because: 'rules "first", "second", mode approve',
        action: {
          action: "kubernetes:terminate",
          mode: "approve",
          evidence: "required",
          params: { grace_period_seconds: 5, ignore_daemonsets: true },
        },
      },
    ]);
  });

  test("what any rule lists is on the list, once; of a map the first rule's values count", () => {
    const listing = (name: string, cidrs: readonly string[], labels: Readonly<Record<string, string>>) =>
      ruleOf({}, { name, actions: [actionOf("kubernetes:networkpolicy", { params: { allow_cidr: cidrs, labels } })] });
    const policy = policyOf([
      listing("first", ["192.0.2.1/32", "192.0.2.2/32"], { team: "a" }),
      listing("second", ["192.0.2.2/32", "192.0.2.3/32"], { team: "b", tier: "c" }),
    ]);
    expect(decide(actingOnPod({ policy, rules: [0, 1] }))).toMatchObject([
      { action: { params: { allow_cidr: ["192.0.2.1/32", "192.0.2.2/32", "192.0.2.3/32"], labels: { team: "a", tier: "c" } } } },
    ]);
    expect(decide(actingOnPod({ policy, rules: [0] }))).toMatchObject([
      { action: { params: { allow_cidr: ["192.0.2.1/32", "192.0.2.2/32"], labels: { team: "a" } } } },
    ]);
  });

  test("a rule that only notifies matches and decides nothing", () => {
    const policy = policyOf([ruleOf({})]);
    expect(decide(acting({ policy }))).toEqual([]);
    expect(matchingRules(acting({ policy })).map(({ name }) => name)).toEqual(["the rule"]);
  });
});

describe("workload clauses", () => {
  const wanting = (fact: string, ...values: string[]): DecideInput["policy"] =>
    policyOf([ruleOf({ workload: [{ fact, test: { op: "equals", values } }] }, { actions: [stop, terminate] })]);

  test.each<[string, string]>([
    ["cluster", "shop"],
    ["account", "111122223333"],
    ["region", "eu-central-1"],
    ["kind", "task"],
    ["owner", "Service/web"],
    ["service", "web"],
    ["family", "web"],
    ["image", "registry.example/web:1"],
    ["container", "app"],
    ["label.team", "shop"],
  ])("%s of a task", (fact, value) => {
    expect(decide(acting({ policy: wanting(fact, value) })).map(({ kind }) => kind)).toEqual(["act"]);
    expect(decide(acting({ policy: wanting(fact, "other") }))).toEqual([]);
  });

  test.each<[string, string]>([
    ["namespace", "payments"],
    ["owner", "Deployment/api"],
    ["kind", "pod"],
    ["label.app", "api"],
  ])("%s of a pod", (fact, value) => {
    expect(decide(actingOnPod({ policy: wanting(fact, value) })).map(({ kind }) => kind)).toEqual(["act"]);
    expect(decide(actingOnPod({ policy: wanting(fact, "other") }))).toEqual([]);
  });

  test("a fact that this kind does not have, is unknown or unheard of never matches, not even as absent", () => {
    for (const fact of ["namespace", "nonsense", "image"]) {
      for (const asked of [
        { op: "exists", value: false },
        { op: "not", test: { op: "equals", values: ["kube-system"] }, orAbsent: true },
      ] as const) {
        const policy = policyOf([ruleOf({ workload: [{ fact, test: asked }] }, { actions: [stop] })]);
        const task = taskOf({ container: { name: "app", id: "0123456789ab", image: null } });
        expect(decide(acting({ policy, resolution: found(task) }))).toEqual([]);
      }
    }
  });

  test("a label that is known to be absent can be asked for as absent", () => {
    const policy = policyOf([ruleOf({ workload: [{ fact: "label.keep", test: { op: "exists", value: false } }] }, { actions: [stop] })]);
    expect(decide(acting({ policy })).map(({ kind }) => kind)).toEqual(["act"]);
    expect(decide(acting({ policy, resolution: found(taskOf({ labels: { keep: "1" } })) }))).toEqual([]);
  });

  test("while the target is not verified nobody knows whether they hold: a hold, which is told", () => {
    const input = acting({ policy: wanting("service", "web"), resolution: { kind: "unverified", because: "no such task" } });
    expect(decide(input).map(({ kind }) => kind)).toEqual(["hold"]);
  });
});

const chance = <T>(good: T, ...bad: T[]): fc.Arbitrary<{ readonly value: T; readonly doubt: boolean }> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constant({ value: good, doubt: false }) },
    fc.constantFrom(...bad.map((value) => ({ value, doubt: true }))),
  );

test("decide is total, and acts only when nothing at all is in doubt", () => {
  const input = fc.record({
    verified: chance(true, false),
    tell: chance<string | null>(null, "forged"),
    internal: chance(false, true),
    onHost: chance(false, true),
    containerId: chance<string | null>("0123456789ab", null),
    timeMs: chance<number | null>(NOW - 1_000, null, Number.NaN, Number.POSITIVE_INFINITY, 0, NOW + 1e9),
    cluster: chance<string | null>("shop", null, "kube"),
    resolution: chance<Resolution | null>(
      found(taskOf()),
      null,
      { kind: "unverified", because: "?" },
      { kind: "gone", workload: taskOf(), because: "STOPPED" },
      found(taskOf({ cluster: "other" })),
      found(taskOf({ family: "falco" })),
      found(podOf()),
    ),
    mode: fc.constantFrom(...MODES),
    rules: fc.array(fc.integer({ min: -1, max: 3 }), { maxLength: 4 }),
  });
  let acted = 0;
  fc.assert(
    fc.property(input, (x) => {
      const policy = policyOf(
        [
          ruleOf({}, { actions: [stop] }),
          ruleOf({}),
          ruleOf({ workload: [{ fact: "service", test: { op: "equals", values: ["web"] } }] }, { actions: [stop] }),
        ],
        { mode: x.mode, protect: { ...policyOf([]).protect, families: ["falco"] } },
      );
      const decisions = decide({
        entry: entryOf({
          cluster: x.cluster.value,
          tell: x.tell.value,
          accuser: { ...verified, verified: x.verified.value, because: x.verified.value ? null : "?" },
          alert: alertOf({ internal: x.internal.value, onHost: x.onHost.value, containerId: x.containerId.value, timeMs: x.timeMs.value }),
        }),
        policy,
        rules: x.rules,
        cluster: shop,
        resolution: x.resolution.value,
        nowMs: NOW,
      });
      const doubt = [x.verified, x.tell, x.internal, x.onHost, x.containerId, x.timeMs, x.cluster, x.resolution].some((part) => part.doubt);
      for (const decision of decisions) {
        if (doubt) expect(decision.kind).toBe("hold");
        if (decision.kind === "act") expect(x.mode).toBe("enforce");
        expect(decision.because).not.toBe("");
      }
      if (decisions.some(({ kind }) => kind === "act")) acted++;
    }),
    { numRuns: 2_000 },
  );
  expect(acted).toBeGreaterThan(20);
});
