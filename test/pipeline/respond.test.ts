import { expect, test } from "vitest";
import { AUDIT } from "#shared/domain/alert.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import type { AlertBody, IncidentBody, ReceiptBody } from "#shared/ledger/incident.ts";
import { pack } from "#shared/ledger/items.ts";
import { SWITCH } from "#shared/ledger/keys.ts";
import { respond } from "#shared/pipeline/respond.ts";
import { ROLE_BINDING } from "#shared/playbooks/kubernetes/kinds.ts";
import { podEntry, policyOf, shellRule, taskEntry, World } from "../fakes/world.ts";

const signal = new AbortController().signal;

const send = (world: World, entry: QueueEntry, receiveCount = 1) =>
  respond({ body: JSON.stringify(entry), receiveCount }, world.respondPorts(), signal);

function accused(world: World) {
  const task = world.ecs.run({ family: "web" });
  return { taskArn: task.taskArn, containerId: task.containers[0]?.runtimeId ?? "" };
}

const receipts = (world: World) => world.bodies<ReceiptBody>("receipt").map(({ receipt }) => receipt);
const decisions = (world: World) => world.bodies<AlertBody>("alert").flatMap((alert) => alert.decisions);
const stops = (world: World) => [...world.ecs.stopped.values()].reduce((sum, n) => sum + n, 0);

test("an alert about a verified task stops it, and the receipt says done because the world shows it", async () => {
  const world = new World();
  const target = accused(world);
  const result = await send(world, taskEntry(world, target));
  expect(result).toMatchObject({ kind: "recorded", decisions: ["act"], acted: ["done"], repeated: false });
  expect([...world.ecs.stopped]).toEqual([[target.taskArn, 1]]);
  expect(receipts(world)).toMatchObject([
    { outcome: "done", target: target.taskArn, evidence: { kind: "kept" }, undo: { possible: false } },
  ]);
  expect(world.evidence.size).toBe(1);
  expect(world.table.ofType("note").map(({ phase }) => phase)).toEqual(["decision", "outcome"]);
});

test("an alert about a verified pod deletes it and touches no neighbour", async () => {
  const world = new World();
  const controller = world.kubernetes.deployment("web");
  const [pod, neighbour] = [world.kubernetes.run({ controller }), world.kubernetes.run({ controller })];
  const result = await send(world, podEntry(world, { ...pod, containerId: pod.containers[0]?.id ?? "" }));
  expect(result).toMatchObject({ acted: ["done"] });
  expect([...world.kubernetes.deleted]).toEqual([[pod.uid, 1]]);
  expect(world.kubernetes.deleted.has(neighbour.uid)).toBe(false);
});

test("a slow stop is requested, not done, and no outcome is told yet", async () => {
  const world = new World();
  world.ecs.ticksToStop = 1_000;
  const result = await send(world, taskEntry(world, accused(world)));
  expect(result).toMatchObject({ acted: ["requested"] });
  expect(receipts(world)).toMatchObject([{ outcome: "requested", verifiedAtMs: null }]);
  expect(world.table.ofType("note").map(({ phase }) => phase)).toEqual(["decision"]);
  expect(world.table.ofType("claim")[0]?.due).toBeDefined();
});

test("a repeated delivery of the same alert changes nothing more", async () => {
  const world = new World();
  const entry = taskEntry(world, accused(world));
  await send(world, entry);
  const before = world.table.all();
  const result = await send(world, entry, 2);
  expect(result).toMatchObject({ repeated: true, acted: ["already"] });
  expect(world.table.all()).toEqual(before);
  expect(stops(world)).toBe(1);
});

test("further alerts about a target that was acted on belong to its incident, count, and tell nobody", async () => {
  const world = new World();
  const target = accused(world);
  await send(world, taskEntry(world, target));
  const notes = world.table.ofType("note").length;
  world.ecs.forget(target.taskArn);
  for (let n = 0; n < 5; n++) await send(world, taskEntry(world, target, { count: 3 }));
  expect(stops(world)).toBe(1);
  expect(world.table.ofType("note")).toHaveLength(notes);
  expect(world.bodies<IncidentBody>("incident")).toMatchObject([{ count: 16 }]);
});

