import { dynamodbTable } from "#shared/adapters/dynamodb-table.ts";
import { liveIngestPorts } from "#shared/adapters/live-ingest.ts";
import { logGroups } from "#shared/adapters/log-groups.ts";
import { liveTelemetry } from "#shared/adapters/telemetry.ts";
import type { RefetchPorts } from "#shared/pipeline/refetch.ts";

/** The world of refetch as deployed: ingest's, and the log groups themselves. Throws as `liveIngestPorts` does. */
export function liveRefetchPorts(env: NodeJS.ProcessEnv): RefetchPorts {
  const ports = liveIngestPorts(env);
  return { ...ports, telemetry: liveTelemetry("refetch"), table: dynamodbTable(env["LEDGER_TABLE"] ?? ""), groups: logGroups() };
}
