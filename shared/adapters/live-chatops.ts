import { readCompiledRegistry } from "#shared/adapters/compiled.ts";
import { liveOperatePorts } from "#shared/adapters/live-operate.ts";
import { secretReader } from "#shared/adapters/secrets.ts";
import { signingSecret } from "#shared/adapters/signing-secret.ts";
import { slackReplies } from "#shared/adapters/slack-replies.ts";
import { liveTelemetry } from "#shared/adapters/telemetry.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { ChatopsPorts } from "#shared/pipeline/chatops.ts";

/** The world of chatops as deployed: operate's, and Slack. Throws `config_invalid` as `liveOperatePorts` does, and without a Slack app. */
export function liveChatopsPorts(env: NodeJS.ProcessEnv): ChatopsPorts {
  const { slackApp } = readCompiledRegistry();
  if (slackApp === undefined) throw new PipelineError("config_invalid", "falco-responder.yml has no chatops");
  return {
    ...liveOperatePorts(env),
    telemetry: liveTelemetry("chatops"),
    app: slackApp,
    secret: signingSecret(slackApp.signingSecret, secretReader()),
    replies: slackReplies(env["SLACK_REPLY_ORIGIN"] ?? "https://hooks.slack.com"),
  };
}
