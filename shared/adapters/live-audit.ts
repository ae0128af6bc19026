import { s3Archive } from "#shared/adapters/archive.ts";
import { systemClock } from "#shared/adapters/clock.ts";
import { readCompiled } from "#shared/adapters/compiled.ts";
import { dynamodbTable } from "#shared/adapters/dynamodb-table.ts";
import { liveTelemetry } from "#shared/adapters/telemetry.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { AuditPorts } from "#shared/pipeline/audit.ts";

/** The world of audit as deployed. Throws `config_invalid` where a setting or a compiled file is missing: at start, not at the first change. */
export function liveAuditPorts(env: NodeJS.ProcessEnv): AuditPorts {
  const setting = (name: string): string => {
    const value = env[name];
    if (!value) throw new PipelineError("config_invalid", `the environment variable ${name} is missing`);
    return value;
  };
  return {
    archive: s3Archive(setting("AUDIT_BUCKET")),
    table: dynamodbTable(setting("LEDGER_TABLE")),
    clock: systemClock,
    telemetry: liveTelemetry("audit"),
    ...readCompiled(),
  };
}
