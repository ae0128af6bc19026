import { systemClock } from "#shared/adapters/clock.ts";
import { readCompiledRegistry } from "#shared/adapters/compiled.ts";
import { dynamodbTable } from "#shared/adapters/dynamodb-table.ts";
import { laneUrls, sqsOrders } from "#shared/adapters/orders.ts";
import { liveTelemetry } from "#shared/adapters/telemetry.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { OperatePorts } from "#shared/pipeline/operate.ts";

/** The world of operate as deployed. Throws `config_invalid` where a setting or the compiled registry is missing: at start, not at the first request. */
export function liveOperatePorts(env: NodeJS.ProcessEnv): OperatePorts {
  const table = env["LEDGER_TABLE"];
  if (!table) throw new PipelineError("config_invalid", "the environment variable LEDGER_TABLE is missing");
  return {
    table: dynamodbTable(table),
    orders: sqsOrders(laneUrls(env)),
    clock: systemClock,
    telemetry: liveTelemetry("operate"),
    registry: readCompiledRegistry(),
  };
}
