import { setTimeout as sleep } from "node:timers/promises";
import { type BatchResultErrorEntry, SendMessageBatchCommand, type SendMessageBatchRequestEntry, SQSClient } from "@aws-sdk/client-sqs";
import { askAws } from "#shared/adapters/aws-error.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { AlertLane, AlertQueue, OutgoingEntry } from "#shared/ports/alert-queue.ts";
import { encodeEntry } from "#shared/wire/queue-entry.ts";

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html */
const MOST_ENTRIES = 10;
/** 256 KB for a batch was SQS's limit until 2025 and is still that of others who speak its protocol. */
const MOST_BYTES = 250_000;
const AT_ONCE = 8;
const ATTEMPTS = 4;

interface Sendable {
  readonly queueUrl: string;
  readonly entries: SendMessageBatchRequestEntry[];
  bytes: number;
}

export const alertQueueClient = (): SQSClient =>
  new SQSClient({ maxAttempts: 4, requestHandler: { connectionTimeout: 1_000, requestTimeout: 5_000, throwOnRequestTimeout: true } });

/** The alert queues (FIFO) in SQS, by lane. */
export function sqsAlertQueue(urls: Readonly<Record<AlertLane, string>>, client: SQSClient = alertQueueClient()): AlertQueue {
  return {
    async send(entries, signal) {
      const batches = batchesOf(entries, urls);
      // Few at a time: ten thousand distinct alerts are a thousand calls.
      const troubles: unknown[] = [];
      const sender = async (): Promise<void> => {
        for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
          // What SQS does not take must not keep the rest from the queue.
          await sendBatch(client, batch, signal).catch((thrown: unknown) => troubles.push(thrown));
        }
      };
      await Promise.all(Array.from({ length: Math.min(AT_ONCE, batches.length) }, sender));
      if (troubles.length > 0) throw troubles[0];
    },
  };
}

function batchesOf(outgoing: readonly OutgoingEntry[], urls: Readonly<Record<AlertLane, string>>): Sendable[] {
  const batches: Sendable[] = [];
  const open = new Map<AlertLane, Sendable>();
  for (const { lane, entry, group, dedup } of outgoing) {
    const body = encodeEntry(entry);
    const bytes = Buffer.byteLength(body);
    let batch = open.get(lane);
    if (batch === undefined || batch.entries.length === MOST_ENTRIES || batch.bytes + bytes > MOST_BYTES) {
      batch = { queueUrl: urls[lane], entries: [], bytes: 0 };
      batches.push(batch);
      open.set(lane, batch);
    }
    batch.entries.push({
      Id: String(batch.entries.length),
      MessageBody: body,
      MessageGroupId: group,
      MessageDeduplicationId: dedup,
    });
    batch.bytes += bytes;
  }
  return batches;
}

async function sendBatch(client: SQSClient, { queueUrl, entries }: Sendable, abortSignal: AbortSignal): Promise<void> {
  let open = entries;
  for (let attempt = 1; ; attempt++) {
    const command = new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries: open });
    const { Failed: failed = [] } = await askAws("SQS SendMessageBatch", () => client.send(command, { abortSignal }));
    if (failed.length === 0) return;
    if (failed.some(({ SenderFault }) => SenderFault === true)) throw refused("aws_rejected", failed);
    if (attempt === ATTEMPTS) throw refused("aws_throttled", failed);
    const again = new Set(failed.map(({ Id }) => Id));
    open = open.filter(({ Id }) => again.has(Id));
    // A throttled queue asked again at once is throttled again, and Lambda's own retry is a minute away.
    await sleep(Math.random() * 100 * 2 ** attempt, undefined, { signal: abortSignal });
  }
}

const refused = (code: "aws_rejected" | "aws_throttled", failed: readonly BatchResultErrorEntry[]): PipelineError =>
  new PipelineError(code, `SQS did not take ${failed.length} messages: ${[...new Set(failed.map(({ Code }) => Code))].join(", ")}`);
