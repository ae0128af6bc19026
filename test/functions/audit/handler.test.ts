import { marshall } from "@aws-sdk/util-dynamodb";
import type { DynamoDBRecord, DynamoDBStreamEvent, EventBridgeEvent } from "aws-lambda";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hashOfValue } from "#shared/audit/canonical.ts";
import { SWITCH } from "#shared/ledger/keys.ts";
import type { Item } from "#shared/ports/table.ts";
import { Recorder } from "../../audit/recorder.ts";
import { of, stageOf } from "../../pipeline/stage.ts";
import { context, deployedEnvironment } from "../deployed.ts";

type Module = typeof import("../../../functions/audit/handler.ts");
let module: Module;
let leave: () => void;

beforeAll(async () => {
  leave = deployedEnvironment();
  module = await import("../../../functions/audit/handler.ts");
});
afterAll(() => leave());

type Image = NonNullable<NonNullable<DynamoDBRecord["dynamodb"]>["NewImage"]>;

/** As DynamoDB streams an item: with the attribute that only the index needs. */
const written = (item: Item): DynamoDBRecord => ({
  eventName: "MODIFY",
  dynamodb: {
    ApproximateCreationDateTime: 1_764_367_200,
    Keys: { pk: { S: item.pk }, sk: { S: item.sk } },
    NewImage: marshall({ ...item, ...(item.due === undefined ? {} : { gsi: "due" }) }) as unknown as Image,
    SequenceNumber: "1",
  },
});
const event = (...Records: readonly DynamoDBRecord[]): DynamoDBStreamEvent => ({ Records: [...Records] });

async function acted() {
  const stage = stageOf([of("ecs:stop-task")]);
  const recorder = new Recorder(stage.world);
  await stage.send();
  return { ...stage, recorder, handler: module.createHandler(recorder.ports()) };
}

test("the deployed export is wrapped", () => {
  expect(module.handler.use).toBeTypeOf("function");
});

test("an image of the stream is recorded with the hash of the item as the ledger gives it", async () => {
  const { world, recorder, handler } = await acted();
  const [claim] = world.table.ofType("claim");
  const [receipt] = world.table.ofType("receipt");
  const [seen] = world.table.ofType("seen");
  const [incident] = world.table.ofType("incident");
  if (claim === undefined || receipt === undefined || seen === undefined || incident?.due === undefined)
    throw new Error("nothing was done");
  await expect(handler(event(written(claim), written(seen), written(receipt), written(incident)), context)).resolves.toEqual({
    batchItemFailures: [],
  });
  expect((await recorder.records()).map(({ type, sha256 }) => [type, sha256])).toEqual([
    ["claim", hashOfValue(claim)],
    ["receipt", hashOfValue(receipt)],
    ["incident", hashOfValue(incident)],
  ]);
});

test("a number that no double holds, in an item set by hand, is kept as its text and does not stop the stream", async () => {
  const { recorder, handler } = await acted();
  const record = written({ ...SWITCH, paused: true } as unknown as Item);
  const image = { ...record.dynamodb?.NewImage, reason: { N: "123456789012345678901234567890" } };
  await handler(event({ ...record, dynamodb: { ...record.dynamodb, NewImage: image } }), context);
  expect((await recorder.records())[0]).toMatchObject({ type: "switch", state: "paused", at: "2025-11-28T22:00:00.000Z" });
  expect((await recorder.records())[0]?.facts).toContain('"123456789012345678901234567890"');
});

test("DynamoDB's own removal is time; anybody else's is recorded", async () => {
  const { recorder, handler } = await acted();
  const removed: DynamoDBRecord = {
    eventName: "REMOVE",
    dynamodb: { ApproximateCreationDateTime: 1, Keys: { pk: { S: "CLAIM#x" }, sk: { S: "y" } } },
  };
  await handler(event({ ...removed, userIdentity: { type: "Service", principalId: "dynamodb.amazonaws.com" } }), context);
  expect(await recorder.records()).toEqual([]);
  await handler(event(removed), context);
  expect(await recorder.records()).toMatchObject([{ event: "removed", pk: "CLAIM#x" }]);
});

test("a bucket that cannot be written to rejects: the stream tries again", async () => {
  const { world, recorder, handler } = await acted();
  const [claim] = world.table.ofType("claim");
  if (claim === undefined) throw new Error("no claim");
  recorder.archive.failures = 9;
  await expect(handler(event(written(claim)), context)).rejects.toThrow();
});

test("the schedule makes the digests of the hours before", async () => {
  const { world, recorder, handler } = await acted();
  await recorder.record();
  world.later(2 * 3_600_000);
  await handler({ source: "aws.events", "detail-type": "Scheduled Event" } as EventBridgeEvent<"Scheduled Event", unknown>, context);
  expect([...recorder.archive.objects.keys()].filter((key) => key.startsWith("digests/"))).toHaveLength(1);
});
