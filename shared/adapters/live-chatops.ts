import { systemClock } from "#shared/adapters/clock.ts";
import { readCompiledRegistry } from "#shared/adapters/compiled.ts";
import { dynamodbTable } from "#shared/adapters/dynamodb-table.ts";
import { laneUrls, sqsOrders } from "#shared/adapters/orders.ts";
import { secretReader } from "#shared/adapters/secrets.ts";
import { signingSecret } from "#shared/adapters/signing-secret.ts";
import { slackReplies } from "#shared/adapters/slack-replies.ts";
import { liveTelemetry } from "#shared/adapters/telemetry.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { ChatopsPorts } from "#shared/pipeline/chatops.ts";

/** The world of chatops as deployed. Throws `config_invalid` where a setting is missing, and without a Slack app: at start, not at the first click. */
export function liveChatopsPorts(env: NodeJS.ProcessEnv): ChatopsPorts {
  const table = env["LEDGER_TABLE"];
  if (!table) throw new PipelineError("config_invalid", "the environment variable LEDGER_TABLE is missing");
  const registry = readCompiledRegistry();
  const { slackApp } = registry;
  if (slackApp === undefined) throw new PipelineError("config_invalid", "falco-responder.yml has no chatops");
  return {
    table: dynamodbTable(table),
    orders: sqsOrders(laneUrls(env)),
    clock: systemClock,
    telemetry: liveTelemetry("chatops"),
    registry,
    app: slackApp,
    secret: signingSecret(slackApp.signingSecret, secretReader()),
    replies: slackReplies(env["SLACK_REPLY_ORIGIN"] ?? "https://hooks.slack.com"),
  };
}
