import { CreateTopicCommand, SNSClient, SubscribeCommand } from "@aws-sdk/client-sns";
import { CreateQueueCommand, DeleteMessageCommand, GetQueueAttributesCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { channels } from "#shared/adapters/channels.ts";
import { secretReader } from "#shared/adapters/secrets.ts";
import { slackDouble } from "../fakes/channel-doubles.ts";
import { slackMessage, snsMessage } from "./channel.suite.ts";

/** Set by the lab. The whole contract runs on doubles in test/fakes/channel.test.ts; here is what only the emulator's SNS and SSM can show. */
const endpoint = process.env["AWS_ENDPOINT_URL"];
const signal = AbortSignal.timeout(60_000);

describe.skipIf(endpoint === undefined)("channels, with AWS_ENDPOINT_URL set to the emulator's", () => {
  const region = process.env["AWS_REGION"] ?? "us-east-1";
  const [sns, sqs, ssm] = [new SNSClient({ region }), new SQSClient({ region }), new SSMClient({ region })];
  const name = `channel-${process.pid}`;
  let topicArn = "";
  let queue = "";
  let slack: Awaited<ReturnType<typeof slackDouble>>;

  beforeAll(async () => {
    slack = await slackDouble();
    topicArn = (await sns.send(new CreateTopicCommand({ Name: name }))).TopicArn ?? "";
    queue = (await sqs.send(new CreateQueueCommand({ QueueName: name }))).QueueUrl ?? "";
    const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: queue, AttributeNames: ["QueueArn"] }));
    const FilterPolicy = JSON.stringify({ outcome: ["done"] });
    await sns.send(
      new SubscribeCommand({ TopicArn: topicArn, Protocol: "sqs", Endpoint: Attributes?.["QueueArn"] ?? "", Attributes: { FilterPolicy } }),
    );
    await ssm.send(new PutParameterCommand({ Name: `/${name}`, Value: `${slack.url}/services/T/B/x`, Type: "SecureString" }));
  });
  afterAll(() => slack?.close());

  const receive = async (): Promise<unknown> => {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: queue, WaitTimeSeconds: 2 }));
    const [message] = Messages;
    if (message === undefined) return null;
    await sqs.send(new DeleteMessageCommand({ QueueUrl: queue, ReceiptHandle: message.ReceiptHandle ?? "" }));
    return JSON.parse(message.Body ?? "null");
  };

  test("a subscriber gets the JSON document, the subject, and what its filter policy lets through", async () => {
    const message = { ...snsMessage(), topicArn };
    const other = { ...message, attributes: { ...message.attributes, outcome: "failed" } };
    const channel = channels(secretReader());
    expect(await channel.send(other, signal)).toMatchObject({ kind: "sent" });
    expect(await channel.send(message, signal)).toMatchObject({ kind: "sent", reference: expect.stringMatching(/./) });
    expect(await receive()).toMatchObject({
      Subject: message.subject,
      Message: message.body,
      MessageAttributes: { outcome: { Type: "String", Value: "done" } },
    });
    expect(await receive()).toBeNull();
  });

  test("a topic that is not there is permanent", async () => {
    const delivery = await channels(secretReader()).send({ ...snsMessage(), topicArn: `${topicArn}-gone` }, signal);
    expect(delivery.kind).toBe("permanent");
  });

  test("the webhook's URL is read from a SecureString", async () => {
    expect(await channels(secretReader()).send({ ...slackMessage(), urlSecret: `ssm:/${name}` }, signal)).toEqual({
      kind: "sent",
      reference: null,
    });
    expect((await channels(secretReader()).send({ ...slackMessage(), urlSecret: `ssm:/${name}-gone` }, signal)).kind).toBe("permanent");
  });
});
