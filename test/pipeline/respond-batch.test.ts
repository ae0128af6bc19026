import type { SQSRecord } from "aws-lambda";
import { expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import { respondToBatch } from "#shared/pipeline/respond/batch.ts";
import type { Item, Key, Write } from "#shared/ports/table.ts";
import { policyOf, taskEntry, World } from "../fakes/world.ts";

const signal = new AbortController().signal;

const record = (messageId: string, group: string, body: string, receives = 1): SQSRecord => ({
  messageId,
  receiptHandle: `handle-${messageId}`,
  body,
  attributes: {
    ApproximateReceiveCount: String(receives),
    SentTimestamp: "0",
    SenderId: "s",
    ApproximateFirstReceiveTimestamp: "0",
    MessageGroupId: group,
  },
  messageAttributes: {},
  md5OfBody: "",
  eventSource: "aws:sqs",
  eventSourceARN: "arn:aws:sqs:eu-west-1:111122223333:alerts-ecs.fifo",
  awsRegion: "eu-west-1",
});

function accuse(world: World): QueueEntry {
  const task = world.ecs.run({ family: "web" });
  return taskEntry(world, { taskArn: task.taskArn, containerId: task.containers[0]?.runtimeId ?? "" });
}

function ports(world: World) {
  const moved: { readonly handle: string; readonly seconds: number }[] = [];
  const redelivery = {
    after: (_queue: string, handle: string, seconds: number) => {
      moved.push({ handle, seconds });
      return Promise.resolve();
    },
  };
  return { moved, ports: { ...world.respondPorts(), redelivery } };
}

test("after a failure the rest of its group waits, other groups are done, and what failed comes again soon", async () => {
  const world = new World();
  const [one, two, other] = [accuse(world), accuse(world), accuse(world)];
  const { moved, ports: batchPorts } = ports(world);
  world.ecs.fail("describe", new PipelineError("aws_throttled", "slow down"));
  const records = [
    record("1", "a", JSON.stringify(one), 2),
    record("2", "a", JSON.stringify(two)),
    record("3", "b", JSON.stringify(other)),
  ];
  const { batchItemFailures } = await respondToBatch(records, batchPorts, signal);
  expect(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)).toEqual(["1", "2"]);
  expect(moved).toEqual([
    { handle: "handle-1", seconds: 20 },
    { handle: "handle-2", seconds: 10 },
  ]);
  expect(world.ecs.stopped.size).toBe(1);
});

test("behind a head that fails every time the rest of its group is tried for itself, before it is given up", async () => {
  for (const [receives, failed, stopped] of [
    [4, ["1", "2"], 0],
    [5, ["1"], 1],
  ] as const) {
    const world = new World();
    const { ports: batchPorts } = ports(world);
    world.ecs.fail("describe", new Error("a bug of ours"));
    const records = ["1", "2"].map((id) => record(id, "a", JSON.stringify(accuse(world)), receives));
    const { batchItemFailures } = await respondToBatch(records, batchPorts, signal);
    expect(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)).toEqual(failed);
    expect(world.ecs.stopped.size).toBe(stopped);
  }
});

test("a hopeless message does not hold up its group and is no failure", async () => {
  const world = new World();
  const { ports: batchPorts } = ports(world);
  const records = [record("1", "a", "no json"), record("2", "a", JSON.stringify(accuse(world)))];
  expect(await respondToBatch(records, batchPorts, signal)).toEqual({ batchItemFailures: [] });
  expect(world.dead).toHaveLength(1);
  expect(world.ecs.stopped.size).toBe(1);
});

test("when the time is over, what was not begun fails and nothing is acted on", async () => {
  const world = new World();
  const { ports: batchPorts } = ports(world);
  const records = ["a", "b"].map((group) => record(group, group, JSON.stringify(accuse(world))));
  const { batchItemFailures } = await respondToBatch(records, batchPorts, AbortSignal.abort());
  expect(batchItemFailures).toHaveLength(2);
  expect(world.ecs.stopped.size).toBe(0);
});

test("a failing move of a message is no trouble: it comes when the queue says", async () => {
  const world = new World();
  world.ecs.fail("describe", new PipelineError("aws_throttled", "slow down"));
  const redelivery = { after: () => Promise.reject(new PipelineError("aws_denied", "no")) };
  const { batchItemFailures } = await respondToBatch(
    [record("1", "a", JSON.stringify(accuse(world)))],
    { ...world.respondPorts(), redelivery },
    signal,
  );
  expect(batchItemFailures).toHaveLength(1);
});

test("alerts of one batch make their claims in turn: none of them meets another at a budget", async () => {
  const world = new World(policyOf(undefined, { budgets: { windowSeconds: 600, owner: 3, cluster: 7, fleet: 40 } }));
  const { ports: batchPorts } = ports(world);
  const results: boolean[] = [];
  const table = {
    get: (key: Key) => world.table.get(key),
    query: (pk: string, prefix: string) => world.table.query(pk, prefix),
    due: (until: string, limit: number) => world.table.due(until, limit),
    putAll: (items: readonly Item[], stop: AbortSignal) => world.table.putAll(items, stop),
    transact: async (writes: readonly Write[], stop: AbortSignal) => {
      const result = await world.table.transact(writes, stop);
      if (writes.some((write) => write.op === "put" && write.item.pk.startsWith("BUDGET#"))) results.push(result.ok);
      return result;
    },
  };
  const records = Array.from({ length: 10 }, (_, n) => record(`${n}`, `group ${n}`, JSON.stringify(accuse(world))));
  expect(await respondToBatch(records, { ...batchPorts, table }, signal)).toEqual({ batchItemFailures: [] });
  expect(results).toEqual(Array.from({ length: 7 }, () => true));
  expect(world.ecs.stopped.size).toBe(7);
});

test("whoever waits to see its task stopped looks at the same moments as the others", async () => {
  const world = new World();
  world.ecs.ticksToStop = 5;
  const looks: number[] = [];
  const sleep = world.clock.sleep;
  const clock = {
    now: () => world.clock.now(),
    sleep: async (ms: number, stop: AbortSignal) => {
      await sleep(ms, stop);
      looks.push(world.clock.now() % 400);
    },
  };
  world.later(123);
  await respondToBatch([record("1", "a", JSON.stringify(accuse(world)))], { ...ports(world).ports, clock }, signal);
  expect(looks.length).toBeGreaterThan(1);
  expect(new Set(looks)).toEqual(new Set([0]));
  expect(world.ecs.stopped.size).toBe(1);
});
