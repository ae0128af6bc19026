import { describe, expect, test } from "vitest";
import { type ACTIONS, byOrder } from "#shared/domain/action.ts";
import { iamActor } from "#shared/domain/actor.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { PolicyAction } from "#shared/domain/policy.ts";
import type { Receipt } from "#shared/domain/receipt.ts";
import type { ReceiptBody } from "#shared/ledger/incident.ts";
import type { OrderBody } from "#shared/ledger/order.ts";
import { operate } from "#shared/pipeline/operate.ts";
import { type Responded, respond } from "#shared/pipeline/respond.ts";
import { sweep } from "#shared/pipeline/sweep.ts";
import type { OperateRequest } from "#shared/wire/operate.ts";
import { encodeOrder } from "#shared/wire/order.ts";
import { Crash } from "../fakes/table.ts";
import { policyOf, shellRule, taskEntry, World } from "../fakes/world.ts";

const signal = new AbortController().signal;
const MACHINE = "i-0123456789abcdef0";
const QUARANTINE = "sg-0123456789abcdef0";
const FORMER = ["sg-00000000000000001", "sg-00000000000000002"];

const of = (action: PolicyAction["action"], more: Partial<PolicyAction> = {}): PolicyAction => ({
  action,
  params: {},
  mode: "enforce",
  evidence: "best-effort",
  ...more,
});
const isolate = of("ecs:isolate-instance", { params: { security_group: QUARANTINE } });

/** A service of two tasks on one machine, scaled automatically; an alert about the first. */
function stage(actions: readonly PolicyAction[]) {
  const world = new World(policyOf([{ ...shellRule, actions }]));
  const { ecs, services, network } = world.aws;
  const [task] = ecs.service("web", { family: "web", instance: ecs.instance(MACHINE), tags: {}, desired: 2 });
  if (task === undefined) throw new Error("no task");
  const eni = network.attach(MACHINE, FORMER);
  network.group(QUARANTINE, { allowsHttpsOut: true });
  services.scale("web", { minCapacity: 1, maxCapacity: 8 });
  const entry = taskEntry(world, { taskArn: task.taskArn, containerId: task.containers[0]?.runtimeId ?? "" });
  const send = (receiveCount = 1) => respond({ body: JSON.stringify(entry), receiveCount }, world.respondPorts(), signal);
  const lane = async (name: "ecs" | "wide"): Promise<Responded[]> => {
    const before = world.lanes;
    world.lanes = [name];
    const done: Responded[] = [];
    try {
      for (const { order } of world.orders.splice(0))
        done.push(await respond({ body: encodeOrder(order), receiveCount: 1 }, world.respondPorts(), signal));
    } finally {
      world.lanes = before;
    }
    return done;
  };
  const say = async (verb: OperateRequest["verb"], action: string) => {
    const { table, clock, telemetry, orders } = world.respondPorts();
    const incident = String(world.table.ofType("incident")[0]?.pk).replace("INCIDENT#", "");
    return await operate(
      { verb, incident, action, target: null },
      iamActor("arn:aws:iam::1:user/a"),
      { table, clock, telemetry, orders },
      signal,
    );
  };
  const groups = () => network.own(MACHINE).find(({ id }) => id === eni.id)?.groups;
  return { world, task, send, lane, say, groups };
}

const receipts = (world: World): readonly Receipt[] => world.bodies<ReceiptBody>("receipt").map(({ receipt }) => receipt);
const outcomes = (world: World): readonly string[] =>
  receipts(world)
    .map(({ action, outcome, undoing }) => `${undoing ? "undo " : ""}${action} ${outcome}`)
    .sort();

describe("several actions on one target", () => {
  test("are taken in the order that keeps what can be kept, whatever the order in the policy", async () => {
    const wanted = (["ecs:stop-task", "ecs:protect-task", "ecs:tag-task"] as const).map((name) => of(name));
    const { world, send } = stage(wanted);
    expect(await send()).toMatchObject({ acted: ["done", "done", "done"] });
    const order = world.bodies<{ claimedAtMs: number; action: (typeof ACTIONS)[number] }>("claim").map(({ action }) => action);
    expect(order.toSorted(byOrder)).toEqual(["ecs:tag-task", "ecs:protect-task", "ecs:stop-task"]);
    expect(outcomes(world)).toEqual(["ecs:protect-task done", "ecs:stop-task done", "ecs:tag-task done"]);
  });

  test("a mark that cannot be made keeps no offender running; its message comes again for the mark alone", async () => {
    const { world, task, send } = stage([of("ecs:tag-task"), of("ecs:stop-task")]);
    world.aws.marks.fail("tag", new PipelineError("aws_throttled", "ECS throttles"));
    await expect(send()).rejects.toMatchObject({ code: "aws_throttled" });
    expect([...world.ecs.stopped]).toEqual([[task.taskArn, 1]]);
    world.later(31_000);
    await send(2);
    expect([...world.ecs.stopped]).toEqual([[task.taskArn, 1]]);
  });

  test("marks spend no budget, what stops does: the twin that differs in the action", async () => {
    for (const [action, outcome] of [
      ["ecs:tag-task", "done"],
      ["ecs:stop-task", "held"],
    ] as const) {
      const { world, send } = stage([of(action)]);
      world.policy = { ...world.policy, budgets: { ...world.policy.budgets, owner: 0 } };
      expect(await send()).toMatchObject({ acted: [outcome] });
    }
  });
});

