import type { Lane } from "#shared/domain/action.ts";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";

/** One queue per responder: an event source mapping deletes what its filter refuses, so two responders cannot share one. */
export type AlertLane = Exclude<Lane, "wide">;

export interface OutgoingEntry {
  readonly lane: AlertLane;
  readonly entry: QueueEntry;
  /** SQS MessageGroupId: hash(cluster, container id cut to 12); host alerts (cluster, hostname). */
  readonly group: string;
  /** SQS MessageDeduplicationId: similar entries of one minute have the same. */
  readonly dedup: string;
}

export interface AlertQueue {
  /** Sends all, in batches. Resolves when every entry is accepted; throws a retryable PipelineError when any is not (sending again is harmless). */
  send(entries: readonly OutgoingEntry[], signal: AbortSignal): Promise<void>;
}

/** Where a message goes that can never succeed, at once and with its reason. */
export interface DeadLetters {
  put(body: string, because: string, signal: AbortSignal): Promise<void>;
}

/** Makes a message that failed visible again sooner than its queue's timeout says. */
export interface Redelivery {
  /** `queueArn`: of the queue it came from. Best effort: a message that is not moved comes when its time is over. */
  after(queueArn: string, receiptHandle: string, seconds: number, signal: AbortSignal): Promise<void>;
}
