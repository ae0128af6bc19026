import { afterAll, beforeAll, expect, test } from "vitest";
import { respond } from "#shared/pipeline/respond.ts";
import { encodeOrder } from "#shared/wire/order.ts";
import { policyOf, shellRule, taskEntry, World } from "../../fakes/world.ts";
import { context, deployedEnvironment } from "../deployed.ts";
import { alertMessage } from "../sqs.ts";

type Module = typeof import("../../../functions/respond-wide/handler.ts");
let module: Module;
let leave: () => void;

beforeAll(async () => {
  leave = deployedEnvironment();
  module = await import("../../../functions/respond-wide/handler.ts");
});
afterAll(() => leave());

test("the deployed export is wrapped and takes a batch without messages", async () => {
  expect(module.handler.use).toBeTypeOf("function");
  await expect(module.handler({ Records: [] }, context)).resolves.toEqual({ batchItemFailures: [] });
});

test("an order isolates the machine, and its twin that cannot be read is dead-lettered", async () => {
  const isolate = { action: "ecs:isolate-instance", params: { security_group: "sg-0123456789abcdef0" } } as const;
  const world = new World(policyOf([{ ...shellRule, actions: [{ ...isolate, mode: "enforce", evidence: "none" }] }]));
  const { ecs, network } = world.aws;
  const task = ecs.run({ family: "web", containerInstanceArn: ecs.instance("i-0123456789abcdef0") });
  const eni = network.attach("i-0123456789abcdef0", ["sg-00000000000000001"]);
  network.group("sg-0123456789abcdef0", { allowsHttpsOut: true });
  const entry = taskEntry(world, { taskArn: task.taskArn, containerId: task.containers[0]?.runtimeId ?? "" });
  await respond({ body: JSON.stringify(entry), receiveCount: 1 }, world.respondPorts(), new AbortController().signal);
  const [sent] = world.orders;
  if (sent === undefined) throw new Error("nothing was handed over");
  world.lanes = ["wide"];
  const handler = module.createHandler({ ...world.respondPorts(), redelivery: { after: () => Promise.resolve() } });
  await expect(handler(alertMessage(encodeOrder(sent.order)), context)).resolves.toEqual({ batchItemFailures: [] });
  expect(network.own("i-0123456789abcdef0").find(({ id }) => id === eni.id)?.groups).toEqual(["sg-0123456789abcdef0"]);
  const broken = JSON.stringify({ ...sent.order, incident: "x" });
  await expect(handler(alertMessage(broken), context)).resolves.toEqual({ batchItemFailures: [] });
  expect(world.dead).toMatchObject([{ because: expect.stringContaining("incident") }]);
});
