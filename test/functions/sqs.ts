import type { SQSEvent } from "aws-lambda";

/** What an alert queue hands to its responder: one message in a group. */
export const alertMessage = (body: string): SQSEvent => ({
  Records: [
    {
      messageId: "1",
      receiptHandle: "handle",
      body,
      attributes: {
        ApproximateReceiveCount: "1",
        SentTimestamp: "0",
        SenderId: "s",
        ApproximateFirstReceiveTimestamp: "0",
        MessageGroupId: "g",
      },
      messageAttributes: {},
      md5OfBody: "",
      eventSource: "aws:sqs",
      eventSourceARN: "arn:aws:sqs:eu-west-1:111122223333:alerts.fifo",
      awsRegion: "eu-west-1",
    },
  ],
});
