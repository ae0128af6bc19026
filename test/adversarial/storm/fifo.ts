import type { SQSRecord } from "aws-lambda";
import type { VirtualTime } from "./virtual-time.ts";

interface Waiting {
  readonly id: string;
  readonly body: string;
  readonly group: string;
  receives: number;
  /** Invisible until then while it is worked on. */
  visibleMs: number;
}

/**
 * A FIFO queue of high throughput with a Lambda behind it. What is known of SQS:
 * order and one batch in flight per group; deduplication for 5 minutes within a group (DeduplicationScope: messageGroup); a receive looks
 * through the first 120,000 messages for groups that are free, so that what lies behind them waits
 * (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html and
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagegroupid-property.html);
 * a batch of at most 10; a message that failed comes when its visibility ends.
 */
export const SQS = { scan: 120_000, dedupMs: 300_000, batch: 10, visibilityMs: 360_000, receives: 8 } as const;

export class Fifo {
  /** In order of arrival; taken out when deleted. */
  #waiting: Waiting[] = [];
  readonly #known = new Map<string, number>();
  readonly #time: VirtualTime;
  accepted = 0;
  deduplicated = 0;
  /** Gave up after so many receives. */
  dead = 0;
  onArrival: () => void = () => undefined;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  send(body: string, group: string, dedup: string): void {
    const key = `${group} ${dedup}`;
    const nowMs = this.#time.now();
    if (nowMs - (this.#known.get(key) ?? Number.NEGATIVE_INFINITY) < SQS.dedupMs) {
      this.deduplicated++;
      return;
    }
    this.#known.set(key, nowMs);
    this.accepted++;
    this.#waiting.push({ id: `m${this.accepted}`, body, group, receives: 0, visibleMs: 0 });
    this.onArrival();
  }

  /** At most a batch of what is free; in order within each group. */
  receive(): readonly SQSRecord[] {
    const nowMs = this.#time.now();
    const blocked = new Set<string>();
    const taken: Waiting[] = [];
    for (const message of this.#waiting.slice(0, SQS.scan)) if (message.visibleMs > nowMs) blocked.add(message.group);
    for (const message of this.#waiting.slice(0, SQS.scan)) {
      if (taken.length === SQS.batch) break;
      if (!blocked.has(message.group)) taken.push(message);
    }
    for (const message of taken) {
      message.receives++;
      message.visibleMs = nowMs + SQS.visibilityMs;
    }
    return taken.map(recordOf);
  }

  /** What a batch leaves: done is deleted, failed comes again when its visibility ends. */
  settle(batch: readonly SQSRecord[], failed: ReadonlySet<string>): void {
    const done = new Set(batch.map(({ messageId }) => messageId).filter((id) => !failed.has(id)));
    const hopeless = new Set(this.#waiting.filter(({ id, receives }) => failed.has(id) && receives >= SQS.receives).map(({ id }) => id));
    this.dead += hopeless.size;
    this.#waiting = this.#waiting.filter(({ id }) => !done.has(id) && !hopeless.has(id));
  }

  visibleAfter(id: string, seconds: number): void {
    const message = this.#waiting.find((one) => one.id === id);
    if (message !== undefined) message.visibleMs = this.#time.now() + seconds * 1_000;
  }

  /** When the next of what is in flight may come again; null: nothing is in flight. */
  nextVisibleMs(): number | null {
    const nowMs = this.#time.now();
    const later = this.#waiting.map(({ visibleMs }) => visibleMs).filter((ms) => ms > nowMs);
    return later.length === 0 ? null : later.reduce((least, ms) => Math.min(least, ms));
  }

  get length(): number {
    return this.#waiting.length;
  }
}

const recordOf = ({ id, body, group, receives }: Waiting): SQSRecord =>
  ({
    messageId: id,
    receiptHandle: id,
    body,
    attributes: { ApproximateReceiveCount: String(receives), MessageGroupId: group },
    messageAttributes: {},
    eventSource: "aws:sqs",
    eventSourceARN: "arn:aws:sqs:eu-west-1:111122223333:alerts-ecs.fifo",
    awsRegion: "eu-west-1",
  }) as unknown as SQSRecord;
