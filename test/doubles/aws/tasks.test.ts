import {
  DescribeTasksCommand,
  ECSClient,
  ListTagsForResourceCommand,
  ListTasksCommand,
  StopTaskCommand,
  TagResourceCommand,
  type Task,
} from "@aws-sdk/client-ecs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Aws } from "./aws.ts";

const NOW = Date.parse("2026-03-01T12:00:00Z");
let aws: Aws;
let client: ECSClient;
beforeEach(async () => {
  aws = await Aws.start({ now: () => NOW });
  client = new ECSClient(aws.config());
});
afterEach(() => aws[Symbol.asyncDispose]());

const cluster = "shop";
const one = async (task: string): Promise<Task> => {
  const { tasks } = await client.send(new DescribeTasksCommand({ cluster, tasks: [task], include: ["TAGS"] }));
  if (tasks?.[0] === undefined) throw new Error(`not described: ${task}`);
  return tasks[0];
};
const stop = (task: string, reason = "falco-responder: a test") => client.send(new StopTaskCommand({ cluster, task, reason }));
const list = (input: object = {}) => client.send(new ListTasksCommand({ cluster, ...input }));
/** Seconds from the order to STOPPED; null: not stopped. */
const tookSeconds = async (task: string): Promise<number | null> => {
  const { stoppingAt, stoppedAt } = await one(task);
  return stoppingAt && stoppedAt ? (stoppedAt.getTime() - stoppingAt.getTime()) / 1_000 : null;
};

test("a task that exits on SIGTERM is STOPPED then; one that traps it lives until its stop timeout, and the times are true", async () => {
  aws.world.instance();
  const patient = aws.world.definition("patient", {}, [{ stopTimeout: 5 }, { name: "slow", stopTimeout: 90 }]);
  const quick = aws.world.task({ exitsAfterSeconds: 2 }).arn;
  const traps = aws.world.task({ exitsAfterSeconds: Number.POSITIVE_INFINITY }).arn;
  const trapsLonger = aws.world.task({ exitsAfterSeconds: Number.POSITIVE_INFINITY, definitionArn: patient }).arn;
  for (const task of [quick, traps, trapsLonger]) await stop(task);
  expect(await one(traps)).toMatchObject({ desiredStatus: "STOPPED", lastStatus: "STOPPING", stopCode: "UserInitiated" });
  aws.world.tick(1_999);
  expect(await tookSeconds(quick)).toBeNull();
  aws.world.tick(1);
  expect(await tookSeconds(quick)).toBe(2);
  aws.world.tick(27_999);
  expect(await tookSeconds(traps)).toBeNull();
  // However much time passes at once, each stops at its own.
  aws.world.tick(600_000);
  expect(await tookSeconds(traps)).toBe(30);
  expect(await tookSeconds(trapsLonger)).toBe(90);
});

test("a task whose agent is away runs on although it was told to stop, until the agent is back; its neighbour stops", async () => {
  const [away, here] = [aws.world.instance().arn, aws.world.instance().arn];
  const [unreached, reached] = [aws.world.task({ instanceArn: away }).arn, aws.world.task({ instanceArn: here }).arn];
  aws.world.connect(away, false);
  for (const task of [unreached, reached]) await stop(task);
  aws.world.tick(600_000);
  expect(await one(unreached)).toMatchObject({ desiredStatus: "STOPPED", lastStatus: "RUNNING", connectivity: "DISCONNECTED" });
  expect(await one(reached)).toMatchObject({ lastStatus: "STOPPED", connectivity: "CONNECTED" });
  aws.world.connect(away, true);
  aws.world.tick(1_000);
  expect(await one(unreached)).toMatchObject({ lastStatus: "STOPPED" });
  expect(await tookSeconds(unreached)).toBe(601);
});

test("the end of a task is heard of only when its agent is back", async () => {
  const away = aws.world.instance().arn;
  const { arn } = aws.world.task({ instanceArn: away, exitsAfterSeconds: 10 });
  await stop(arn);
  aws.world.tick(5_000);
  aws.world.connect(away, false);
  aws.world.tick(60_000);
  expect(await one(arn)).toMatchObject({ lastStatus: "STOPPING" });
  aws.world.connect(away, true);
  expect(await one(arn)).toMatchObject({
    lastStatus: "STOPPED",
    executionStoppedAt: new Date(NOW + 10_000),
    stoppedAt: new Date(NOW + 65_000),
  });
});

test("the first reason stays, a second StopTask changes nothing, and one too long is refused", async () => {
  const { arn } = aws.world.task();
  await expect(stop(arn, "x".repeat(256))).rejects.toMatchObject({ name: "InvalidParameterException" });
  await stop(arn, "x".repeat(255));
  await stop(arn, "second");
  expect(await one(arn)).toMatchObject({ stoppedReason: "x".repeat(255) });
});

test("a stopped task is described for an hour, then ECS does not know it", async () => {
  const { arn } = aws.world.task();
  await stop(arn);
  aws.world.tick(3_600_000);
  expect(await one(arn)).toMatchObject({ lastStatus: "STOPPED" });
  expect((await stop(arn)).task).toMatchObject({ lastStatus: "STOPPED" });
  aws.world.tick(1_000);
  const { tasks, failures } = await client.send(new DescribeTasksCommand({ cluster, tasks: [arn] }));
  expect({ tasks, failures }).toEqual({ tasks: [], failures: [{ arn, reason: "MISSING" }] });
  await expect(stop(arn)).rejects.toMatchObject({ name: "InvalidParameterException" });
});

