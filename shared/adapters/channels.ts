import { slackWebhook } from "#shared/adapters/channels-slack.ts";
import { type SnsPublisher, snsTopic } from "#shared/adapters/channels-sns.ts";
import type { SecretReader } from "#shared/adapters/secrets.ts";
import type { Channel } from "#shared/ports/channel.ts";

/** The channels of a deployment: SNS by its API, Slack by the incoming webhook whose URL stands in a secret. */
export function channels(secrets: SecretReader, publisher?: SnsPublisher): Channel {
  const sns = snsTopic(publisher);
  const slack = slackWebhook(secrets);
  return { send: (message, signal) => (message.kind === "sns" ? sns(message, signal) : slack(message, signal)) };
}
