import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { ChatopsPorts } from "#shared/pipeline/chatops.ts";
import { clickPayload, formOf, SLACK, slackEvent } from "../../fakes/slack.ts";
import { FakeTable } from "../../fakes/table.ts";
import { FakeTelemetry } from "../../fakes/telemetry.ts";
import { registry } from "../../fakes/world.ts";
import { context, deployedEnvironment } from "../deployed.ts";

type Module = typeof import("../../../functions/chatops/handler.ts");
let module: Module;
let leave: () => void;
let folder: string;
const slackApp = { team: SLACK.team, app: SLACK.app, signingSecret: "ssm:/signing" };

beforeAll(async () => {
  leave = deployedEnvironment();
  folder = mkdtempSync(join(tmpdir(), "falco-responder-chatops-"));
  writeFileSync(join(folder, "registry.json"), JSON.stringify({ ...registry, slackApp }));
  vi.stubEnv("COMPILED_DIR", folder);
  module = await import("../../../functions/chatops/handler.ts");
});
afterAll(() => {
  leave();
  rmSync(folder, { recursive: true });
});

const NOW = 1_700_000_000_000;
const ports = (): ChatopsPorts => ({
  table: new FakeTable(),
  clock: { now: () => NOW, sleep: () => Promise.resolve() },
  orders: { send: () => Promise.resolve() },
  telemetry: new FakeTelemetry(),
  registry: { ...registry, slackApp },
  app: slackApp,
  secret: { current: () => Promise.resolve(SLACK.secret), again: () => Promise.resolve(null) },
  replies: { send: () => Promise.resolve(false) },
});
const eventOf = (secret: string): APIGatewayProxyEventV2 =>
  slackEvent({
    body: formOf(clickPayload("approve", `${"0".repeat(16)}.${"0".repeat(32)}`)),
    nowMs: NOW,
    secret,
  }) as APIGatewayProxyEventV2;

test("the deployed export is wrapped", () => {
  expect(module.handler.use).toBeTypeOf("function");
});

test("whoever Slack did not send is told nothing but 401; its twin is answered", async () => {
  const handler = module.createHandler(ports());
  const refused = await handler(eventOf("another"), context);
  expect(refused).toEqual({ statusCode: 401, headers: expect.any(Object), body: '{"error":"unverified"}' });
  expect(await handler({} as APIGatewayProxyEventV2, context)).toEqual(refused);
  expect(await handler(eventOf(SLACK.secret), context)).toMatchObject({
    statusCode: 200,
    body: expect.stringContaining("look at the newest message"),
  });
});
