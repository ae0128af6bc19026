import type { Kernel } from "../kernel/kernel.ts";

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-exactly-once-processing.html */
const DEDUP_MS = 5 * 60_000;
/** infra/cloudformation/queues.yml */
const VISIBILITY_MS = 360_000;
const MOST_RECEIVES = 8;

export interface Message {
  readonly id: string;
  readonly body: string;
  readonly group: string;
  receives: number;
  /** Invisible until then: in flight, or waiting for its next try. */
  hiddenUntilMs: number;
}

/**
 * One SQS FIFO queue with its dead letters. Messages of a group come in order, and none while an earlier one of the group is invisible;
 * deduplication is per group, as in infra/cloudformation/queues.yml.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
 */
export class Fifo {
  readonly name: string;
  readonly messages: Message[] = [];
  readonly dead: { readonly body: string; readonly because: string }[] = [];
  /** Bodies that were taken, and those that it knew already. */
  readonly taken: string[] = [];
  readonly dropped: { readonly body: string; readonly first: string }[] = [];
  readonly #kernel: Kernel;
  readonly #known = new Map<string, { readonly atMs: number; readonly body: string }>();
  #made = 0;
  /** Something may be received now. */
  onArrival: () => void = () => undefined;

  constructor(name: string, kernel: Kernel) {
    this.name = name;
    this.#kernel = kernel;
  }

  /** False: it was known. */
  send(body: string, group: string, dedup: string): boolean {
    const key = `${group}\n${dedup}`;
    const known = this.#known.get(key);
    if (known !== undefined && this.#kernel.nowMs - known.atMs < DEDUP_MS) {
      this.dropped.push({ body, first: known.body });
      return false;
    }
    this.#known.set(key, { atMs: this.#kernel.nowMs, body });
    this.taken.push(body);
    this.messages.push({ id: `${this.name}-${++this.#made}`, body, group, receives: 0, hiddenUntilMs: 0 });
    this.onArrival();
    return true;
  }

  /** At most `most`, in order, only of groups of which nothing is invisible. Each is counted, and hidden. */
  receive(most: number): Message[] {
    const { nowMs } = this.#kernel;
    const blocked = new Set<string>();
    const batch: Message[] = [];
    for (const message of [...this.messages]) {
      if (batch.length >= most) break;
      if (blocked.has(message.group)) continue;
      if (message.hiddenUntilMs > nowMs) blocked.add(message.group);
      else if (message.receives >= MOST_RECEIVES) this.#bury(message, `received ${MOST_RECEIVES} times`);
      else batch.push(message);
    }
    for (const message of batch) {
      message.receives++;
      this.hide(message, VISIBILITY_MS);
    }
    return batch;
  }

  /** ChangeMessageVisibility. */
  hide(message: Message, ms: number): void {
    message.hiddenUntilMs = this.#kernel.nowMs + ms;
    const { hiddenUntilMs } = message;
    this.#kernel.at(hiddenUntilMs, () => {
      if (message.hiddenUntilMs === hiddenUntilMs && this.messages.includes(message)) this.onArrival();
    });
  }

  delete(message: Message): void {
    const at = this.messages.indexOf(message);
    if (at !== -1) this.messages.splice(at, 1);
    this.onArrival();
  }

  #bury(message: Message, because: string): void {
    this.messages.splice(this.messages.indexOf(message), 1);
    this.dead.push({ body: message.body, because });
    this.#kernel.tell(this.name, `dead letter ${message.id}: ${because}`);
  }
}
