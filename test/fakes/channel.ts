import type { Channel, Delivery, OutgoingMessage } from "#shared/ports/channel.ts";
import { busRefuses, slackRefuses, snsRefuses } from "./channel-rules.ts";

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
    const refused = refusal(message);
    if (refused !== null) return Promise.resolve({ kind: "permanent", because: refused });
    if (message.kind === "slack-bot") return Promise.resolve(this.#toWorkspace(message));
    this.received.push(message);
    return Promise.resolve({ kind: "sent", reference: message.kind === "slack" ? null : `message-${this.received.length}` });
  }

  /** Messages of the bot's channel that are still there, by ts, as they are now. */
  readonly posted = new Map<string, PostedMessage>();
  #ts = 1_000;

  #toWorkspace(message: Extract<OutgoingMessage, { kind: "slack-bot" }>): Delivery {
    const { call, payload } = message;
    if (call.kind !== "post" && !this.posted.has(call.ts)) return { kind: "gone", because: "message_not_found" };
    this.received.push(message);
    if (call.kind === "update") {
      const before = this.posted.get(call.ts);
      this.posted.set(call.ts, { threadTs: before?.threadTs ?? null, broadcast: false, payload, updates: (before?.updates ?? 0) + 1 });
      return { kind: "sent", reference: call.ts };
    }
    this.#ts += 1;
    const ts = `1700000000.${String(this.#ts).padStart(6, "0")}`;
    const isReply = call.kind === "reply";
    this.posted.set(ts, { threadTs: isReply ? call.ts : null, broadcast: isReply && call.broadcast, payload, updates: 0 });
    return { kind: "sent", reference: ts };
  }
}

export interface PostedMessage {
  readonly threadTs: string | null;
  readonly broadcast: boolean;
  readonly payload: { readonly text: string; readonly blocks: readonly unknown[] };
  readonly updates: number;
}

function refusal(message: OutgoingMessage): string | null {
  if (message.kind === "sns") return snsRefuses(message);
  return message.kind === "bus" ? busRefuses(message) : slackRefuses(message.payload);
}

const hang = (signal: AbortSignal): Promise<Delivery> =>
  new Promise((resolve) => {
    const end = () => resolve({ kind: "retry", because: "no answer in time", afterMs: null });
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
