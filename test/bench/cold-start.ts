import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { policyText } from "#shared/policy/load.ts";
import { registry } from "../fixtures/registry.ts";
import { bundle, median } from "./bundle.ts";
import { policyOfSize } from "./policies.ts";
import type { BenchRow } from "./row.ts";

const ROUNDS = 15;
const RULES = 10_000;

/** Builds the clients that ingest builds, and nothing else. */
const CLIENTS = `
  import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
  import { S3Client } from "@aws-sdk/client-s3";
  import { SQSClient } from "@aws-sdk/client-sqs";
  import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
  export const handler = [new SQSClient({}), new S3Client({}), DynamoDBDocumentClient.from(new DynamoDBClient({}))];
`;

/**
 * CPU time of loading the deployed ingest bundle (10,000 rules compiled beside it) until its handler is there, over that of a bundle which
 * only builds the same clients of the SDK. Each in a fresh process, in turn; Node's own start is in neither.
 */
export async function coldStart(): Promise<readonly BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "falco-responder-compiled-"));
  writeFileSync(join(folder, "policy.json"), policyText(policyOfSize(RULES)));
  writeFileSync(join(folder, "registry.json"), JSON.stringify(registry));
  const ours = await bundle("ingest", { file: "functions/ingest/handler.ts" });
  const clients = await bundle("clients", { contents: CLIENTS });
  const times = { ours: [] as number[], clients: [] as number[] };
  for (let round = -1; round < ROUNDS; round++) {
    const [a, b] = [start(ours, folder), start(clients, folder)];
    if (round < 0) continue;
    times.ours.push(a);
    times.clients.push(b);
  }
  const [own, base] = [median(times.ours), median(times.clients)];
  return [
    {
      name: "cold_start_vs_sdk",
      value: own / base,
      unit: "times",
      compared: `ingest with ${RULES} rules over the bare SDK clients, median of ${ROUNDS}; wanted <= 1.3`,
    },
    { name: "cold_start_ingest_ms", value: own, unit: "ms of CPU", compared: "loading the bundle" },
    { name: "cold_start_sdk_ms", value: base, unit: "ms of CPU", compared: "loading the clients only" },
  ];
}

function start(path: string, folder: string): number {
  const script = `
    const before = process.cpuUsage();
    const { handler } = await import(${JSON.stringify(pathToFileURL(path).href)});
    const { user, system } = process.cpuUsage(before);
    if (handler === undefined) throw new Error("no handler");
    console.log((user + system) / 1000);
    process.exit(0);
  `;
  const env = {
    COMPILED_DIR: folder,
    AWS_REGION: "eu-west-1",
    AWS_ACCESS_KEY_ID: "bench",
    AWS_SECRET_ACCESS_KEY: "bench",
    LEDGER_TABLE: "ledger",
    UNREADABLE_BUCKET: "unreadable",
    QUEUE_ECS_URL: "http://127.0.0.1:9/ecs.fifo",
    QUEUE_KUBERNETES_URL: "http://127.0.0.1:9/kubernetes.fifo",
  };
  return Number(execFileSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8", env }));
}
