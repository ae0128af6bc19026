import { describe, expect, test } from "vitest";
import { iamActor } from "#shared/domain/actor.ts";
import type { Receipt } from "#shared/domain/receipt.ts";
import type { ReceiptBody } from "#shared/ledger/incident.ts";
import type { OrderBody } from "#shared/ledger/order.ts";
import { operate } from "#shared/pipeline/operate.ts";
import { respond } from "#shared/pipeline/respond.ts";
import { sweep } from "#shared/pipeline/sweep.ts";
import type { OperateRequest } from "#shared/wire/operate.ts";
import { encodeOrder } from "#shared/wire/order.ts";
import { policyOf, shellRule, taskEntry, World } from "../fakes/world.ts";

const signal = new AbortController().signal;
const ALICE = "arn:aws:iam::111122223333:user/alice";

/** A service of two tasks; an alert about the first has asked a person. */
async function asked() {
  const world = new World(policyOf([{ ...shellRule, mode: "approve" }]));
  const [task, neighbour] = world.ecs.service("web", { family: "web", instance: world.ecs.instance("i-1"), tags: {}, desired: 2 });
  if (task === undefined || neighbour === undefined) throw new Error("no tasks");
  const entry = taskEntry(world, { taskArn: task.taskArn, containerId: task.containers[0]?.runtimeId ?? "" });
  const responded = await respond({ body: JSON.stringify(entry), receiveCount: 1 }, world.respondPorts(), signal);
  if (responded.kind !== "recorded") throw new Error("not recorded");
  const { incident } = responded;
  const say = (verb: OperateRequest["verb"], more: Partial<OperateRequest> = {}, by = ALICE) => {
    const { table, clock, telemetry, orders } = world.respondPorts();
    return operate({ verb, incident, action: null, target: null, ...more }, iamActor(by), { table, clock, telemetry, orders }, signal);
  };
  /** Delivers what lies in the lanes, once. */
  const deliver = async () => {
    for (const { order } of world.orders.splice(0))
      await respond({ body: encodeOrder(order), receiveCount: 1 }, world.respondPorts(), signal);
  };
  return { world, task, neighbour, incident, responded, say, deliver };
}

const receipts = (world: World): readonly Receipt[] => world.bodies<ReceiptBody>("receipt").map(({ receipt }) => receipt);
const orders = (world: World) => world.bodies<OrderBody>("order");

