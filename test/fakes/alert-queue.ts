import { PipelineError } from "#shared/domain/error.ts";
import type { AlertQueue, OutgoingEntry } from "#shared/ports/alert-queue.ts";
import { decodeEntry, encodeEntry } from "#shared/wire/queue-entry.ts";

/** A FIFO deduplicates for five minutes. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-exactly-once-processing.html */
const DEDUP_MS = 5 * 60_000;

/** The queues in memory: entries travel as bodies, as they do in SQS. */
export class FakeAlertQueue implements AlertQueue {
  readonly sent: OutgoingEntry[] = [];
  /** Sends that the queue dropped because it knew their deduplication id. */
  dropped = 0;
  /** The next sends fail, after having accepted `accept` entries. */
  failures: { readonly accept: number }[] = [];
  readonly #seen = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  send(entries: readonly OutgoingEntry[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const failure = this.failures.shift();
    for (const entry of failure === undefined ? entries : entries.slice(0, failure.accept)) this.#accept(entry);
    if (failure !== undefined) return Promise.reject(new PipelineError("aws_throttled", "SQS throttles us"));
    return Promise.resolve();
  }

  #accept(outgoing: OutgoingEntry): void {
    const body = encodeEntry(outgoing.entry);
    if (Buffer.byteLength(body) > 262_144) throw new PipelineError("aws_rejected", "message too long");
    if (/[^\t\n\r -\uFFFD]/.test(body)) throw new PipelineError("aws_rejected", "InvalidMessageContents");
    const key = `${outgoing.lane} ${outgoing.dedup}`;
    const seen = this.#seen.get(key);
    if (seen !== undefined && this.#now() - seen < DEDUP_MS) {
      this.dropped++;
      return;
    }
    this.#seen.set(key, this.#now());
    this.sent.push({ ...outgoing, entry: decodeEntry(body) });
  }
}
