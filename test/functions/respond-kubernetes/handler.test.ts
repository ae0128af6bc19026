import { afterAll, beforeAll, expect, test } from "vitest";
import { podEntry, World } from "../../fakes/world.ts";
import { context, deployedEnvironment } from "../deployed.ts";
import { alertMessage } from "../sqs.ts";

type Module = typeof import("../../../functions/respond-kubernetes/handler.ts");
let module: Module;
let leave: () => void;

beforeAll(async () => {
  leave = deployedEnvironment();
  module = await import("../../../functions/respond-kubernetes/handler.ts");
});
afterAll(() => leave());

test("the deployed export is wrapped and takes a batch without messages", async () => {
  expect(module.handler.use).toBeTypeOf("function");
  await expect(module.handler({ Records: [] }, context)).resolves.toEqual({ batchItemFailures: [] });
});

test("a message of the queue deletes the pod, and its twin that cannot be read is dead-lettered", async () => {
  const world = new World();
  const pod = world.kubernetes.run();
  const entry = podEntry(world, { ...pod, containerId: pod.containers[0]?.id ?? "" });
  const redelivery = { after: () => Promise.resolve() };
  const handler = module.createHandler({ ...world.respondPorts(), redelivery });
  await expect(handler(alertMessage(JSON.stringify(entry)), context)).resolves.toEqual({ batchItemFailures: [] });
  expect([...world.kubernetes.deleted.values()]).toEqual([1]);
  await expect(handler(alertMessage(JSON.stringify({ ...entry, alert: null })), context)).resolves.toEqual({ batchItemFailures: [] });
  expect(world.dead).toHaveLength(1);
});