test.each([
  ["observe", { mode: "observe" as const }, "would-act"],
  ["approve", { mode: "approve" as const }, "await-approval"],
  ["enforce", {}, "act"],
])("in mode %s the decision is recorded as such", async (_mode, more, kind) => {
  const world = new World(policyOf([shellRule], more));
  await send(world, taskEntry(world, accused(world)));
  expect(decisions(world).map((decision) => decision.kind)).toEqual([kind]);
  expect(stops(world)).toBe(kind === "act" ? 1 : 0);
  expect(world.table.ofType("note").length).toBeGreaterThan(0);
});

/** Each differs in one fact from the entry that acts in the first test. */
const REFUSED: readonly (readonly [string, (world: World, entry: QueueEntry) => QueueEntry])[] = [
  ["an accuser that is not verified", (_world, entry) => ({ ...entry, accuser: { ...entry.accuser, verified: false, because: "static" } })],
  ["a line that is only told", (_world, entry) => ({ ...entry, tell: "line from an unregistered stream" })],
  ["a cluster nobody registered", (_world, entry) => ({ ...entry, cluster: "elsewhere" })],
  ["a stale alert", (_world, entry) => ({ ...entry, alert: { ...entry.alert, timeMs: (entry.alert.timeMs ?? 0) - 900_000 } })],
  ["an alert from the future", (_world, entry) => ({ ...entry, alert: { ...entry.alert, timeMs: (entry.alert.timeMs ?? 0) + 900_000 } })],
  ["an alert without time", (_world, entry) => ({ ...entry, alert: { ...entry.alert, timeMs: null } })],
  ["Falco speaking of itself", (_world, entry) => ({ ...entry, alert: { ...entry.alert, internal: true } })],
  ["a process on the host", (_world, entry) => ({ ...entry, alert: { ...entry.alert, onHost: true } })],
  ["no container id", (_world, entry) => ({ ...entry, alert: { ...entry.alert, containerId: null } })],
  [
    "a label that names another task than the container's",
    (world, entry) => ({
      ...entry,
      alert: { ...entry.alert, fields: { "container.label[com.amazonaws.ecs.task-arn]": world.ecs.run({ family: "innocent" }).taskArn } },
    }),
  ],
];

test.each(REFUSED)("%s is held with its reason, told, and touches nothing", async (_title, change) => {
  const world = new World();
  const result = await send(world, change(world, taskEntry(world, accused(world))));
  expect(result).toMatchObject({ kind: "recorded", acted: [] });
  expect(new Set(decisions(world).map((decision) => decision.kind))).toEqual(new Set(["hold"]));
  expect(decisions(world).every(({ because }) => because.length > 5)).toBe(true);
  expect(stops(world)).toBe(0);
  expect(world.table.ofType("note")).toHaveLength(1);
  expect(world.table.ofType("claim")).toHaveLength(0);
});

test("the twin of all of these, unchanged, acts", async () => {
  const world = new World();
  await send(world, taskEntry(world, accused(world)));
  expect(stops(world)).toBe(1);
});

test("a message that can never be read goes to the dead letters with its reason and is not retried", async () => {
  const world = new World();
  const good = taskEntry(world, accused(world));
  for (const body of ["no json", "{}", JSON.stringify({ ...good, schema: "falco-responder/queue-entry/99" })])
    expect(await respond({ body, receiveCount: 1 }, world.respondPorts(), signal)).toMatchObject({ kind: "hopeless" });
  expect(world.dead.map(({ because }) => because.length > 0)).toEqual([true, true, true]);
});

test("a control plane that cannot be asked: retried at first, then held and told", async () => {
  const world = new World();
  const entry = taskEntry(world, accused(world));
  const fail = () => world.ecs.fail("describe", new PipelineError("aws_throttled", "slow down"));
  fail();
  await expect(send(world, entry, 1)).rejects.toMatchObject({ code: "aws_throttled" });
  expect(world.table.all()).toEqual([]);
  fail();
  expect(await send(world, entry, 5)).toMatchObject({ decisions: ["hold"] });
  expect(world.table.ofType("note")).toHaveLength(1);
});

