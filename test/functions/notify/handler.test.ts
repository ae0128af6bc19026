import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context, DynamoDBRecord, DynamoDBStreamEvent } from "aws-lambda";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import type { Key } from "#shared/ports/table.ts";
import { NotifyWorld } from "../../pipeline/notify-world.ts";

const context = { awsRequestId: "r", functionName: "notify", getRemainingTimeInMillis: () => 60_000 } as Context;

const record = ({ pk, sk }: Key): DynamoDBRecord => ({
  eventName: "INSERT",
  dynamodb: { Keys: { pk: { S: pk }, sk: { S: sk } }, SequenceNumber: "1" },
});
const event = (...keys: readonly Key[]): DynamoDBStreamEvent => ({ Records: keys.map(record) });

const folder = mkdtempSync(join(tmpdir(), "notify-"));
type Module = typeof import("../../../functions/notify/handler.ts");
let module: Module;

/** What is deployed reads its settings and compiled files when it is loaded. */
beforeAll(async () => {
  const { registry } = new NotifyWorld().ports;
  writeFileSync(join(folder, "registry.json"), JSON.stringify(registry));
  const budgets = { windowSeconds: 600, cluster: 1, fleet: 1, owner: 1 };
  const protect = { clusters: [], namespaces: [], services: [], families: [], priorityClasses: [], labels: {} };
  const policy = {
    schema: "falco-responder/policy/1",
    version: "0123456789ab",
    mode: "observe",
    maxAgeSeconds: 900,
    protect,
    budgets,
    rules: [],
    index: { exact: {}, patterns: [], any: [] },
  };
  writeFileSync(join(folder, "policy.json"), JSON.stringify(policy));
  vi.stubEnv("COMPILED_DIR", folder);
  vi.stubEnv("LEDGER_TABLE", "ledger");
  vi.stubEnv("AWS_REGION", "eu-west-1");
  module = await import("../../../functions/notify/handler.ts");
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

test("the deployed export is wrapped and takes a batch in which nothing is to be told", async () => {
  expect(module.handler.use).toBeTypeOf("function");
  const other = record({ pk: "INCIDENT#x", sk: "META" });
  await expect(module.handler({ Records: [other, { eventName: "REMOVE" }] }, context)).resolves.toEqual({ batchItemFailures: [] });
});

test("a record wakes for its note, and the note is told", async () => {
  const world = new NotifyWorld();
  const keys = await world.owe("inc1");
  await expect(module.createHandler(world.ports)(event(...keys, ...keys), context)).resolves.toEqual({ batchItemFailures: [] });
  expect(world.channel.received).toHaveLength(2);
});

test("channel trouble is no failure of the batch; ledger trouble is one", async () => {
  const world = new NotifyWorld();
  const keys = await world.owe("inc1");
  world.channel.next("slack", { kind: "retry", because: "Slack answered 503", afterMs: null });
  world.channel.next("sns", { kind: "permanent", because: "no such topic" });
  await expect(module.createHandler(world.ports)(event(...keys), context)).resolves.toEqual({ batchItemFailures: [] });

  const twin = new NotifyWorld();
  const owed = await twin.owe("inc1");
  twin.table.onRead = () => {
    throw new PipelineError("aws_unreachable", "DynamoDB GetItem: no answer in time");
  };
  await expect(module.createHandler(twin.ports)(event(...owed), context)).rejects.toThrow();
});
