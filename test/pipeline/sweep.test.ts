import { expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import type { IncidentBody, ReceiptBody } from "#shared/ledger/incident.ts";
import { respond } from "#shared/pipeline/respond.ts";
import { sweep } from "#shared/pipeline/sweep.ts";
import { Crash } from "../fakes/table.ts";
import { taskEntry, World } from "../fakes/world.ts";

const signal = new AbortController().signal;
const send = (world: World, entry: QueueEntry, receiveCount = 1) =>
  respond({ body: JSON.stringify(entry), receiveCount }, world.respondPorts(), signal);
const run = (world: World) => sweep(world.sweepPorts(), signal);
const outcomes = (world: World) => world.bodies<ReceiptBody>("receipt").map(({ receipt }) => receipt.outcome);
const states = (world: World) => world.bodies<IncidentBody>("incident").map(({ state }) => state);

function accuse(world: World): QueueEntry {
  const task = world.ecs.run({ family: "web" });
  return taskEntry(world, { taskArn: task.taskArn, containerId: task.containers[0]?.runtimeId ?? "" });
}

async function minutes(world: World, count: number): Promise<void> {
  for (let minute = 0; minute < count; minute++) {
    world.later(60_000);
    await run(world);
  }
}

test("a stop that took longer than respond watched is verified later, and its outcome told once", async () => {
  const world = new World();
  world.ecs.ticksToStop = 17;
  const entry = accuse(world);
  await send(world, entry);
  expect(outcomes(world)).toEqual(["requested"]);
  await run(world);
  await minutes(world, 60);
  expect(outcomes(world)).toEqual(["done"]);
  expect(world.table.ofType("note").map(({ phase, state }) => [phase, state])).toEqual([
    ["decision", "sent"],
    ["outcome", "sent"],
  ]);
  expect(world.messages).toHaveLength(2);
  expect([...world.ecs.stopped.values()]).toEqual([1]);
});

test("a stop that never ends is told as not confirmed after a quarter of an hour, once, and its incident stays open", async () => {
  const world = new World();
  world.ecs.ticksToStop = Number.POSITIVE_INFINITY;
  await send(world, accuse(world));
  await minutes(world, 14);
  expect(outcomes(world)).toEqual(["requested"]);
  await minutes(world, 120);
  expect(outcomes(world)).toEqual(["unknown"]);
  expect(world.messages).toHaveLength(2);
  expect(states(world)).toEqual(["open"]);
});

test("a claim whose owner died before the call and whose message is lost fails for certain, and is told", async () => {
  const world = new World();
  world.ecs.stop = () => Promise.reject(new Crash("died before the call"));
  await expect(send(world, accuse(world))).rejects.toThrow(Crash);
  await minutes(world, 10);
  expect(outcomes(world)).toEqual([]);
  await minutes(world, 30);
  expect(outcomes(world)).toEqual(["failed"]);
  expect(world.ecs.stopped.size).toBe(0);
});

test("an action that was decided and never claimed, its message lost, fails for certain before its incident closes; redelivered, it is done", async () => {
  for (const redelivered of [false, true]) {
    const world = new World();
    const entry = accuse(world);
    world.table.trouble = { crashAfter: 1 };
    await expect(send(world, entry)).rejects.toThrow(Crash);
    world.table.trouble = {};
    if (redelivered) await send(world, entry, 2);
    await minutes(world, 45);
    expect(outcomes(world)).toEqual([redelivered ? "done" : "failed"]);
    expect(states(world)).toEqual(["closed"]);
    expect(world.ecs.stopCalls).toHaveLength(redelivered ? 1 : 0);
    expect(world.table.ofType("note").map(({ phase, state }) => `${phase} ${state}`)).toContain("outcome sent");
  }
});

test("sweep never acts", async () => {
  const world = new World();
  world.table.trouble = { crashAfter: 2 };
  await expect(send(world, accuse(world))).rejects.toThrow(Crash);
  world.table.trouble = {};
  await minutes(world, 60);
  expect(world.ecs.stopCalls).toEqual([]);
});

test("a quiet incident with final receipts closes after 30 minutes, and the next alert opens the next generation", async () => {
  const world = new World();
  const entry = accuse(world);
  await send(world, entry);
  await minutes(world, 29);
  expect(states(world)).toEqual(["open"]);
  await minutes(world, 3);
  expect(states(world)).toEqual(["closed"]);
  const again = taskEntry(world, {
    taskArn: String(entry.alert.fields["container.label[com.amazonaws.ecs.task-arn]"]),
    containerId: entry.alert.containerId ?? "",
  });
  await send(world, again);
  expect(
    world
      .bodies<IncidentBody>("incident")
      .map(({ generation, state }) => [generation, state])
      .sort(),
  ).toEqual([
    [1, "closed"],
    [2, "open"],
  ]);
  expect(world.table.ofType("incident").find(({ due }) => due === undefined)?.expires).toBeDefined();
});

test("one item's trouble keeps neither the others nor the notes waiting", async () => {
  const world = new World();
  world.ecs.ticksToStop = 15;
  await send(world, accuse(world));
  await send(world, accuse(world));
  world.later(60_000);
  world.ecs.fail("describe", new Error("a bug of ours"));
  const report = await run(world);
  expect(report.troubles).toBe(1);
  expect(report.notes.sent).toBe(2);
  await minutes(world, 30);
  expect(outcomes(world)).toEqual(["done", "done"]);
});

test("a control plane that cannot be asked leaves the receipt as it is", async () => {
  const world = new World();
  world.ecs.ticksToStop = 15;
  await send(world, accuse(world));
  world.later(60_000);
  world.ecs.fail("describe", new PipelineError("aws_unreachable", "no answer"));
  expect((await run(world)).claims).toEqual({ waiting: 1 });
  expect(outcomes(world)).toEqual(["requested"]);
});
