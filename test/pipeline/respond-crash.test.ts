import { expect, test } from "vitest";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import type { ReceiptBody } from "#shared/ledger/incident.ts";
import { respond } from "#shared/pipeline/respond.ts";
import { sweep } from "#shared/pipeline/sweep.ts";
import { Crash, type Trouble } from "../fakes/table.ts";
import { taskEntry, World } from "../fakes/world.ts";

const signal = new AbortController().signal;
const send = (world: World, entry: QueueEntry, receiveCount: number) =>
  respond({ body: JSON.stringify(entry), receiveCount }, world.respondPorts(), signal);

function accuse(world: World): QueueEntry {
  const task = world.ecs.run({ family: "web" });
  return taskEntry(world, { taskArn: task.taskArn, containerId: task.containers[0]?.runtimeId ?? "" });
}

/** Every write that an undisturbed run makes. */
async function writesOfOneRun(): Promise<number> {
  const world = new World();
  await send(world, accuse(world), 1);
  return world.table.writes;
}

/** Delivers until it succeeds, as SQS does; time passes between deliveries. */
async function redeliver(world: World, entry: QueueEntry): Promise<void> {
  for (let receive = 2; receive < 8; receive++) {
    world.later(40_000);
    try {
      await send(world, entry, receive);
      return;
    } catch (thrown) {
      if (!(thrown instanceof Error) || thrown instanceof Crash) throw thrown;
    }
  }
  throw new Error("never succeeded");
}

function expectOneTrueStop(world: World): void {
  expect([...world.ecs.stopped.values()]).toEqual([1]);
  expect(world.bodies<ReceiptBody>("receipt").map(({ receipt }) => receipt.outcome)).toEqual(["done"]);
  expect(world.table.ofType("incident")).toHaveLength(1);
  expect(world.table.ofType("alert")).toHaveLength(1);
  const phases = world.table.ofType("note").map(({ phase }) => phase);
  expect(phases).toEqual(["decision", "outcome"]);
}

test("the function dies before or after each of its writes: one action and a true receipt after redelivery", async () => {
  const total = await writesOfOneRun();
  expect(total).toBeGreaterThanOrEqual(3);
  for (let nth = 1; nth <= total; nth++)
    for (const trouble of [{ crashBefore: nth }, { crashAfter: nth }] satisfies Trouble[]) {
      const world = new World();
      const entry = accuse(world);
      world.table.trouble = trouble;
      await expect(send(world, entry, 1)).rejects.toThrow(Crash);
      world.table.trouble = {};
      await redeliver(world, entry);
      expectOneTrueStop(world);
    }
});

test("the function dies right before or right after ECS took the stop: one action and a true receipt", async () => {
  for (const when of ["before", "after"] as const) {
    const world = new World();
    const entry = accuse(world);
    const real = world.ecs.stop.bind(world.ecs);
    let died = false;
    world.ecs.stop = async (taskArn, reason) => {
      if (!died && when === "before") {
        died = true;
        throw new Crash("died before the call");
      }
      const answer = await real(taskArn, reason);
      if (!died) {
        died = true;
        throw new Crash("died after the call");
      }
      return answer;
    };
    await expect(send(world, entry, 1)).rejects.toThrow(Crash);
    await redeliver(world, entry);
    expectOneTrueStop(world);
  }
});

test("a message that never comes again: sweep verifies what was done and finishes the receipt", async () => {
  const world = new World();
  const entry = accuse(world);
  const real = world.ecs.stop.bind(world.ecs);
  world.ecs.stop = async (taskArn, reason) => {
    await real(taskArn, reason);
    throw new Crash("died after the call");
  };
  await expect(send(world, entry, 1)).rejects.toThrow(Crash);
  for (let minute = 0; minute < 5; minute++) {
    world.later(60_000);
    await sweep(world.sweepPorts(), signal);
  }
  expect(world.bodies<ReceiptBody>("receipt").map(({ receipt }) => receipt.outcome)).toEqual(["done"]);
  // One, where the first is sent when the end is known already.
  expect([1, 2]).toContain(world.messages.length);
  expect(world.messages.at(-1)).toMatchObject({ attributes: { outcome: "done" } });
});

test("while a live lease is held, a second delivery waits its turn and does nothing", async () => {
  const world = new World();
  const entry = accuse(world);
  world.table.trouble = { crashAfter: 2 };
  await expect(send(world, entry, 1)).rejects.toThrow(Crash);
  world.table.trouble = {};
  await expect(send(world, entry, 2)).rejects.toMatchObject({ code: "ledger_contention" });
  expect(world.ecs.stopped.size).toBe(0);
  world.later(31_000);
  await send(world, entry, 3);
  expectOneTrueStop(world);
});

test("an owner that comes back after its lease was lost cannot overwrite the receipt of its successor", async () => {
  const world = new World();
  const entry = accuse(world);
  const real = world.ecs.stop.bind(world.ecs);
  let slow = true;
  world.ecs.stop = async (taskArn, reason) => {
    if (slow) {
      slow = false;
      world.later(31_000);
      await send(world, entry, 2);
    }
    return real(taskArn, reason);
  };
  expect(await send(world, entry, 1)).toMatchObject({ acted: ["lost"] });
  expectOneTrueStop(world);
});
