import type { Channel, Delivery, OutgoingMessage } from "#shared/ports/channel.ts";
import { slackRefuses, snsRefuses } from "./channel-rules.ts";

type Answer = Delivery | "hang" | (() => Error);

/** People in memory: as strict as SNS and Slack, and in trouble when a test says so. */
export class FakeChannel implements Channel {
  readonly received: OutgoingMessage[] = [];
  /** Sends that were begun, whatever became of them. */
  begun = 0;
  readonly #answers = new Map<OutgoingMessage["kind"], Answer[]>();

  /** What the next sends of this kind meet instead of success, in order. `hang` lasts until the signal. */
  next(kind: OutgoingMessage["kind"], ...answers: readonly Answer[]): void {
    this.#answers.set(kind, [...(this.#answers.get(kind) ?? []), ...answers]);
  }

  send(message: OutgoingMessage, signal: AbortSignal): Promise<Delivery> {
    this.begun += 1;
    return this.#deliver(message, signal);
  }

  #deliver(message: OutgoingMessage, signal: AbortSignal): Promise<Delivery> {
    const answer = this.#answers.get(message.kind)?.shift();
    if (answer === "hang") return hang(signal);
    if (typeof answer === "function") return Promise.reject(answer());
    if (answer !== undefined) return Promise.resolve(answer);
    const refused = message.kind === "slack" ? slackRefuses(message.payload) : snsRefuses(message);
    if (refused !== null) return Promise.resolve({ kind: "permanent", because: refused });
    this.received.push(message);
    return Promise.resolve({ kind: "sent", reference: message.kind === "sns" ? `message-${this.received.length}` : null });
  }
}

const hang = (signal: AbortSignal): Promise<Delivery> =>
  new Promise((resolve) => {
    const end = () => resolve({ kind: "retry", because: "no answer in time", afterMs: null });
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
