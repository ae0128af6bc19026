import { expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import type { IncidentBody } from "#shared/ledger/incident.ts";
import { respond } from "#shared/pipeline/respond.ts";
import { of, receiptsOf, signal, stageOf } from "./stage.ts";

const states = (world: ReturnType<typeof stageOf>["world"]) => world.bodies<IncidentBody>("incident").map(({ state }) => state);

/** The tag is put on, and nobody can look whether it is there before the task ends (or, in the twin, lives on). */
async function taggedAndNotSeen({ ends }: { readonly ends: boolean }) {
  const stage = stageOf([of("ecs:tag-task")]);
  const { world, task, swept } = stage;
  const entry = stage.alert();
  const ports = world.respondPorts();
  const { describe } = world.ecs;
  const { tag } = world.aws.marks;
  world.aws.marks.tag = (...args) => {
    world.ecs.describe = () => Promise.reject(new PipelineError("aws_throttled", "ECS throttles us"));
    return tag.apply(world.aws.marks, args);
  };
  await respond({ body: JSON.stringify(entry), receiveCount: 1 }, ports, signal);
  expect(receiptsOf(world)).toMatchObject([{ outcome: "requested" }]);
  world.ecs.describe = describe;
  if (ends) world.ecs.change(task.taskArn, { lastStatus: "STOPPED", desiredStatus: "STOPPED", tags: {} });
  world.later(10 * 60_000);
  await swept();
  world.later(10 * 60_000);
  await swept();
  return stage;
}

test("what can never be seen any more is told once as unknown, and keeps no incident open; its twin that lives is done", async () => {
  for (const ends of [true, false]) {
    const { world, swept, heard } = await taggedAndNotSeen({ ends });
    expect(receiptsOf(world)).toMatchObject([{ outcome: ends ? "unknown" : "done" }]);
    world.later(40 * 60_000);
    await swept();
    expect(states(world)).toEqual(["closed"]);
    expect(world.table.all().filter(({ due }) => due !== undefined)).toEqual([]);
    const told = heard().length;
    for (let hour = 0; hour < 30; hour++) {
      world.later(3_600_000);
      await swept();
    }
    expect([told, heard().length]).toEqual([2, 0]);
  }
});

test("what a person took back keeps no incident open, though it was never seen done; while it is still looked at, its twin does", async () => {
  for (const takesBack of [true, false]) {
    const { world, send, say, deliver, swept } = stageOf([of("ecs:tag-task")]);
    world.aws.marks.tag = () => Promise.resolve("tagged");
    await send();
    world.later(16 * 60_000);
    await swept();
    expect(receiptsOf(world)).toMatchObject([{ action: "ecs:tag-task", outcome: "unknown" }]);
    if (takesBack) {
      expect(await say("undo")).toMatchObject({ kind: "accepted" });
      await deliver(["ecs"]);
    }
    world.later(60 * 60_000);
    await swept();
    expect(states(world)).toEqual([takesBack ? "closed" : "open"]);
  }
});