describe("what only the wide lane may do", () => {
  test("is handed over, done there, and done once however often it is handed over", async () => {
    const { world, send, lane, groups } = stage([of("ecs:stop-task"), isolate]);
    expect(await send()).toMatchObject({ acted: ["done", "handed-over"] });
    expect(groups()).toEqual(FORMER);
    expect(world.orders).toMatchObject([{ lane: "wide", order: { kind: "act" } }]);
    await send(2);
    expect(world.orders).toHaveLength(1);
    expect(await lane("wide")).toMatchObject([{ acted: ["done"] }]);
    expect(groups()).toEqual([QUARANTINE]);
    expect(outcomes(world)).toEqual(["ecs:isolate-instance done", "ecs:stop-task done"]);
  });

  test("an order that comes to another lane does nothing there", async () => {
    const { send, lane, groups } = stage([isolate]);
    await send();
    expect(await lane("ecs")).toMatchObject([{ acted: [] }]);
    expect(groups()).toEqual(FORMER);
  });

  test("a crash at any write of the lane ends with the machine isolated once and its former groups kept", async () => {
    const writes = async (crashAt: number | null) => {
      const { world, send, lane, groups } = stage([isolate]);
      await send();
      const [order] = world.orders;
      if (order === undefined) throw new Error("not handed over");
      const first = world.table.writes;
      if (crashAt !== null) world.table.trouble = { crashAfter: first + crashAt };
      await lane("wide").catch((thrown: unknown) => {
        if (!(thrown instanceof Crash)) throw thrown;
      });
      world.table.trouble = {};
      world.later(31_000);
      world.orders.push(order);
      await lane("wide");
      expect(groups()).toEqual([QUARANTINE]);
      const [receipt] = receipts(world);
      expect(receipt).toMatchObject({ outcome: "done", undo: { possible: true } });
      expect(JSON.stringify(receipt?.undo)).toContain(FORMER[0]);
      return world.table.writes - first;
    };
    const total = await writes(null);
    expect(total).toBeGreaterThan(2);
    for (let at = 1; at <= total; at++) await writes(at);
  });
});

describe("undo", () => {
  test("gives back what was there, tells it, and is refused when asked again", async () => {
    const { world, send, lane, say, groups } = stage([isolate]);
    await send();
    await lane("wide");
    expect(await say("undo", "ecs:isolate-instance")).toMatchObject({ kind: "accepted" });
    await lane("wide");
    expect(groups()).toEqual(FORMER);
    expect(outcomes(world)).toEqual(["ecs:isolate-instance done", "undo ecs:isolate-instance done"]);
    expect(await say("undo", "ecs:isolate-instance")).toMatchObject({
      kind: "refused",
      because: expect.stringContaining("taken back before"),
    });
    world.later(60_000);
    await sweep(world.sweepPorts(), signal);
    expect(world.messages.some((message) => message.kind === "sns" && message.subject.includes("Taken back"))).toBe(true);
  });

  test("does not overwrite what somebody changed since, says so, and may be asked again", async () => {
    const { world, send, lane, say, groups } = stage([isolate]);
    await send();
    await lane("wide");
    const [eni] = world.aws.network.own(MACHINE);
    world.aws.network.regroup(eni?.id ?? "", ["sg-00000000000000009"]);
    await say("undo", "ecs:isolate-instance");
    await lane("wide");
    expect(groups()).toEqual(["sg-00000000000000009"]);
    expect(receipts(world).find(({ undoing }) => undoing)).toMatchObject({
      outcome: "refused",
      because: expect.stringContaining("not overwritten"),
    });
    world.aws.network.regroup(eni?.id ?? "", [QUARANTINE]);
    expect(await say("undo", "ecs:isolate-instance")).toMatchObject({ kind: "accepted" });
    await lane("wide");
    expect(groups()).toEqual(FORMER);
  });

  test("that is too early waits for its time, and sweep sends it then", async () => {
    const { world, send, lane, say } = stage([of("ecs:revoke-role-sessions")]);
    world.aws.definitions.define("web", { taskRoleArn: world.aws.roles.role("web-task") });
    world.registry = { ...world.registry, clusters: world.registry.clusters.map((one) => ({ ...one, taskRoles: ["web-*"] })) };
    await send();
    await lane("wide");
    expect(outcomes(world)).toEqual(["ecs:revoke-role-sessions done"]);
    await say("undo", "ecs:revoke-role-sessions");
    await lane("wide");
    expect(world.aws.roles.policies("web-task").size).toBe(1);
    expect(world.bodies<OrderBody>("order")).toMatchObject([{ state: "given" }]);
    world.later(13 * 3_600_000);
    expect((await sweep(world.sweepPorts(), signal)).orders).toEqual({ sent: 1 });
    await lane("wide");
    expect(world.aws.roles.policies("web-task").size).toBe(0);
    expect(outcomes(world)).toContain("undo ecs:revoke-role-sessions done");
  });
});