test("a target that the control plane does not report yet: the message comes again and acts, and is held only when patience ends", async () => {
  const unreported = (world: World) => {
    const task = world.ecs.run({ family: "web" });
    world.ecs.change(task.taskArn, { containers: task.containers.map((container) => ({ ...container, runtimeId: null })) });
    return { task, entry: taskEntry(world, { taskArn: task.taskArn, containerId: task.containers[0]?.runtimeId ?? "" }) };
  };
  const late = new World();
  const { task, entry } = unreported(late);
  await expect(send(late, entry)).rejects.toMatchObject({ code: "timed_out", retryable: true });
  expect(late.table.all()).toEqual([]);
  late.ecs.change(task.taskArn, { containers: task.containers });
  expect(await send(late, entry, 2)).toMatchObject({ acted: ["done"] });

  for (const [receiveCount, laterMs] of [
    [5, 0],
    [2, 120_000],
  ] as const) {
    const never = new World();
    const lost = unreported(never).entry;
    never.later(laterMs);
    expect(await send(never, lost, receiveCount)).toMatchObject({ decisions: ["hold"] });
    expect(never.table.ofType("note")).toHaveLength(1);
  }
});

test("rights that are missing are no matter of patience: held at once", async () => {
  const world = new World();
  world.ecs.fail("describe", new PipelineError("aws_denied", "no"));
  expect(await send(world, taskEntry(world, accused(world)))).toMatchObject({ decisions: ["hold"] });
});

test.each([
  ["paused", { paused: true }, 0],
  ["there without a readable answer", {}, 0],
  ["off", { paused: false }, 1],
])("a kill switch that is %s", async (_title, content, acts) => {
  const world = new World();
  world.table.seed({ ...pack(SWITCH, "budget", 1, 0, {}), type: "switch", ...content });
  await send(world, taskEntry(world, accused(world)));
  expect(stops(world)).toBe(acts);
  expect(receipts(world)).toMatchObject([{ outcome: acts === 1 ? "done" : "refused" }]);
});

test("a switch that cannot be read stops everything", async () => {
  const world = new World();
  const entry = taskEntry(world, accused(world));
  world.table.meanwhile = (writes) => {
    if (writes.some(({ op }) => op === "check")) throw new PipelineError("aws_unreachable", "no ledger");
  };
  await expect(send(world, entry)).rejects.toMatchObject({ code: "aws_unreachable" });
  expect(stops(world)).toBe(0);
});

test("a spent budget holds and tells, and a later alert acts when the window has moved on", async () => {
  const world = new World(policyOf([shellRule], { budgets: { windowSeconds: 600, cluster: 100, fleet: 200, owner: 1 } }));
  const instance = world.ecs.instance("i-1");
  const [one, two] = world.ecs.service("web", { family: "web", instance, tags: {}, desired: 2 });
  const ask = (task: typeof one) =>
    send(world, taskEntry(world, { taskArn: task?.taskArn ?? "", containerId: task?.containers[0]?.runtimeId ?? "" }));
  expect(await ask(one)).toMatchObject({ acted: ["done"] });
  expect(await ask(two)).toMatchObject({ acted: ["held"] });
  expect(stops(world)).toBe(1);
  expect(receipts(world).find(({ target }) => target === two?.taskArn)?.because).toContain("budget");
  world.later(601_000);
  expect(await ask(two)).toMatchObject({ acted: ["done"] });
  expect(receipts(world).find(({ target }) => target === two?.taskArn)).toMatchObject({ outcome: "done" });
});

test.each([
  ["required", 0],
  ["best-effort", 1],
] as const)("evidence that is %s and cannot be kept", async (evidence, acts) => {
  const world = new World(policyOf([{ ...shellRule, actions: shellRule.actions.map((action) => ({ ...action, evidence })) }]));
  world.evidenceBroken = true;
  await send(world, taskEntry(world, accused(world)));
  expect(stops(world)).toBe(acts);
  expect(receipts(world)).toMatchObject([{ evidence: { kind: "failed" }, outcome: acts === 1 ? "done" : "refused" }]);
});

