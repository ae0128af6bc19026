import { SQSClient } from "@aws-sdk/client-sqs";
import { expect, test } from "vitest";
import { sqsAlertQueue } from "#shared/adapters/alert-queue.ts";
import { ingest } from "#shared/pipeline/ingest.ts";
import type { AlertLane, OutgoingEntry } from "#shared/ports/alert-queue.ts";
import { decodeEntry } from "#shared/wire/queue-entry.ts";
import { fakeIngestPorts } from "../fixtures/ingest-ports.ts";
import { logsEvent } from "../fixtures/logs.ts";
import { alertText } from "../fixtures/shapes.ts";
import { type Asked, awsDouble } from "./aws-double.ts";

const signal = new AbortController().signal;

async function entries(count: number, lane: AlertLane = "ecs", cmdline = "id"): Promise<readonly OutgoingEntry[]> {
  const ports = fakeIngestPorts();
  const lines = Array.from({ length: count }, (_line, n) =>
    alertText({ cmdline, fields: { "container.id": n.toString(16).padStart(12, "0") } }),
  );
  await ingest(logsEvent(lines), ports, signal);
  return ports.queue.sent.map((sent) => ({ ...sent, lane }));
}

interface Sent {
  readonly QueueUrl: string;
  readonly Entries: readonly {
    readonly Id: string;
    readonly MessageBody: string;
    readonly MessageGroupId: string;
    readonly MessageDeduplicationId: string;
  }[];
}
const sentIn = ({ body }: Asked): Sent => JSON.parse(body) as Sent;

/** SQS that refuses what `refuse` names. */
const sqs = (refuse: (sent: Sent, nth: number) => readonly { readonly Id: string; readonly SenderFault: boolean }[]) => {
  let nth = 0;
  return awsDouble((asked) => {
    const sent = sentIn(asked);
    const failed = refuse(sent, nth++);
    const successful = sent.Entries.filter(({ Id }) => !failed.some((one) => one.Id === Id));
    return {
      status: 200,
      headers: { "content-type": "application/x-amz-json-1.0" },
      body: JSON.stringify({
        Successful: successful.map(({ Id }) => ({ Id, MessageId: Id, MD5OfMessageBody: "" })),
        Failed: failed.map((one) => ({ ...one, Code: "InternalError" })),
      }),
    };
  });
};
const queueOn = (double: Awaited<ReturnType<typeof sqs>>) =>
  sqsAlertQueue(
    { ecs: `${double.url}/1/ecs.fifo`, kubernetes: `${double.url}/1/kubernetes.fifo` },
    new SQSClient({ ...double.config, md5: false }),
  );

test("every entry goes once to its lane's queue, ten at a time, with its group and deduplication id", async () => {
  await using double = await sqs(() => []);
  const all = [...(await entries(23)), ...(await entries(4, "kubernetes"))];
  await queueOn(double).send(all, signal);
  const calls = double.asked.map(sentIn);
  expect(calls.every(({ Entries }) => Entries.length <= 10)).toBe(true);
  const arrived = calls.flatMap(({ QueueUrl, Entries }) =>
    Entries.map(({ MessageBody, MessageGroupId, MessageDeduplicationId }) => ({
      lane: QueueUrl.endsWith("/ecs.fifo") ? "ecs" : "kubernetes",
      entry: decodeEntry(MessageBody),
      group: MessageGroupId,
      dedup: MessageDeduplicationId,
    })),
  );
  const byId = (a: { readonly entry: { readonly alert: { readonly id: string } }; readonly lane: string }) => a.entry.alert.id + a.lane;
  expect(arrived.toSorted((a, b) => byId(a).localeCompare(byId(b)))).toEqual(all.toSorted((a, b) => byId(a).localeCompare(byId(b))));
});

test("a batch stays below 256 KB", async () => {
  await using double = await sqs(() => []);
  await queueOn(double).send(await entries(8, "ecs", "x".repeat(60_000)), signal);
  const sizes = double.asked.map((asked) =>
    sentIn(asked).Entries.reduce((sum, { MessageBody }) => sum + Buffer.byteLength(MessageBody), 0),
  );
  expect(sizes.length).toBeGreaterThan(1);
  expect(Math.max(...sizes)).toBeLessThan(256 * 1024);
});

test("what SQS could not take is sent again, and only that", async () => {
  await using double = await sqs((_sent, nth) => (nth === 0 ? [{ Id: "1", SenderFault: false }] : []));
  await queueOn(double).send(await entries(3), signal);
  expect(double.asked.map((asked) => sentIn(asked).Entries.map(({ Id }) => Id))).toEqual([["0", "1", "2"], ["1"]]);
});

test("lasting trouble rejects and may be tried again; what can never be taken rejects as such", async () => {
  await using busy = await sqs(() => [{ Id: "0", SenderFault: false }]);
  await expect(queueOn(busy).send(await entries(1), signal)).rejects.toMatchObject({ code: "aws_throttled", retryable: true });
  await using refusing = await sqs(() => [{ Id: "0", SenderFault: true }]);
  await expect(queueOn(refusing).send(await entries(1), signal)).rejects.toMatchObject({ code: "aws_rejected", retryable: false });
});

test("a message that SQS never takes keeps no other from the queue", async () => {
  const all = await entries(205);
  const poison = all[0]?.dedup;
  await using double = await sqs(({ Entries }) =>
    Entries.filter(({ MessageDeduplicationId }) => MessageDeduplicationId === poison).map(({ Id }) => ({ Id, SenderFault: true })),
  );
  await expect(queueOn(double).send(all, signal)).rejects.toMatchObject({ code: "aws_rejected" });
  const asked = double.asked.flatMap((one) => sentIn(one).Entries.map(({ MessageDeduplicationId }) => MessageDeduplicationId));
  expect(new Set(asked)).toEqual(new Set(all.map(({ dedup }) => dedup)));
});

test("nothing to send asks nothing", async () => {
  await using double = await sqs(() => []);
  await queueOn(double).send([], signal);
  expect(double.asked).toEqual([]);
});
