import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { ECSClient } from "@aws-sdk/client-ecs";
import type { SQSRecord } from "aws-lambda";
import { ecsTasks } from "#shared/adapters/tasks.ts";
import type { Mode } from "#shared/domain/policy.ts";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import { respondToBatch } from "#shared/pipeline/respond/batch.ts";
import { Sightings } from "#shared/playbooks/ecs/sightings.ts";
import { encodeEntry } from "#shared/wire/queue-entry.ts";
import { fakeAccess } from "../fakes/cluster-access.ts";
import type { FakeEcs } from "../fakes/tasks.ts";
import { policyOf, taskEntry, World } from "../fakes/world.ts";
import { ecsCluster } from "../playbooks/builders.ts";
import type { BenchRow } from "./row.ts";

const WORKLOADS = 50;
const ALERTS = 1_000;
/** As the queue gives them to one invocation. */
const BATCH = 10;
/** The storm is over within half a minute. */
const BETWEEN_BATCHES_MS = 250;

/**
 * API calls of ECS that a storm of distinct alerts costs one warm responder: the deployed batch loop, respond and the real adapter with its
 * SDK client, against an ECS endpoint that counts requests. Every alert has a decision about its own task, or the run throws.
 */
export async function ecsCalls(): Promise<readonly BenchRow[]> {
  const storm = `${ALERTS} distinct alerts of ${WORKLOADS} services, one warm function, batches of ${BATCH}`;
  const alone = await calls("observe", false);
  const together = await calls("observe", true);
  const acting = await calls("enforce", true);
  const row = (name: string, value: number, compared: string): BenchRow => ({
    name,
    value,
    unit: "ECS API calls",
    compared: `${storm}; ${compared}`,
  });
  return [
    row("ecs_calls_per_1000_alerts", together, "only told; wanted <= 60"),
    row("ecs_calls_per_1000_alerts_unremembered", alone, "the same without what ECS said lately, joined calls only"),
    row("ecs_calls_per_1000_alerts_acting", acting, `${WORKLOADS} tasks stopped and verified: each is described again before and after`),
  ];
}

async function calls(mode: Mode, remember: boolean): Promise<number> {
  const world = new World(policyOf(undefined, { mode }));
  const tasks = Array.from({ length: WORKLOADS }, (_, n) => {
    const instance = world.ecs.instance(`i-${String(n % 10).padStart(17, "0")}`);
    return world.ecs.service(`web-${n}`, { family: `web-${n}`, instance, tags: { team: "shop" }, desired: 1 })[0];
  }).filter((task) => task !== undefined);
  const endpoint = await serve(world.ecs);
  try {
    const ecs = ecsTasks(endpoint.client, ecsCluster);
    const ports = {
      ...world.respondPorts(),
      ...(remember ? { sightings: new Sightings() } : {}),
      access: fakeAccess({ tasks: ecs }),
      redelivery: { after: () => Promise.resolve() },
    };
    for (let at = 0; at < ALERTS; at += BATCH) {
      const records = Array.from({ length: BATCH }, (_, n) => {
        const task = tasks[(at + n) % tasks.length];
        const id = task?.containers[0]?.runtimeId ?? "";
        return record(at + n, taskEntry(world, { taskArn: task?.taskArn ?? "", containerId: id }), id);
      });
      const { batchItemFailures } = await respondToBatch(records, ports, new AbortController().signal);
      if (batchItemFailures.length > 0) throw new Error(`${batchItemFailures.length} alerts of a batch failed`);
      world.later(BETWEEN_BATCHES_MS);
    }
    const told = world.bodies<{ readonly decisions: readonly unknown[] }>("alert").filter(({ decisions }) => decisions.length > 0);
    if (told.length !== ALERTS) throw new Error(`${told.length} of ${ALERTS} alerts have a decision`);
    const stopped = world.ecs.stopped.size;
    if (stopped !== (mode === "enforce" ? WORKLOADS : 0)) throw new Error(`${stopped} tasks were stopped`);
    return endpoint.asked();
  } finally {
    endpoint.close();
  }
}

const record = (n: number, entry: QueueEntry, group: string): SQSRecord => ({
  messageId: `m-${n}`,
  receiptHandle: `r-${n}`,
  body: encodeEntry(entry),
  attributes: {
    ApproximateReceiveCount: "1",
    SentTimestamp: "0",
    SenderId: "ingest",
    ApproximateFirstReceiveTimestamp: "0",
    MessageGroupId: group,
  },
  messageAttributes: {},
  md5OfBody: "",
  eventSource: "aws:sqs",
  eventSourceARN: "arn:aws:sqs:eu-west-1:111122223333:alerts.fifo",
  awsRegion: "eu-west-1",
});

/** The fake ECS behind ECS's own protocol, every request counted. */
async function serve(ecs: FakeEcs) {
  let asked = 0;
  const server = createServer((request, response) => {
    asked++;
    const action = String(request.headers["x-amz-target"]).split(".")[1] ?? "";
    void bodyOf(request)
      .then((body) => answer(ecs, action, JSON.parse(body) as Asked))
      .then((body) => response.writeHead(200, { "content-type": "application/x-amz-json-1.1" }).end(JSON.stringify(body)))
      .catch((thrown: unknown) => request.destroy(thrown instanceof Error ? thrown : new Error(String(thrown))));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = new ECSClient({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: "eu-west-1",
    credentials: { accessKeyId: "bench", secretAccessKey: "bench" },
    maxAttempts: 1,
  });
  return {
    client,
    asked: () => asked,
    close: () => {
      client.destroy();
      server.closeAllConnections();
      server.close();
    },
  };
}

interface Asked {
  readonly tasks?: readonly string[];
  readonly services?: readonly string[];
  readonly task?: string;
  readonly reason?: string;
}

async function answer(ecs: FakeEcs, action: string, { tasks = [], services = [], task = "", reason = "" }: Asked): Promise<object> {
  const tagsOf = (tags: Readonly<Record<string, string>>) => Object.entries(tags).map(([key, value]) => ({ key, value }));
  if (action === "DescribeTasks") {
    const described = await ecs.describe(tasks);
    return {
      tasks: described.tasks.map(({ startedAtMs: _, stoppedAtMs: __, tags, ...facts }) => ({ ...facts, tags: tagsOf(tags) })),
      failures: described.missing.map((arn) => ({ arn, reason: "MISSING" })),
    };
  }
  if (action === "DescribeServices") {
    const read = async (serviceName: string) => ({ serviceName, tags: tagsOf(await ecs.serviceTags(serviceName)) });
    return { services: await Promise.all(services.map(read)), failures: [] };
  }
  if (action === "StopTask") {
    await ecs.stop(task, reason);
    return { task: { taskArn: task } };
  }
  throw new Error(`the bench's ECS does not know ${action}`);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  return body;
}
