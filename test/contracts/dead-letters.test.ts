import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deadLetterQueue, redelivery } from "#shared/adapters/dead-letters.ts";

/** Set by the lab. */
const endpoint = process.env["AWS_ENDPOINT_URL"];
const signal = new AbortController().signal;

describe.skipIf(endpoint === undefined)("with AWS_ENDPOINT_URL set to the emulator's", () => {
  const client = new SQSClient({});
  const urls: string[] = [];
  const queue = async (name: string): Promise<string> => {
    const Attributes = { FifoQueue: "true", VisibilityTimeout: "360" };
    const { QueueUrl = "" } = await client.send(new CreateQueueCommand({ QueueName: `${name}-${process.pid}.fifo`, Attributes }));
    urls.push(QueueUrl);
    return QueueUrl;
  };
  const receive = async (QueueUrl: string) =>
    (await client.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 1, MessageAttributeNames: ["All"] }))).Messages ?? [];
  let dead = "";
  let alerts = "";
  beforeAll(async () => {
    [dead, alerts] = [await queue("dead"), await queue("alerts")];
  });
  afterAll(async () => {
    for (const QueueUrl of urls) await client.send(new DeleteQueueCommand({ QueueUrl }));
    client.destroy();
  });

  test("a hopeless message lies in the queue with its reason, once", async () => {
    const letters = deadLetterQueue(dead, client);
    await letters.put("{no json", "the message\nis no JSON", signal);
    await letters.put("{no json", "the message\nis no JSON", signal);
    const [first] = await receive(dead);
    expect(first?.Body).toBe("{no json");
    expect(first?.MessageAttributes?.["because"]?.StringValue).toBe("the message?is no JSON");
    expect(await receive(dead)).toEqual([]);
  });

  test("what SQS would refuse as a body is kept readable", async () => {
    const other = await queue("dead2");
    const body = "torn \u0000 text";
    await deadLetterQueue(other, client).put(body, "", signal);
    const [letter] = await receive(other);
    expect(Buffer.from(letter?.Body?.replace(/^base64:/, "") ?? "", "base64").toString()).toBe(body);
  });

  test("a failed message is visible again when it was said, not when the queue's timeout ends", async () => {
    await client.send(new SendMessageCommand({ QueueUrl: alerts, MessageBody: "x", MessageGroupId: "g", MessageDeduplicationId: "1" }));
    const [first] = await receive(alerts);
    expect(await receive(alerts)).toEqual([]);
    const attributes = await client.send(new GetQueueAttributesCommand({ QueueUrl: alerts, AttributeNames: ["QueueArn"] }));
    await redelivery(dead, client).after(attributes.Attributes?.["QueueArn"] ?? "", first?.ReceiptHandle ?? "", 0, signal);
    await expect.poll(async () => (await receive(alerts)).length, { timeout: 20_000 }).toBe(1);
  });
});
