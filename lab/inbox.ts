import { SubscribeCommand } from "@aws-sdk/client-sns";
import { CreateQueueCommand, DeleteMessageBatchCommand, GetQueueAttributesCommand, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import type { Aws } from "./aws.ts";

/** A notification as a subscriber of the topic gets it. */
export interface SnsMessage {
  readonly atMs: number;
  readonly subject: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** An SQS queue subscribed to the topic, read all the time. */
export interface Inbox {
  messages(): readonly SnsMessage[];
  onMessage(listener: (message: SnsMessage) => void): void;
  stop(): Promise<void>;
}

export async function snsInbox({ sns, sqs }: Aws, topicArn: string, name = "lab-inbox"): Promise<Inbox> {
  const { QueueUrl: url = "" } = await sqs.send(new CreateQueueCommand({ QueueName: name }));
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["QueueArn"] }));
  await sns.send(new SubscribeCommand({ TopicArn: topicArn, Protocol: "sqs", Endpoint: Attributes?.["QueueArn"] ?? "" }));
  const messages: SnsMessage[] = [];
  const listeners: ((message: SnsMessage) => void)[] = [];
  const stopping = new AbortController();
  const reading = read();
  return {
    messages: () => messages,
    onMessage: (listener) => listeners.push(listener),
    stop: async () => {
      stopping.abort();
      await reading;
    },
  };

  async function read(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        const command = new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 });
        const { Messages = [] } = await sqs.send(command, { abortSignal: stopping.signal });
        if (Messages.length === 0) continue;
        for (const { Body = "" } of Messages) take(Body);
        const Entries = Messages.map(({ ReceiptHandle = "" }, Id) => ({ Id: String(Id), ReceiptHandle }));
        await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries }));
      } catch (thrown) {
        if (!stopping.signal.aborted) throw thrown;
      }
    }
  }

  function take(text: string): void {
    const envelope = JSON.parse(text) as {
      readonly Subject?: string;
      readonly Message?: string;
      readonly MessageAttributes?: Readonly<Record<string, { readonly Value?: string }>>;
    };
    const attributes = Object.fromEntries(Object.entries(envelope.MessageAttributes ?? {}).map(([key, { Value }]) => [key, Value ?? ""]));
    const message = { atMs: Date.now(), subject: envelope.Subject ?? "", body: envelope.Message ?? "", attributes };
    messages.push(message);
    for (const listener of listeners) listener(message);
  }
}
