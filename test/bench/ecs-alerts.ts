import type { SQSRecord } from "aws-lambda";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import { encodeEntry } from "#shared/wire/queue-entry.ts";

/** As the queue gives them to one invocation. */
export const BATCH = 10;

/** One message of the alert queue. */
export const record = (n: number, entry: QueueEntry, group: string): SQSRecord => ({
  messageId: `m-${n}`,
  receiptHandle: `r-${n}`,
  body: encodeEntry(entry),
  attributes: {
    ApproximateReceiveCount: "1",
    SentTimestamp: "0",
    SenderId: "ingest",
    ApproximateFirstReceiveTimestamp: "0",
    MessageGroupId: group,
  },
  messageAttributes: {},
  md5OfBody: "",
  eventSource: "aws:sqs",
  eventSourceARN: "arn:aws:sqs:eu-west-1:111122223333:alerts.fifo",
  awsRegion: "eu-west-1",
});
