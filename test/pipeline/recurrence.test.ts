import { expect, test } from "vitest";
import type { Decision } from "#shared/domain/decision.ts";
import type { PolicyAction, Recurrence } from "#shared/domain/policy.ts";
import type { AlertBody, IncidentBody } from "#shared/ledger/incident.ts";
import type { OrderBody } from "#shared/ledger/order.ts";
import { respond } from "#shared/pipeline/respond.ts";
import { modesOf } from "#shared/policy/modes.ts";
import { escalate } from "#shared/policy/recurrence.ts";
import { policyOf, shellRule, taskEntry, World } from "../fakes/world.ts";
import { TASK } from "../notify/views.ts";

const signal = new AbortController().signal;
const scale: PolicyAction = { action: "ecs:scale-service-to-zero", params: {}, mode: "approve", evidence: "best-effort" };
const recurrence: Recurrence = { times: 3, windowSeconds: 3_600, ladder: [null, scale] };

/** A service of one task whose every replacement offends again. */
function whack(more: Partial<Recurrence> = {}) {
  const world = new World(policyOf([shellRule], { recurrence: { ...recurrence, ...more } }));
  world.ecs.service("web", { family: "web", instance: world.ecs.instance("i-1"), tags: {}, desired: 1 });
  const offend = async (): Promise<readonly Decision[]> => {
    const [task] = world.ecs.running().filter(({ group }) => group === "service:web");
    if (task === undefined) throw new Error("the service has no task");
    const entry = taskEntry(world, { taskArn: task.taskArn, containerId: task.containers[0]?.runtimeId ?? "" });
    await respond({ body: JSON.stringify(entry), receiveCount: 1 }, world.respondPorts(), signal);
    return world.bodies<AlertBody>("alert").find(({ alert }) => alert.id === entry.alert.id)?.decisions ?? [];
  };
  const stops = () => [...world.ecs.stopped.values()].reduce((sum, n) => sum + n, 0);
  return { world, offend, stops };
}
const told = (decisions: readonly Decision[]) =>
  decisions.map(({ kind, action }) => `${kind} ${typeof action === "string" ? action : action.action}`);

test("a replacement that offends again is one incident, stopped so often and no more; then people are told, then asked", async () => {
  const { world, offend, stops } = whack();
  for (let n = 0; n < 3; n++) expect(told(await offend())).toEqual(["act ecs:stop-task"]);
  expect(stops()).toBe(3);
  const fourth = await offend();
  expect(told(fourth)).toEqual(["hold ecs:stop-task"]);
  expect(fourth[0]?.because).toContain("stopped 3 times within 60 min, and it offends again");
  world.later(5 * 60_000);
  expect(told(await offend())).toEqual(["await-approval ecs:scale-service-to-zero", "hold ecs:stop-task"]);
  expect(stops()).toBe(3);
  expect(world.bodies<IncidentBody>("incident")).toHaveLength(1);
  expect(world.bodies<OrderBody>("order")).toMatchObject([{ state: "awaiting", key: "ecs:scale-service-to-zero" }]);
});

test("one ladder serves tasks and pods: a step that is for the other kind is no step", () => {
  const act: Decision = {
    kind: "act",
    action: { action: "ecs:stop-task", params: {}, mode: "enforce", evidence: "none" },
    rule: "r",
    because: "b",
  };
  const pods: PolicyAction = { action: "kubernetes:scale-to-zero", params: {}, mode: "approve", evidence: "best-effort" };
  const state = { stopsMs: [0, 0, 0], climbs: [{ atMs: 0, uid: "before" }] };
  const about = { workload: TASK, rule: "r", modes: modesOf("enforce"), nowMs: 1 } as const;
  const seen = escalate([act], { ...recurrence, ladder: [null, pods, scale] }, state, about);
  expect(told(seen?.decisions ?? [])).toEqual(["await-approval ecs:scale-service-to-zero", "hold ecs:stop-task"]);
});

test("many alerts of the same moment climb one step, not the whole ladder", async () => {
  const { offend } = whack();
  for (let n = 0; n < 3; n++) await offend();
  for (let n = 0; n < 5; n++) expect(told(await offend())).toEqual(["hold ecs:stop-task"]);
});

test("when the window has passed it is stopped again: the twin that differs in time alone", async () => {
  const { world, offend, stops } = whack();
  for (let n = 0; n < 3; n++) await offend();
  world.later(3_600_001);
  expect(told(await offend())).toEqual(["act ecs:stop-task"]);
  expect(stops()).toBe(4);
});

