import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { ECSClient } from "@aws-sdk/client-ecs";
import { afterEach, describe, expect, test } from "vitest";
import { ecsTasks } from "#shared/adapters/tasks.ts";
import { ecsCluster } from "../playbooks/builders.ts";

type Answer = { readonly status?: number; readonly body: Readonly<Record<string, unknown>> } | "hang up" | "silence";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A double of the ECS endpoint: answers in turn, the last one again and again, and keeps what it was asked. */
async function ecs(...answers: readonly Answer[]) {
  const asked: { readonly action: string; readonly input: Record<string, unknown> }[] = [];
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const answer = answers[Math.min(asked.length, answers.length - 1)] ?? "hang up";
      asked.push({
        action: String(request.headers["x-amz-target"]).split(".")[1] ?? "",
        input: JSON.parse(body) as Record<string, unknown>,
      });
      if (answer === "hang up") return request.socket.destroy();
      if (answer === "silence") return;
      response.writeHead(answer.status ?? 200, { "content-type": "application/x-amz-json-1.1" }).end(JSON.stringify(answer.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = new ECSClient({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: "eu-west-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 1,
  });
  closing.push(() => {
    client.destroy();
    server.closeAllConnections();
    server.close();
  });
  const time = { ms: 0 };
  return { tasks: ecsTasks(client, ecsCluster, () => time.ms), asked, time };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  return body;
}

const signal = new AbortController().signal;
const ARN = "arn:aws:ecs:eu-west-1:111122223333:task/shop/0123456789abcdef0123456789abcdef";
const TASK = {
  taskArn: ARN,
  clusterArn: "arn:aws:ecs:eu-west-1:111122223333:cluster/shop",
  taskDefinitionArn: "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7",
  lastStatus: "RUNNING",
  desiredStatus: "RUNNING",
};
const failing = (status: number, type: string): Answer => ({ status, body: { __type: type, message: "as AWS says" } });

describe("what ECS answers is translated once", () => {
  test.each<[string, Answer, string]>([
    ["a throttle", failing(400, "ThrottlingException"), "aws_throttled"],
    ["too many requests", failing(429, "Whatever"), "aws_throttled"],
    ["a missing right", failing(400, "AccessDeniedException"), "aws_denied"],
    ["an expired session", failing(400, "ExpiredTokenException"), "aws_denied"],
    ["an unknown key", failing(403, "UnrecognizedClientException"), "aws_denied"],
    ["a cluster that is not there", failing(400, "ClusterNotFoundException"), "aws_rejected"],
    ["a server error", failing(500, "ServerException"), "aws_unreachable"],
    ["a broken connection", "hang up", "aws_unreachable"],
  ])("%s", async (_, answer, code) => {
    const { tasks } = await ecs(answer);
    await expect(tasks.describe([ARN], signal)).rejects.toMatchObject({ name: "PipelineError", code, cause: expect.any(Error) });
    await expect(tasks.describe([ARN], signal)).rejects.toThrow("ECS DescribeTasks in cluster shop-prod");
  });

  test("a call whose time is over is given up", async () => {
    const { tasks, asked } = await ecs("silence");
    const abort = new AbortController();
    const call = tasks.stop(ARN, "r", abort.signal);
    const outcome = expect(call).rejects.toMatchObject({ code: "timed_out", retryable: true });
    while (asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    await outcome;
  });
});

describe("describe", () => {
  test("names cluster and tags, and reads failures of an answer that is 200", async () => {
    const { tasks, asked } = await ecs({ body: { tasks: [TASK], failures: [{ arn: "x", reason: "MISSING" }] } });
    const { tasks: found, missing } = await tasks.describe([ARN, "x"], signal);
    expect(found).toMatchObject([{ taskArn: ARN, group: null, containers: [], tags: {}, startedAtMs: null }]);
    expect(missing).toEqual(["x"]);
    expect(asked).toEqual([{ action: "DescribeTasks", input: { cluster: "shop", tasks: [ARN, "x"], include: ["TAGS"] } }]);
  });

  test("a failure of another reason is not taken for a missing task", async () => {
    const { tasks } = await ecs({ body: { tasks: [], failures: [{ arn: ARN, reason: "INTERNAL" }] } });
    await expect(tasks.describe([ARN], signal)).rejects.toMatchObject({ code: "aws_rejected" });
  });

  test.each(Object.keys(TASK))("a task without %s is an error, not a task without protection", async (key) => {
    const { tasks } = await ecs({ body: { tasks: [{ ...TASK, [key]: undefined }] } });
    await expect(tasks.describe([ARN], signal)).rejects.toMatchObject({ code: "aws_rejected" });
  });
});

test("a list of an instance asks for running and stopped tasks, all pages of both", async () => {
  const { tasks, asked } = await ecs(
    { body: { taskArns: ["a"], nextToken: "more" } },
    { body: { taskArns: ["b"] } },
    { body: { taskArns: ["b", "c"] } },
  );
  expect(await tasks.listOnInstance("ci", signal)).toEqual(["a", "b", "c"]);
  expect(asked.map(({ input }) => [input["desiredStatus"], input["nextToken"]])).toEqual([
    ["RUNNING", undefined],
    ["RUNNING", "more"],
    ["STOPPED", undefined],
  ]);
  expect(asked.every(({ input }) => input["cluster"] === "shop" && input["containerInstance"] === "ci")).toBe(true);
});

test("pages without end are an error", async () => {
  const { tasks } = await ecs({ body: { taskArns: [], nextToken: "more" } });
  await expect(tasks.listOnInstance("ci", signal)).rejects.toMatchObject({ code: "aws_rejected" });
});

test("two registrations of one machine name none", async () => {
  const both = await ecs({ body: { containerInstanceArns: ["a", "b"] } });
  expect(await both.tasks.instanceByEc2Id("i-0", signal)).toBeNull();
  const one = await ecs({ body: { containerInstanceArns: ["a"] } });
  expect(await one.tasks.instanceByEc2Id("i-0", signal)).toBe("a");
});

describe("stop", () => {
  test("is accepted, with cluster and reason", async () => {
    const { tasks, asked } = await ecs({ body: { task: TASK } });
    expect(await tasks.stop(ARN, "why", signal)).toBe("accepted");
    expect(asked).toEqual([{ action: "StopTask", input: { cluster: "shop", task: ARN, reason: "why" } }]);
  });

  test("an invalid parameter is gone when the task is missing, and an error when it is there", async () => {
    const gone = await ecs(failing(400, "InvalidParameterException"), { body: { failures: [{ arn: ARN, reason: "MISSING" }] } });
    expect(await gone.tasks.stop(ARN, "why", signal)).toBe("gone");
    const there = await ecs(failing(400, "InvalidParameterException"), { body: { tasks: [TASK] } });
    await expect(there.tasks.stop(ARN, "why", signal)).rejects.toMatchObject({ code: "aws_rejected" });
  });
});

test("tags of a service that is not described are an error, of one without tags they are none", async () => {
  const missing = await ecs({ body: { services: [], failures: [{ arn: "web", reason: "MISSING" }] } });
  await expect(missing.tasks.serviceTags("web", signal)).rejects.toMatchObject({ code: "aws_rejected" });
  const bare = await ecs({ body: { services: [{ serviceName: "web" }] } });
  expect(await bare.tasks.serviceTags("web", signal)).toEqual({});
});

describe("what alerts want at the same time", () => {
  const arn = (n: number): string => ARN.replace(/[^/]+$/, n.toString(16).padStart(32, "0"));

  test("tasks are described in one call, each caller gets its own, and nothing is remembered", async () => {
    const all = [1, 2, 3].map((n) => ({ ...TASK, taskArn: arn(n) }));
    const { tasks, asked } = await ecs({ body: { tasks: all } });
    const answers = await Promise.all(all.map(({ taskArn }) => tasks.describe([taskArn], signal)));
    expect(answers.map((answer) => answer.tasks.map(({ taskArn }) => taskArn))).toEqual(all.map(({ taskArn }) => [taskArn]));
    expect(asked.map(({ input }) => input["tasks"])).toEqual([all.map(({ taskArn }) => taskArn)]);
    await tasks.describe([arn(1)], signal);
    expect(asked).toHaveLength(2);
  });

  test("services are described ten at a time", async () => {
    const names = Array.from({ length: 12 }, (_, n) => `web-${n}`);
    const { tasks, asked } = await ecs({ body: { services: names.map((serviceName) => ({ serviceName, tags: [] })) } });
    await Promise.all(names.map((name) => tasks.serviceTags(name, signal)));
    expect(asked.map(({ input }) => input["services"])).toEqual([names.slice(0, 10), names.slice(10)]);
  });

  test("a machine keeps its container instance ten minutes, unless no task is left there", async () => {
    const instance = ARN.replace(":task/", ":container-instance/");
    const { tasks, asked, time } = await ecs({ body: { containerInstanceArns: [instance], taskArns: [] } });
    const actions = () => asked.splice(0).map(({ action }) => action);
    const look = () => tasks.instanceByEc2Id("i-0123456789abcdef0", signal);
    expect([await look(), await look()]).toEqual([instance, instance]);
    time.ms = 599_999;
    await look();
    expect(actions()).toEqual(["ListContainerInstances"]);
    time.ms = 600_000;
    await look();
    expect(actions()).toEqual(["ListContainerInstances"]);
    await tasks.listOnInstance(instance, signal);
    await look();
    expect(actions()).toEqual(["ListTasks", "ListTasks", "ListContainerInstances"]);
  });
});