test("a stop that is refused for lack of rights has certainly failed, and says so", async () => {
  const world = new World();
  world.ecs.fail("stop", new PipelineError("aws_denied", "no ecs:StopTask"));
  expect(await send(world, taskEntry(world, accused(world)))).toMatchObject({ acted: ["failed"] });
  expect(receipts(world)[0]?.because).toContain("aws_denied");
});

test("a stop that failed is tried again by a later alert, not by a repeated one, and its success is told", async () => {
  const world = new World();
  const target = accused(world);
  const entry = taskEntry(world, target);
  world.ecs.fail("stop", new PipelineError("aws_denied", "the session has expired"));
  expect(await send(world, entry)).toMatchObject({ acted: ["failed"] });
  expect(await send(world, entry, 2)).toMatchObject({ acted: ["already"] });
  expect(stops(world)).toBe(0);
  expect(await send(world, taskEntry(world, target))).toMatchObject({ acted: ["done"] });
  expect(receipts(world)).toMatchObject([{ outcome: "done" }]);
  expect(world.bodies("claim")).toMatchObject([{ state: "done", fence: 2 }]);
  expect(world.table.ofType("note").filter(({ phase }) => phase === "outcome")).toHaveLength(2);
  expect(stops(world)).toBe(1);
});

test("a stop that keeps failing is not told each time", async () => {
  const world = new World();
  const target = accused(world);
  for (let n = 0; n < 5; n++) {
    world.ecs.fail("stop", new PipelineError("aws_denied", "no ecs:StopTask"));
    expect(await send(world, taskEntry(world, target))).toMatchObject({ acted: ["failed"] });
  }
  expect(world.table.ofType("note").filter(({ phase }) => phase === "outcome")).toHaveLength(2);
});

test("a claim that failed in another incident does not spare the target", async () => {
  const other = { ...shellRule, name: "other", match: { rule: ["Read sensitive file"] } };
  const world = new World(policyOf([shellRule, other]));
  const target = accused(world);
  world.ecs.fail("stop", new PipelineError("aws_denied", "the session has expired"));
  await send(world, taskEntry(world, target));
  const second = taskEntry(world, target, { rules: ["other"], about: { rule: "Read sensitive file" } });
  expect(await send(world, second)).toMatchObject({ acted: ["done"] });
  expect(stops(world)).toBe(1);
});

test("a throttled stop comes again at once, looks at the world first and acts once", async () => {
  const world = new World();
  const entry = taskEntry(world, accused(world));
  world.ecs.fail("stop", new PipelineError("aws_throttled", "slow down"));
  await expect(send(world, entry)).rejects.toMatchObject({ code: "aws_throttled" });
  expect(await send(world, entry, 2)).toMatchObject({ acted: ["done"] });
  expect(stops(world)).toBe(1);
  expect(world.bodies<{ fence: number }>("claim")).toMatchObject([{ fence: 2 }]);
});

test("an unregistered line is told to every channel although no rule matched", async () => {
  const world = new World(policyOf([]));
  const entry = { ...taskEntry(world, accused(world)), cluster: null, rules: [], tell: "line from an unregistered stream" };
  expect(await send(world, entry)).toMatchObject({ kind: "recorded", decisions: [] });
  expect(world.table.ofType("note")).toHaveLength(1);
});

test("made-up lines about many containers are one incident and one message", async () => {
  const world = new World();
  for (let n = 0; n < 20; n++) {
    const containerId = n.toString(16).padStart(12, "0");
    const entry = { ...taskEntry(world, { ...accused(world), containerId }), cluster: null, tell: "line from an unregistered stream" };
    await send(world, { ...entry, accuser: { ...entry.accuser, verified: false, because: "unregistered", logStream: `forged/${n}` } });
  }
  expect(world.bodies<IncidentBody>("incident")).toMatchObject([{ count: 20 }]);
  expect(world.table.ofType("note")).toHaveLength(1);
});

