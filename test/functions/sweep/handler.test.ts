import type { ScheduledEvent } from "aws-lambda";
import { afterAll, beforeAll, expect, test } from "vitest";
import { respond } from "#shared/pipeline/respond.ts";
import { taskEntry, World } from "../../fakes/world.ts";
import { context, deployedEnvironment } from "../deployed.ts";

type Module = typeof import("../../../functions/sweep/handler.ts");
let module: Module;
let leave: () => void;

beforeAll(async () => {
  leave = deployedEnvironment();
  module = await import("../../../functions/sweep/handler.ts");
});
afterAll(() => leave());

const event: ScheduledEvent = {
  id: "1",
  version: "0",
  account: "111122223333",
  region: "eu-west-1",
  time: "2026-03-01T12:00:00Z",
  source: "aws.events",
  resources: [],
  "detail-type": "Scheduled Event",
  detail: {},
};

test("the deployed export is wrapped", () => {
  expect(module.handler.use).toBeTypeOf("function");
});

test("the schedule sends what was not sent", async () => {
  const world = new World();
  const task = world.ecs.run({ family: "web" });
  const entry = taskEntry(world, { taskArn: task.taskArn, containerId: task.containers[0]?.runtimeId ?? "" });
  await respond({ body: JSON.stringify(entry), receiveCount: 1 }, world.respondPorts(), new AbortController().signal);
  world.later(60_000);
  await expect(module.createHandler(world.sweepPorts())(event, context)).resolves.toMatchObject({
    notes: { sent: 1, skipped: 1 },
    troubles: 0,
  });
  // The decision tells the outcome too, which is then no message of its own.
  expect(world.messages).toHaveLength(1);
});