test("tasks of one service that offend at the same time are stopped so often and no more, whoever wins", async () => {
  const world = new World(policyOf([shellRule], { recurrence }));
  const tasks = world.ecs.service("web", { family: "web", instance: world.ecs.instance("i-1"), tags: {}, desired: 8 });
  const other = world.ecs.service("api", { family: "api", instance: world.ecs.instance("i-2"), tags: {}, desired: 1 });
  await Promise.all(
    [...tasks, ...other].map((task) => {
      const entry = taskEntry(world, { taskArn: task.taskArn, containerId: task.containers[0]?.runtimeId ?? "" });
      return respond({ body: JSON.stringify(entry), receiveCount: 1 }, world.respondPorts(), signal);
    }),
  );
  expect(tasks.filter(({ taskArn }) => world.ecs.stopped.has(taskArn))).toHaveLength(3);
  expect(other.filter(({ taskArn }) => world.ecs.stopped.has(taskArn))).toHaveLength(1);
});

const act: Decision = { kind: "act", action: { ...scale, action: "ecs:stop-task", mode: "enforce" }, rule: "shell", because: "" };
const about = { workload: TASK, rule: "shell", modes: modesOf("enforce"), nowMs: 10_000_000 } as const;
const thrice = { stopsMs: [9_900_000, 9_950_000, 9_960_000], climbs: [] };

test("what would stop nobody does not climb, and neither does an owner that was stopped less often", () => {
  expect(escalate([{ ...act, kind: "await-approval" } as Decision], recurrence, thrice, about)).toBeNull();
  expect(escalate([{ ...act, kind: "would-act", would: "ask" } as Decision], recurrence, thrice, about)).toBeNull();
  expect(escalate([act], recurrence, { ...thrice, stopsMs: thrice.stopsMs.slice(1) }, about)).toBeNull();
  expect(escalate([act], recurrence, thrice, about)).not.toBeNull();
});

test("what is only observed comes to the same step as what is enforced, and climbs nowhere", () => {
  const climbed = { ...thrice, climbs: [{ atMs: 9_999_000, uid: "another" }] };
  const enforced = escalate([act], recurrence, climbed, about);
  const observed = escalate([{ ...act, kind: "would-act" } as Decision], recurrence, climbed, { ...about, modes: modesOf("observe") });
  expect(told(enforced?.decisions ?? [])).toEqual(["await-approval ecs:scale-service-to-zero", "hold ecs:stop-task"]);
  expect(observed?.decisions).toMatchObject([{ kind: "would-act", would: "ask" }, { kind: "hold" }]);
  expect(told(observed?.decisions ?? [])).toEqual(["would-act ecs:scale-service-to-zero", "hold ecs:stop-task"]);
  expect([enforced?.climbs?.length, observed?.climbs]).toEqual([2, null]);
});

test("the last step stays, a step that does not fit the target only tells, and no step acts beyond the policy's mode", () => {
  const climbed = { ...thrice, climbs: [1, 2, 3, 4].map((n) => ({ atMs: 9_999_000 + n, uid: `t${n}` })) };
  expect(told(escalate([act], recurrence, climbed, about)?.decisions ?? [])).toEqual([
    "await-approval ecs:scale-service-to-zero",
    "hold ecs:stop-task",
  ]);
  const onlyPods = { ...recurrence, ladder: [{ ...scale, action: "kubernetes:terminate" } as const] };
  expect(told(escalate([act], onlyPods, thrice, about)?.decisions ?? [])).toEqual(["hold ecs:stop-task"]);
  const eager = { ...recurrence, ladder: [{ ...scale, mode: "enforce" } as const] };
  expect(told(escalate([act], eager, thrice, about)?.decisions ?? [])[0]).toBe("act ecs:scale-service-to-zero");
  expect(told(escalate([act], eager, thrice, { ...about, modes: modesOf("approve") })?.decisions ?? [])[0]).toBe(
    "await-approval ecs:scale-service-to-zero",
  );
  expect(told(escalate([act], { ...recurrence, ladder: [] }, thrice, about)?.decisions ?? [])).toEqual(["hold ecs:stop-task"]);
});

test("the ladder's step is no wider than what a rule allows for the same action: the strictest mode wins there, too", () => {
  const eager = { ...recurrence, ladder: [{ ...scale, mode: "enforce" } as const] };
  for (const [mode, kind] of [
    ["observe", "would-act"],
    ["approve", "await-approval"],
    ["enforce", "act"],
  ] as const) {
    const known = { enforce: "act", approve: "await-approval", observe: "would-act" } as const;
    const there = { kind: known[mode], action: { ...scale, mode }, rule: "careful", because: "" } as Decision;
    expect(told(escalate([there, act], eager, thrice, about)?.decisions ?? [])).toEqual([
      `${kind} ecs:scale-service-to-zero`,
      "hold ecs:stop-task",
    ]);
  }
});

test("the steps of a long window are kept as long as its stops are", async () => {
  const { world, offend } = whack({ windowSeconds: 30 * 86_400 });
  for (let n = 0; n < 4; n++) await offend();
  const [stops, ladder] = ["recurrence/", "ladder/"].map((scope) =>
    Number(world.table.all().find(({ pk }) => pk.startsWith(`BUDGET#${scope}`))?.["expires"]),
  );
  expect(ladder).toBeGreaterThanOrEqual(stops ?? 0);
});
