import type { APIGatewayProxyEventV2WithIAMAuthorizer } from "aws-lambda";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { OrderBody } from "#shared/ledger/order.ts";
import { respond } from "#shared/pipeline/respond.ts";
import { encodeRequest, type OperateRequest } from "#shared/wire/operate.ts";
import { policyOf, shellRule, taskEntry, World } from "../../fakes/world.ts";
import { context, deployedEnvironment } from "../deployed.ts";

type Module = typeof import("../../../functions/operate/handler.ts");
let module: Module;
let leave: () => void;

beforeAll(async () => {
  leave = deployedEnvironment();
  module = await import("../../../functions/operate/handler.ts");
});
afterAll(() => leave());

const ALICE = "arn:aws:iam::111122223333:user/alice";
type Event = APIGatewayProxyEventV2WithIAMAuthorizer;
const eventOf = (body: string, userArn: string | null, isBase64Encoded = false): Event =>
  ({ body, isBase64Encoded, requestContext: userArn === null ? {} : { authorizer: { iam: { userArn } } } }) as Partial<Event> as Event;

async function asked() {
  const world = new World(policyOf([{ ...shellRule, mode: "approve" }]));
  const task = world.ecs.run({ family: "web" });
  const entry = taskEntry(world, { taskArn: task.taskArn, containerId: task.containers[0]?.runtimeId ?? "" });
  const result = await respond({ body: JSON.stringify(entry), receiveCount: 1 }, world.respondPorts(), new AbortController().signal);
  const incident = result.kind === "recorded" ? result.incident : "";
  const { table, clock, telemetry, orders } = world.respondPorts();
  const handler = module.createHandler({ table, clock, telemetry, orders });
  const request: OperateRequest = { verb: "approve", incident, action: null, target: null };
  const call = async (event: Event) => {
    const { statusCode, body } = await handler(event, context);
    return { statusCode, answer: JSON.parse(body ?? "") as { kind: string; because?: string } };
  };
  return { world, request, call };
}

test("the deployed export is wrapped", () => {
  expect(module.handler.use).toBeTypeOf("function");
});

test("who asks is who signed: a body that names somebody else changes nothing of that", async () => {
  const { world, request, call } = await asked();
  const forged = JSON.stringify({ ...(JSON.parse(encodeRequest(request)) as object), by: "arn:aws:iam::111122223333:user/root" });
  expect(await call(eventOf(forged, ALICE))).toMatchObject({ statusCode: 200, answer: { kind: "accepted" } });
  expect(world.bodies<OrderBody>("order")).toMatchObject([{ by: ALICE, state: "given" }]);
});

test("without a signature nothing is decided; its twin with one is", async () => {
  const { world, request, call } = await asked();
  for (const nobody of [null, ""])
    expect(await call(eventOf(encodeRequest(request), nobody))).toMatchObject({ statusCode: 403, answer: { kind: "refused" } });
  expect(world.bodies<OrderBody>("order")).toMatchObject([{ state: "awaiting" }]);
  const encoded = Buffer.from(encodeRequest(request)).toString("base64");
  expect(await call(eventOf(encoded, ALICE, true))).toMatchObject({ statusCode: 200 });
});

test.each([
  ["no JSON", "{", "no JSON"],
  ["of another schema", '{"schema":"x/1"}', "schema"],
  ["an unknown verb", JSON.stringify({ schema: "falco-responder/operate/1", verb: "destroy", incident: "0".repeat(16) }), "verb"],
  ["an incident of another form", JSON.stringify({ schema: "falco-responder/operate/1", verb: "show", incident: "../1" }), "16 hex digits"],
  ["endless", "x".repeat(5_000), "longer than"],
  [
    "an action that is no text",
    JSON.stringify({ schema: "falco-responder/operate/1", verb: "show", incident: "0".repeat(16), action: {} }),
    "texts",
  ],
])("a request that is %s is refused with the reason", async (_what, body, because) => {
  const { call } = await asked();
  expect(await call(eventOf(body, ALICE))).toMatchObject({ statusCode: 400, answer: { because: expect.stringContaining(because) } });
});

test("what cannot be done is 409 with what to do instead", async () => {
  const { request, call } = await asked();
  expect(await call(eventOf(encodeRequest({ ...request, incident: "0".repeat(16) }), ALICE))).toMatchObject({ statusCode: 409 });
});

describe("a report", () => {
  const reader = { get: () => Promise.resolve(null) };
  async function reporting() {
    const { world, request } = await asked();
    const { table, clock, telemetry, orders } = world.respondPorts();
    const handler = module.createHandler({ table, clock, telemetry, orders, kept: { audit: reader, evidence: reader } });
    return async (incident: string, by: string | null, verify: unknown = false) => {
      const body = JSON.stringify({ schema: "falco-responder/report-request/1", incident: incident || request.incident, verify });
      const { statusCode, body: answer } = await handler(eventOf(body, by), context);
      return { statusCode, answer: JSON.parse(answer ?? "") as unknown };
    };
  }

  test("is given to whoever signed, and to nobody else", async () => {
    const call = await reporting();
    expect(await call("", ALICE, true)).toMatchObject({
      statusCode: 200,
      answer: { kind: "reported", report: { schema: "falco-responder/report/1", questions: [{ state: "awaiting" }] } },
    });
    expect(await call("", null)).toMatchObject({ statusCode: 403, answer: { kind: "refused" } });
  });

  test("of an incident that is none, or asked for wrongly, is refused with the reason", async () => {
    const call = await reporting();
    expect(await call("0".repeat(16), ALICE)).toMatchObject({
      statusCode: 409,
      answer: { because: expect.stringContaining("no incident") },
    });
    expect(await call("../x", ALICE)).toMatchObject({ statusCode: 400, answer: { because: expect.stringContaining("16 hex digits") } });
    expect(await call("", ALICE, "yes")).toMatchObject({ statusCode: 400, answer: { because: expect.stringContaining("verify") } });
  });
});
