import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context } from "aws-lambda";
import { beforeAll, expect, test } from "vitest";
import { fakeIngestPorts } from "../../fixtures/ingest-ports.ts";
import { logsEvent, packed } from "../../fixtures/logs.ts";
import { everything, policyOf, registry } from "../../fixtures/registry.ts";
import { alertText } from "../../fixtures/shapes.ts";

// Only what middy looks at.
const context = { awsRequestId: "1", getRemainingTimeInMillis: () => 30_000 } as Partial<Context> as Context;

beforeAll(() => {
  const folder = mkdtempSync(join(tmpdir(), "falco-responder-compiled-"));
  writeFileSync(join(folder, "registry.json"), JSON.stringify(registry));
  writeFileSync(join(folder, "policy.json"), JSON.stringify(policyOf([everything])));
  Object.assign(process.env, {
    COMPILED_DIR: folder,
    AWS_REGION: "eu-west-1",
    LEDGER_TABLE: "ledger",
    UNREADABLE_BUCKET: "unreadable",
    QUEUE_ECS_URL: "http://127.0.0.1:9/ecs.fifo",
    QUEUE_KUBERNETES_URL: "http://127.0.0.1:9/kubernetes.fifo",
  });
});

const load = () => import("../../../functions/ingest/handler.ts");

test("a torn line is kept and its neighbours are still queued", async () => {
  const { createHandler } = await load();
  const ports = fakeIngestPorts();
  const report = await createHandler(ports)(logsEvent(['{"log":{"rule":', alertText()]), context);
  expect(report).toMatchObject({ queued: 1, unreadable: 1, ignored: 0 });
  expect(ports.unreadable.objects.size).toBe(1);
});

test("the deployed export is wrapped and works with the compiled files", async () => {
  const { handler } = await load();
  expect(handler.use).toBeTypeOf("function");
  expect(await handler(packed({ messageType: "CONTROL_MESSAGE" }), context)).toMatchObject({ events: 0 });
});

test("a queue that cannot be reached rejects: Lambda delivers the batch again", async () => {
  const { createHandler } = await load();
  const ports = fakeIngestPorts();
  ports.queue.failures.push({ accept: 0 });
  await expect(createHandler(ports)(logsEvent([alertText()]), context)).rejects.toMatchObject({ code: "aws_throttled" });
});

test("just before its time is over the work is aborted", async () => {
  const { createHandler } = await load();
  let aborted = false;
  const ports = fakeIngestPorts();
  const slow = {
    ...ports,
    queue: {
      send: (_entries: unknown, signal: AbortSignal) =>
        new Promise<void>((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            aborted = true;
            reject(signal.reason);
          });
        }),
    },
  };
  const little = { awsRequestId: "1", getRemainingTimeInMillis: () => 1_050 } as Partial<Context> as Context;
  await expect(createHandler(slow)(logsEvent([alertText()]), little)).rejects.toThrow();
  expect(aborted).toBe(true);
});
