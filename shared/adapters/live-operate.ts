import { systemClock } from "#shared/adapters/clock.ts";
import { readCompiled } from "#shared/adapters/compiled.ts";
import { dynamodbTable } from "#shared/adapters/dynamodb-table.ts";
import { laneUrls, sqsOrders } from "#shared/adapters/orders.ts";
import { ssmSwitch } from "#shared/adapters/switch-parameter.ts";
import { liveTelemetry } from "#shared/adapters/telemetry.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { FleetPorts } from "#shared/pipeline/operate.ts";

/** The world of operate as deployed. Throws `config_invalid` where a setting or a compiled file is missing: at start, not at the first request. */
export function liveOperatePorts(env: NodeJS.ProcessEnv): FleetPorts {
  const table = env["LEDGER_TABLE"];
  if (!table) throw new PipelineError("config_invalid", "the environment variable LEDGER_TABLE is missing");
  return {
    table: dynamodbTable(table),
    orders: sqsOrders(laneUrls(env)),
    clock: systemClock,
    telemetry: liveTelemetry("operate"),
    registry: readCompiled().registry,
    switchParameter: ssmSwitch(env["SWITCH_PARAMETER"]),
  };
}
