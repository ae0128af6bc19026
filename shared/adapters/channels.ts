import type { EventPutter } from "#shared/adapters/channels-bus.ts";
import { slackWebhook } from "#shared/adapters/channels-slack.ts";
import { slackBot } from "#shared/adapters/channels-slack-bot.ts";
import { type SnsPublisher, snsTopic } from "#shared/adapters/channels-sns.ts";
import type { SecretReader } from "#shared/adapters/secrets.ts";
import type { Channel, Delivery, OutgoingMessage } from "#shared/ports/channel.ts";

/** Other ends than the deployed ones. `slackApi`: the base of Slack's Web API, with its slash at the end. */
export interface ChannelEnds {
  readonly publisher?: SnsPublisher | undefined;
  readonly putter?: EventPutter | undefined;
  readonly slackApi?: string | undefined;
}

type BusSender = (message: Extract<OutgoingMessage, { kind: "bus" }>, signal: AbortSignal) => Promise<Delivery>;

/** The channels of a deployment: SNS and EventBridge by their API, Slack by an incoming webhook or a bot's token, each in a secret. */
export function channels(secrets: SecretReader, { publisher, putter, slackApi }: ChannelEnds = {}): Channel {
  const sns = snsTopic(publisher);
  const slack = slackWebhook(secrets);
  const bot = slackBot(secrets, slackApi);
  let bus: Promise<BusSender> | undefined;
  // Few deployments have a bus: its client is not even loaded by the others.
  const toBus: BusSender = async (message, signal) => {
    bus ??= import("#shared/adapters/channels-bus.ts").then(({ eventBus }) => eventBus(putter));
    return (await bus)(message, signal);
  };
  return {
    send: (message, signal) => {
      switch (message.kind) {
        case "sns":
          return sns(message, signal);
        case "slack":
          return slack(message, signal);
        case "slack-bot":
          return bot(message, signal);
        case "bus":
          return toBus(message, signal);
      }
    },
  };
}
