import { randomUUID } from "node:crypto";
import { s3Archive } from "#shared/adapters/archive.ts";
import { systemClock } from "#shared/adapters/clock.ts";
import { clusterAccess } from "#shared/adapters/cluster-access.ts";
import { readCompiled } from "#shared/adapters/compiled.ts";
import { deadLetterQueue, redelivery, sqsClient } from "#shared/adapters/dead-letters.ts";
import { dynamodbTable } from "#shared/adapters/dynamodb-table.ts";
import { sqsOrders } from "#shared/adapters/orders.ts";
import { ssmSwitch } from "#shared/adapters/switch-parameter.ts";
import { liveTelemetry } from "#shared/adapters/telemetry.ts";
import type { Lane } from "#shared/domain/action.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { BatchPorts } from "#shared/pipeline/respond/batch.ts";
import { Sightings } from "#shared/playbooks/ecs/sightings.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";

/**
 * The world of a responder as deployed. `openers`: only the kind of cluster it is made for. Throws `config_invalid` where a setting or a
 * compiled file is missing: at start, not at the first alert.
 */
export function liveRespondPorts(env: NodeJS.ProcessEnv, lane: Lane, openers: Partial<ClusterAccess>): BatchPorts {
  const { policy, registry } = readCompiled();
  const sqs = sqsClient();
  const deadLetterUrl = setting(env, "DLQ_URL");
  return {
    table: dynamodbTable(setting(env, "LEDGER_TABLE")),
    access: clusterAccess(openers),
    lanes: [lane],
    // Alerts come by ingest; what respond itself hands over is for the widest rights only.
    orders: sqsOrders(lane === "ecs" ? { wide: setting(env, "QUEUE_WIDE_URL") } : {}, sqs),
    evidence: s3Archive(setting(env, "EVIDENCE_BUCKET")),
    deadLetters: deadLetterQueue(deadLetterUrl, sqs),
    redelivery: redelivery(deadLetterUrl, sqs),
    clock: systemClock,
    telemetry: liveTelemetry(`respond-${lane}`),
    policy,
    registry,
    switchParameter: ssmSwitch(setting(env, "SWITCH_PARAMETER")),
    sightings: new Sightings(),
    newId: randomUUID,
  };
}

function setting(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (!value) throw new PipelineError("config_invalid", `the environment variable ${name} is missing`);
  return value;
}
