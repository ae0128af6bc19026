import { channels } from "#shared/adapters/channels.ts";
import { systemClock } from "#shared/adapters/clock.ts";
import { readCompiled } from "#shared/adapters/compiled.ts";
import { dynamodbTable } from "#shared/adapters/dynamodb-table.ts";
import { secretReader } from "#shared/adapters/secrets.ts";
import { liveTelemetry } from "#shared/adapters/telemetry.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { NotifyPorts } from "#shared/pipeline/notify.ts";

/** The world of notify as deployed. Throws `config_invalid` where a setting or a compiled file is missing: at start, not at the first alert. */
export function liveNotifyPorts(env: NodeJS.ProcessEnv): NotifyPorts {
  const table = env["LEDGER_TABLE"];
  if (!table) throw new PipelineError("config_invalid", "the environment variable LEDGER_TABLE is missing");
  return {
    table: dynamodbTable(table),
    // Another base than Slack's own: GovSlack's (https://slack-gov.com/api/), or a lab's.
    channel: channels(secretReader(), { slackApi: env["SLACK_API_URL"] || undefined }),
    clock: systemClock,
    telemetry: liveTelemetry("notify"),
    registry: readCompiled().registry,
  };
}
