import { s3Reader } from "#shared/adapters/archive.ts";
import { systemClock } from "#shared/adapters/clock.ts";
import { dynamodbTable } from "#shared/adapters/dynamodb-table.ts";
import { laneUrls, sqsOrders } from "#shared/adapters/orders.ts";
import { liveTelemetry } from "#shared/adapters/telemetry.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Kept } from "#shared/pipeline/operate/report.ts";
import type { OperatePorts } from "#shared/pipeline/operate.ts";

/** The world of operate as deployed. Throws `config_invalid` where a setting is missing: at start, not at the first request. */
export function liveOperatePorts(env: NodeJS.ProcessEnv): OperatePorts & { readonly kept: Kept } {
  const setting = (name: string): string => {
    const value = env[name];
    if (!value) throw new PipelineError("config_invalid", `the environment variable ${name} is missing`);
    return value;
  };
  return {
    table: dynamodbTable(setting("LEDGER_TABLE")),
    orders: sqsOrders(laneUrls(env)),
    clock: systemClock,
    telemetry: liveTelemetry("operate"),
    kept: { audit: s3Reader(setting("AUDIT_BUCKET")), evidence: s3Reader(setting("EVIDENCE_BUCKET")) },
  };
}
