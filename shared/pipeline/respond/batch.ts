import { processPartialResponse, SqsFifoPartialProcessorAsync } from "@aws-lambda-powertools/batch";
import type { SQSBatchResponse, SQSRecord } from "aws-lambda";
import { messageOf } from "#shared/domain/error.ts";
import { type RespondPorts, respond } from "#shared/pipeline/respond.ts";
import type { Redelivery } from "#shared/ports/alert-queue.ts";

export type BatchPorts = RespondPorts & { readonly redelivery: Redelivery };

/**
 * Alerts of so many groups at once, as many as a batch has at most: what waits for a cluster costs no CPU, one slow cluster does not hold up
 * the others, and what they ask ECS goes out together.
 */
const GROUPS_AT_ONCE = 10;

/**
 * A batch of an alert queue: in order within a group, and after a failure the rest of that group is left for later too (a few times). What failed comes
 * again, soon at first and then ever later.
 */
export async function respondToBatch(records: readonly SQSRecord[], ports: BatchPorts, signal: AbortSignal): Promise<SQSBatchResponse> {
  const groups = Object.values(Object.groupBy(records, ({ attributes, messageId }) => attributes.MessageGroupId ?? messageId));
  const failures: SQSBatchResponse["batchItemFailures"] = [];
  const worker = async (): Promise<void> => {
    for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
      for (const part of parted(group)) failures.push(...(await inOrder(part, ports, signal)).batchItemFailures);
    }
  };
  await Promise.all(Array.from({ length: Math.min(GROUPS_AT_ONCE, groups.length) }, worker));
  const failed = new Set(failures.map(({ itemIdentifier }) => itemIdentifier));
  await Promise.all(records.filter(({ messageId }) => failed.has(messageId)).map((one) => comeAgain(one, ports)));
  return { batchItemFailures: failures };
}

/**
 * SQS counts a receive for each message of the batch, also for those that only waited: behind a head that fails every time they would all end
 * in the dead-letter queue untried. From here on each is tried for itself; claims, not order, keep an action from happening twice.
 */
const ALONE_FROM = 5;

const parted = (group: readonly SQSRecord[]): readonly (readonly SQSRecord[])[] =>
  group.some((one) => receivesOf(one) >= ALONE_FROM) ? group.map((one) => [one]) : [group];

function inOrder(Records: readonly SQSRecord[], ports: RespondPorts, signal: AbortSignal): Promise<SQSBatchResponse> {
  const handle = async (one: SQSRecord): Promise<void> => {
    try {
      signal.throwIfAborted();
      await respond({ body: one.body, receiveCount: receivesOf(one) }, ports, signal);
    } catch (thrown) {
      ports.telemetry.warn("An alert comes again", { message: one.messageId, receives: receivesOf(one), because: messageOf(thrown) });
      ports.telemetry.count("Redelivered", 1);
      throw thrown;
    }
  };
  return processPartialResponse({ Records: [...Records] }, handle, new SqsFifoPartialProcessorAsync(), { throwOnFullBatchFailure: false });
}

const receivesOf = ({ attributes }: SQSRecord): number => Number(attributes.ApproximateReceiveCount) || 1;

const FIRST_RETRY_S = 10;
const LAST_RETRY_S = 300;

/** The invocation's own time may be over: this has a little of what handlers keep back. */
const WITHIN_MS = 1_500;

async function comeAgain(one: SQSRecord, { redelivery, telemetry }: BatchPorts): Promise<void> {
  const seconds = Math.min(LAST_RETRY_S, FIRST_RETRY_S * 2 ** Math.min(10, receivesOf(one) - 1));
  try {
    await redelivery.after(one.eventSourceARN, one.receiptHandle, seconds, AbortSignal.timeout(WITHIN_MS));
  } catch (thrown) {
    // It comes when the queue's own timeout ends.
    telemetry.warn("A message could not be made visible sooner", { message: one.messageId, because: messageOf(thrown) });
  }
}
