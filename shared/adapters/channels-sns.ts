import { PublishCommand, type PublishCommandInput, SNSClient, type SNSClientConfig } from "@aws-sdk/client-sns";
import { askAws } from "#shared/adapters/aws-error.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Delivery, OutgoingMessage } from "#shared/ports/channel.ts";

type SnsMessage = Extract<OutgoingMessage, { kind: "sns" }>;

/** SNS's one call that we need; resolves to the message id. */
export type SnsPublisher = (input: PublishCommandInput, signal: AbortSignal) => Promise<string | null>;

/** Publishes to a topic: mail gets the text, every other protocol the JSON document (`MessageStructure: json`). */
export function snsTopic(publish: SnsPublisher = awsPublisher()) {
  return async (message: SnsMessage, signal: AbortSignal): Promise<Delivery> => {
    try {
      return { kind: "sent", reference: await askAws("SNS Publish", () => publish(inputOf(message), signal)) };
    } catch (thrown) {
      if (!(thrown instanceof PipelineError)) throw thrown;
      return thrown.retryable ? { kind: "retry", because: thrown.message, afterMs: null } : { kind: "permanent", because: thrown.message };
    }
  };
}

const inputOf = ({ topicArn, subject, text, body, attributes }: SnsMessage): PublishCommandInput => ({
  TopicArn: topicArn,
  Subject: subject,
  MessageStructure: "json",
  Message: JSON.stringify({ default: body, email: text }),
  MessageAttributes: Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [name, { DataType: "String", StringValue: value }]),
  ),
});

/** Publishes by the SDK; `config` names another endpoint. */
export function awsPublisher(config: SNSClientConfig = {}): SnsPublisher {
  let client: SNSClient | undefined;
  return async (input, abortSignal) => {
    client ??= new SNSClient({
      ...config,
      maxAttempts: 2,
      requestHandler: { connectionTimeout: 2_000, requestTimeout: 5_000, throwOnRequestTimeout: true },
    });
    return (await client.send(new PublishCommand(input), { abortSignal })).MessageId ?? null;
  };
}