test("a policy that changed since ingest is matched again, also for a cut alert whose rules it no longer names", async () => {
  const renamed = { ...shellRule, name: "renamed" };
  for (const wholeAt of [null, "oversized/1"]) {
    const world = new World(policyOf([renamed], { version: "111111111111" }));
    expect(await send(world, { ...taskEntry(world, accused(world)), wholeAt })).toMatchObject({ kind: "recorded" });
  }
  const elsewhere = { ...renamed, match: { ...renamed.match, source: ["k8s_audit"] } };
  const other = new World(policyOf([elsewhere], { version: "111111111111" }));
  expect(await send(other, { ...taskEntry(other, accused(other)), wholeAt: "oversized/1" })).toMatchObject({ kind: "ignored" });
});

test("a decision that is redelivered after enforcing was taken back is held; while the policy enforces it is carried out", async () => {
  for (const [mode, acts] of [
    ["observe", 0],
    ["enforce", 1],
  ] as const) {
    const world = new World();
    const entry = taskEntry(world, accused(world));
    world.table.trouble = { crashAfter: 1 };
    await expect(send(world, entry)).rejects.toThrow();
    world.table.trouble = {};
    const ports = { ...world.respondPorts(), policy: policyOf(undefined, { mode }) };
    await respond({ body: JSON.stringify(entry), receiveCount: 2 }, ports, signal);
    expect(stops(world)).toBe(acts);
  }
});

test("a workload clause that does not hold ignores the alert; its twin acts", async () => {
  for (const [family, acts] of [
    ["web", 1],
    ["other", 0],
  ] as const) {
    const workload = [{ fact: "family", test: { op: "equals", values: [family] } }] as const;
    const world = new World(policyOf([{ ...shellRule, match: { ...shellRule.match, workload } }]));
    await send(world, taskEntry(world, accused(world)));
    expect(stops(world)).toBe(acts);
  }
});

test("two policy rules in two incidents accuse one target at the same time: one action, and both incidents have a receipt", async () => {
  const other = { ...shellRule, name: "other", match: { rule: ["Read sensitive file"] } };
  const world = new World(policyOf([shellRule, other]));
  const target = accused(world);
  const entries = [taskEntry(world, target), taskEntry(world, target, { rules: ["other"], about: { rule: "Read sensitive file" } })];
  world.ecs.ticksByItself = false;
  const results = await Promise.all(entries.map((entry) => send(world, entry)));
  expect(results.map((result) => result.kind)).toEqual(["recorded", "recorded"]);
  expect(stops(world)).toBe(1);
  expect(
    receipts(world)
      .map(({ outcome }) => outcome)
      .sort(),
  ).toEqual(["requested", "skipped"]);
});

const MANIFEST = "kubectl.kubernetes.io/last-applied-configuration";
const HELD = { [MANIFEST]: '{"env":"hunter2"}', "tool.example/state": `hunter2 ${"x".repeat(1_000)}`, team: "shop" };

test("what tools left in annotations is neither stored of a pod nor kept as evidence", async () => {
  const world = new World();
  const pod = world.kubernetes.run({ annotations: HELD });
  await send(world, podEntry(world, { ...pod, containerId: pod.containers[0]?.id ?? "" }));
  const stored = JSON.stringify([world.table.all(), [...world.evidence]]);
  expect(stored).toContain("team");
  expect(stored).not.toContain("hunter2");
});

test("nor of an object that an audit alert is about", async () => {
  const remove = { action: "kubernetes:delete", params: {}, mode: "observe", evidence: "none" } as const;
  const world = new World(policyOf([{ ...shellRule, actions: [remove] }]));
  world.kubernetes.put(ROLE_BINDING, {
    metadata: { name: "intruder", namespace: "shop", uid: "00000000-0000-4000-8000-00000000000f", resourceVersion: "1", annotations: HELD },
  });
  const fields = {
    "ka.verb": "create",
    "ka.response.code": "201",
    "ka.target.resource": "rolebindings",
    "ka.target.name": "intruder",
    "ka.target.namespace": "shop",
    "jevt.value[/responseObject/metadata/uid]": "00000000-0000-4000-8000-00000000000f",
  };
  const pod = world.kubernetes.run();
  const plain = podEntry(world, { ...pod, containerId: "" }, { about: { source: AUDIT, containerId: null, fields } });
  await send(world, plain);
  const stored = JSON.stringify(world.table.all());
  expect(stored).toContain("team");
  expect(stored).not.toContain("hunter2");
});
