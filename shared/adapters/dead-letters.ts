import { createHash } from "node:crypto";
import { ChangeMessageVisibilityCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { askAws } from "#shared/adapters/aws-error.ts";
import type { DeadLetters, Redelivery } from "#shared/ports/alert-queue.ts";

/** An attribute value may hold what a message may; people read the first line. */
const MOST_REASON_CHARS = 1_000;

export const sqsClient = (): SQSClient =>
  new SQSClient({ maxAttempts: 4, requestHandler: { connectionTimeout: 1_000, requestTimeout: 5_000, throwOnRequestTimeout: true } });

/** The dead-letter queue of an alert queue (FIFO). The same body twice within 5 minutes is one message. */
export function deadLetterQueue(queueUrl: string, client: SQSClient = sqsClient()): DeadLetters {
  return {
    async put(body, because, abortSignal) {
      const id = createHash("sha256").update(body).digest("hex");
      const StringValue = because.replace(/[^ -~]/g, "?").slice(0, MOST_REASON_CHARS) || "no reason given";
      const command = new SendMessageCommand({
        QueueUrl: queueUrl,
        // SQS refuses an empty body and control characters outside #x9, #xA, #xD; what is not text is kept as base64.
        MessageBody: isSendable(body) ? body : `base64:${Buffer.from(body).toString("base64")}`,
        MessageAttributes: { because: { DataType: "String", StringValue } },
        ...(queueUrl.endsWith(".fifo") ? { MessageGroupId: "hopeless", MessageDeduplicationId: id } : {}),
      });
      await askAws("SQS SendMessage to the dead-letter queue", () => client.send(command, { abortSignal }));
    },
  };
}

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html */
const isSendable = (body: string): boolean =>
  body !== "" && body.isWellFormed() && ![...body].some((char) => char < " " && char !== "\t" && char !== "\n" && char !== "\r");

/**
 * ChangeMessageVisibility of the queue that an event came from. `neighbourUrl`: URL of any queue of the same account, region and endpoint:
 * an event names its queue by ARN, and the call wants a URL.
 */
export function redelivery(neighbourUrl: string, client: SQSClient = sqsClient()): Redelivery {
  return {
    async after(queueArn, receiptHandle, seconds, abortSignal) {
      const name = queueArn.slice(queueArn.lastIndexOf(":") + 1);
      const QueueUrl = `${neighbourUrl.slice(0, neighbourUrl.lastIndexOf("/"))}/${name}`;
      const command = new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle: receiptHandle, VisibilityTimeout: seconds });
      await askAws("SQS ChangeMessageVisibility", () => client.send(command, { abortSignal }));
    },
  };
}