describe("an action that needs approval", () => {
  test("waits, is told with the question, and is done when a person says yes", async () => {
    const { world, task, responded, say, deliver } = await asked();
    expect(responded.decisions).toEqual(["await-approval"]);
    expect(world.ecs.stopped.size).toBe(0);
    expect(orders(world)).toMatchObject([{ verb: "approve", state: "awaiting", key: "ecs:stop-task", target: task.taskArn, by: null }]);
    expect(await say("approve")).toMatchObject({ kind: "accepted" });
    expect(world.ecs.stopped.size).toBe(0);
    await deliver();
    expect([...world.ecs.stopped]).toEqual([[task.taskArn, 1]]);
    expect(receipts(world)).toMatchObject([{ outcome: "done", target: task.taskArn }]);
    expect(orders(world)).toMatchObject([{ state: "carried", by: ALICE, because: "done" }]);
  });

  test("is not done when a person says no, and a second yes comes too late", async () => {
    const { world, say, deliver } = await asked();
    expect(await say("deny")).toMatchObject({ kind: "accepted" });
    expect(await say("approve")).toMatchObject({ kind: "refused", because: "nothing of this incident waits for approval" });
    await deliver();
    expect(world.ecs.stopped.size).toBe(0);
    expect(orders(world)).toMatchObject([{ state: "denied", by: ALICE }]);
  });

  test("is done once, however often its order comes and whoever else says yes", async () => {
    const { world, task, say, deliver } = await asked();
    const [first, second] = await Promise.all([say("approve"), say("approve", {}, "arn:aws:iam::111122223333:user/bob")]);
    expect([first.kind, second.kind].sort()).toEqual(["accepted", "refused"]);
    const [order] = world.orders;
    await deliver();
    if (order === undefined) throw new Error("no order");
    await respond({ body: encodeOrder(order.order), receiveCount: 2 }, world.respondPorts(), signal);
    expect([...world.ecs.stopped]).toEqual([[task.taskArn, 1]]);
  });

  test("is over when nobody answers, is told so, and is asked again by a new alert", async () => {
    const { world, task, say } = await asked();
    world.later(policyOf().approvalSeconds * 1_000 - 1);
    expect((await sweep(world.sweepPorts(), signal)).orders).toEqual({});
    world.later(2);
    expect((await sweep(world.sweepPorts(), signal)).orders).toEqual({ expired: 1 });
    expect(orders(world)).toMatchObject([{ state: "expired" }]);
    expect(receipts(world)).toMatchObject([{ outcome: "refused", because: expect.stringContaining("nobody approved it within 240 min") }]);
    expect(await say("approve")).toMatchObject({ kind: "refused" });
    const again = taskEntry(world, { taskArn: task.taskArn, containerId: task.containers[0]?.runtimeId ?? "" });
    await respond({ body: JSON.stringify(again), receiveCount: 1 }, world.respondPorts(), signal);
    expect(orders(world).some(({ state }) => state === "awaiting")).toBe(true);
    expect(world.table.ofType("note").filter(({ phase }) => phase === "decision")).toHaveLength(2);
  });

  test("an approval whose message was lost is sent again by sweep", async () => {
    const { world, task, say, deliver } = await asked();
    await say("approve");
    world.orders.length = 0;
    world.later(61_000);
    expect((await sweep(world.sweepPorts(), signal)).orders).toEqual({ sent: 1 });
    await deliver();
    expect([...world.ecs.stopped]).toEqual([[task.taskArn, 1]]);
  });

  test("the target is looked at again: gone, another container, protected since, or the policy back to observe holds", async () => {
    const changes: readonly [string, (world: World, taskArn: string) => void][] = [
      ["no longer", (world, arn) => world.ecs.forget(arn)],
      ["stopped", (world, arn) => world.ecs.change(arn, { lastStatus: "STOPPED", desiredStatus: "STOPPED" })],
      ["protects it", (world, arn) => world.ecs.change(arn, { tags: { "falco-responder/protected": "true" } })],
      [
        "no longer has the task with the accused container",
        (world, arn) =>
          world.ecs.change(arn, { containers: [{ name: "app", runtimeId: "f".repeat(64), image: null, lastStatus: "RUNNING" }] }),
      ],
      [
        "no longer enforces",
        (world) => {
          world.policy = { ...world.policy, mode: "observe" };
        },
      ],
    ];
    for (const [because, change] of changes) {
      const { world, task, say, deliver } = await asked();
      world.policy = { ...world.policy, protect: { ...world.policy.protect, labels: { "falco-responder/protected": "true" } } };
      await say("approve");
      change(world, task.taskArn);
      await deliver();
      expect(world.ecs.stopped.size, because).toBe(0);
      expect(receipts(world)).toMatchObject([{ outcome: "refused", because: expect.stringContaining(because) }]);
    }
  });

  test("several that wait are told apart by action and target, and nothing is guessed", async () => {
    const { world, neighbour, task, say, deliver } = await asked();
    const entry = taskEntry(world, { taskArn: neighbour.taskArn, containerId: neighbour.containers[0]?.runtimeId ?? "" });
    await respond({ body: JSON.stringify(entry), receiveCount: 1 }, world.respondPorts(), signal);
    expect(await say("approve")).toMatchObject({
      kind: "refused",
      because: expect.stringContaining("say which with --action and --target"),
    });
    expect(await say("approve", { target: "0".repeat(32) })).toMatchObject({
      kind: "refused",
      because: expect.stringContaining("nothing fits"),
    });
    expect(await say("approve", { target: neighbour.taskArn.slice(-32) })).toMatchObject({ kind: "accepted" });
    await deliver();
    expect([...world.ecs.stopped]).toEqual([[neighbour.taskArn, 1]]);
    expect(await say("show")).toMatchObject({
      kind: "shown",
      summary: { actions: expect.arrayContaining([expect.objectContaining({ target: task.taskArn, state: "awaiting" })]) },
    });
  });

  test("an incident that nobody knows is refused, and so is the undo of what cannot be taken back", async () => {
    const { say, deliver } = await asked();
    expect(await say("show", { incident: "0".repeat(16) })).toMatchObject({
      kind: "refused",
      because: expect.stringContaining("no incident"),
    });
    expect(await say("undo")).toMatchObject({ kind: "refused", because: "nothing was done in this incident" });
    await say("approve");
    await deliver();
    expect(await say("undo")).toMatchObject({
      kind: "refused",
      because: expect.stringContaining("a stopped task cannot be started again"),
    });
  });
});
