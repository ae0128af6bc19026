import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context } from "aws-lambda";
import { vi } from "vitest";
import { policyOf, registry } from "../fakes/world.ts";

export const context = { awsRequestId: "r", functionName: "f", getRemainingTimeInMillis: () => 60_000 } as Context;

/** What a deployed function finds when it is loaded: its settings and compiled files. Returns what takes it away again. */
export function deployedEnvironment(): () => void {
  const folder = mkdtempSync(join(tmpdir(), "falco-responder-"));
  writeFileSync(join(folder, "registry.json"), JSON.stringify(registry));
  writeFileSync(join(folder, "policy.json"), JSON.stringify(policyOf()));
  const settings = {
    COMPILED_DIR: folder,
    LEDGER_TABLE: "ledger",
    DLQ_URL: "https://sqs.eu-west-1.amazonaws.com/111122223333/alerts-dead.fifo",
    QUEUE_ECS_URL: "https://sqs.eu-west-1.amazonaws.com/111122223333/alerts-ecs.fifo",
    QUEUE_KUBERNETES_URL: "https://sqs.eu-west-1.amazonaws.com/111122223333/alerts-kubernetes.fifo",
    QUEUE_WIDE_URL: "https://sqs.eu-west-1.amazonaws.com/111122223333/alerts-wide.fifo",
    EVIDENCE_BUCKET: "evidence",
    AUDIT_BUCKET: "audit",
    SWITCH_PARAMETER: "/falco-responder/test/switch",
    AWS_REGION: "eu-west-1",
    POWERTOOLS_DEV: "false",
  };
  for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value);
  return () => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  };
}