test("runtimeId lags the start by an agent report; on Fargate it begins with the task's id", async () => {
  const { arn } = aws.world.task({ runtimeIdAfterSeconds: 3 });
  expect((await one(arn)).containers?.[0]).not.toHaveProperty("runtimeId");
  aws.world.tick(3_000);
  expect((await one(arn)).containers?.[0]?.runtimeId).toMatch(/^[0-9a-f]{64}$/);
  const fargate = await one(aws.world.task({ launchType: "FARGATE" }).arn);
  const id = fargate.taskArn?.split("/").at(-1);
  expect(fargate.containers?.[0]?.runtimeId).toMatch(new RegExp(`^${id}-\\d{10}$`));
  expect(fargate).not.toHaveProperty("containerInstanceArn");
});

test("tags come only when they are asked for, and are gone with the task", async () => {
  const { arn } = aws.world.task({ tags: { team: "shop" } });
  const plain = await client.send(new DescribeTasksCommand({ cluster, tasks: [arn] }));
  expect(plain.tasks?.[0]?.tags).toEqual([]);
  await client.send(new TagResourceCommand({ resourceArn: arn, tags: [{ key: "a", value: "b" }] }));
  const tags = [
    { key: "team", value: "shop" },
    { key: "a", value: "b" },
  ];
  expect((await one(arn)).tags).toEqual(tags);
  expect((await client.send(new ListTagsForResourceCommand({ resourceArn: arn }))).tags).toEqual(tags);
  await stop(arn);
  expect((await one(arn)).tags).toEqual(tags);
  aws.world.tick(1_000);
  expect((await one(arn)).tags).toEqual([]);
});

test.each([
  ["a key of AWS's own", { key: "aws:x", value: "" }],
  ["a key too long", { key: "k".repeat(129), value: "" }],
  ["a value too long", { key: "k", value: "v".repeat(257) }],
  ["a character that no tag has", { key: "k", value: "a;b" }],
])("a tag with %s is refused, and its neighbour in the same call too", async (_, tag) => {
  const { arn } = aws.world.task();
  const tags = [{ key: "good", value: "v".repeat(256) }, tag];
  await expect(client.send(new TagResourceCommand({ resourceArn: arn, tags }))).rejects.toMatchObject({
    name: "InvalidParameterException",
  });
  expect((await one(arn)).tags).toEqual([]);
  await client.send(new TagResourceCommand({ resourceArn: arn, tags: tags.slice(0, 1) }));
  expect((await one(arn)).tags).toHaveLength(1);
});

test("a list comes in pages of a hundred or of what is asked, whole and without repeats", async () => {
  aws.world.service({ name: "web", desired: 250, launchType: "FARGATE" });
  const pages = async (input: object): Promise<string[][]> => {
    const all: string[][] = [];
    for (let nextToken: string | undefined, n = 0; n === 0 || nextToken !== undefined; n++) {
      const answer = await list({ ...input, nextToken });
      all.push(answer.taskArns ?? []);
      nextToken = answer.nextToken;
    }
    return all;
  };
  const byDefault = await pages({});
  expect(byDefault.map((page) => page.length)).toEqual([100, 100, 50]);
  expect(new Set(byDefault.flat()).size).toBe(250);
  expect((await pages({ maxResults: 50 })).map((page) => page.length)).toEqual([50, 50, 50, 50, 50]);
  for (const wrong of [{ maxResults: 0 }, { maxResults: 101 }, { nextToken: "nonsense" }])
    await expect(list(wrong)).rejects.toMatchObject({ name: "InvalidParameterException" });
});

test("a list keeps to the instance, the service, the family and the desired status it is asked for", async () => {
  const [first, second] = [aws.world.instance().arn, aws.world.instance().arn];
  aws.world.service({ name: "web", desired: 2 });
  const alone = aws.world.task({ instanceArn: second, definitionArn: aws.world.definition("batch") }).arn;
  const services = aws.world.tasksOf("web");
  const at = (instance: string) => services.filter(({ instanceArn }) => instanceArn === instance).map(({ arn }) => arn);
  expect((await list({ containerInstance: first })).taskArns).toEqual(at(first));
  expect((await list({ containerInstance: second })).taskArns).toEqual([...at(second), alone]);
  expect((await list({ serviceName: "web" })).taskArns).toEqual(services.map(({ arn }) => arn));
  expect((await list({ family: "batch" })).taskArns).toEqual([alone]);
  await stop(alone);
  expect((await list({ containerInstance: second })).taskArns).toEqual(at(second));
  expect((await list({ containerInstance: second, desiredStatus: "STOPPED" })).taskArns).toEqual([alone]);
  expect((await list({ desiredStatus: "PENDING" })).taskArns).toEqual([]);
  await expect(list({ serviceName: "nobody" })).rejects.toMatchObject({ name: "ServiceNotFoundException" });
});

test("a hundred tasks are described, one more is refused, and none is", async () => {
  const many = (n: number) => client.send(new DescribeTasksCommand({ cluster, tasks: Array.from({ length: n }, (_, i) => `${i}`) }));
  aws.world.cluster();
  expect((await many(100)).failures).toHaveLength(100);
  for (const n of [0, 101]) await expect(many(n)).rejects.toMatchObject({ name: "InvalidParameterException" });
});

test("a task is found by its id too, not in another cluster, and without a cluster in the one named default", async () => {
  const task = aws.world.task({ cluster: "default" }).arn;
  aws.world.cluster();
  const found = async (input: { cluster?: string; tasks: string[] }) =>
    (await client.send(new DescribeTasksCommand(input))).tasks?.[0]?.taskArn;
  expect(await found({ tasks: [task] })).toBe(task);
  expect(await found({ cluster: "default", tasks: [task.split("/").at(-1) ?? ""] })).toBe(task);
  expect(await found({ cluster, tasks: [task] })).toBeUndefined();
  await expect(found({ cluster: "nobody", tasks: [task] })).rejects.toMatchObject({ name: "ClusterNotFoundException" });
});
