import { sqsAlertQueue } from "#shared/adapters/alert-queue.ts";
import { s3Archive } from "#shared/adapters/archive.ts";
import { systemClock } from "#shared/adapters/clock.ts";
import { readCompiled } from "#shared/adapters/compiled.ts";
import { dynamodbTable } from "#shared/adapters/dynamodb-table.ts";
import { liveTelemetry } from "#shared/adapters/telemetry.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { IngestPorts } from "#shared/pipeline/ingest.ts";

/** The world of ingest as deployed. Throws `config_invalid` where a setting or a compiled file is missing: at start, not at the first alert. */
export function liveIngestPorts(env: NodeJS.ProcessEnv): IngestPorts {
  const { policy, registry } = readCompiled();
  return {
    registry,
    policy,
    queue: sqsAlertQueue({ ecs: setting(env, "QUEUE_ECS_URL"), kubernetes: setting(env, "QUEUE_KUBERNETES_URL") }),
    unreadable: s3Archive(setting(env, "UNREADABLE_BUCKET")),
    table: dynamodbTable(setting(env, "LEDGER_TABLE")),
    clock: systemClock,
    telemetry: liveTelemetry("ingest"),
  };
}

function setting(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (!value) throw new PipelineError("config_invalid", `the environment variable ${name} is missing`);
  return value;
}
