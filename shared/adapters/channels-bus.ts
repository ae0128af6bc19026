import {
  EventBridgeClient,
  type EventBridgeClientConfig,
  PutEventsCommand,
  type PutEventsRequestEntry,
  type PutEventsResultEntry,
} from "@aws-sdk/client-eventbridge";
import { askAws, printable } from "#shared/adapters/aws-error.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { BusEvent, Delivery, OutgoingMessage } from "#shared/ports/channel.ts";

type BusMessage = Extract<OutgoingMessage, { kind: "bus" }>;

/** EventBridge's one call that we need: an answer for each entry, in their order. */
export type EventPutter = (entries: PutEventsRequestEntry[], signal: AbortSignal) => Promise<readonly PutEventsResultEntry[]>;

export const EVENT_SOURCE = "falco-responder";

/** Of one call: 10 entries, 256 KB together (https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html). */
const MOST_ENTRIES = 10;
const MOST_BYTES = 240_000;
/** The rest of an entry's size: source, detail type, bus, time. */
const ENTRY_BYTES = 512;
/** https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html */
const AGAIN = /^(InternalFailure|InternalException|InternalError|ThrottlingException|ServiceUnavailable)$/;
const TRIES = 3;

/**
 * Puts events on a bus. A call succeeds although entries of it fail: those that may succeed are put again here, then the whole message later,
 * with the same ids. An entry that never can makes the message permanent.
 */
export function eventBus(put: EventPutter = awsPutter()) {
  return async ({ busArn, events }: BusMessage, signal: AbortSignal): Promise<Delivery> => {
    let reference: string | null = null;
    let trouble: Delivery | null = null;
    try {
      // One batch's trouble keeps no other back: what could be put is put.
      for (const batch of batches(events)) {
        const delivery = await putBatch(
          batch.map((event) => entryOf(event, busArn)),
          put,
          signal,
        );
        if (delivery.kind === "sent") reference ??= delivery.reference;
        else if (trouble === null || delivery.kind === "permanent") trouble = delivery;
      }
      return trouble ?? { kind: "sent", reference };
    } catch (thrown) {
      if (!(thrown instanceof PipelineError)) throw thrown;
      return thrown.retryable ? { kind: "retry", because: thrown.message, afterMs: null } : { kind: "permanent", because: thrown.message };
    }
  };
}

async function putBatch(entries: PutEventsRequestEntry[], put: EventPutter, signal: AbortSignal): Promise<Delivery> {
  let [rest, reference]: [PutEventsRequestEntry[], string | null] = [entries, null];
  for (let attempt = 1; ; attempt++) {
    const asked = rest;
    const results = await askAws("EventBridge PutEvents", () => put(asked, signal));
    reference ??= results.find(({ EventId }) => EventId !== undefined)?.EventId ?? null;
    const failed = asked.flatMap((entry, position) => {
      const { EventId, ErrorCode, ErrorMessage } = results[position] ?? {};
      if (EventId !== undefined && ErrorCode === undefined) return [];
      return [{ entry, code: ErrorCode ?? "InternalFailure", message: ErrorMessage ?? "no result" }];
    });
    const hopeless = failed.find(({ code }) => !AGAIN.test(code));
    const again = failed.filter(({ code }) => AGAIN.test(code));
    const [one] = again;
    if (one === undefined)
      return hopeless === undefined ? { kind: "sent", reference } : { kind: "permanent", because: says(hopeless.code, hopeless.message) };
    if (attempt >= TRIES) return { kind: "retry", because: says(one.code, one.message), afterMs: null };
    if (hopeless !== undefined) return { kind: "permanent", because: says(hopeless.code, hopeless.message) };
    rest = again.map(({ entry }) => entry);
  }
}

const says = (code: string, message: string): string => `EventBridge refused an event: ${printable(code, 64)} (${printable(message, 200)})`;

const entryOf = ({ detailType, detail, atMs }: BusEvent, busArn: string): PutEventsRequestEntry => ({
  EventBusName: busArn,
  Source: EVENT_SOURCE,
  DetailType: detailType,
  Detail: detail,
  Time: new Date(atMs),
});

function batches(events: readonly BusEvent[]): readonly (readonly BusEvent[])[] {
  const all: BusEvent[][] = [];
  let bytes = 0;
  for (const event of events) {
    const size = Buffer.byteLength(event.detail) + ENTRY_BYTES;
    const last = all.at(-1);
    if (last === undefined || last.length >= MOST_ENTRIES || bytes + size > MOST_BYTES) {
      all.push([event]);
      bytes = size;
    } else {
      last.push(event);
      bytes += size;
    }
  }
  return all;
}

/** Puts by the SDK; `config` names another endpoint. */
export function awsPutter(config: EventBridgeClientConfig = {}): EventPutter {
  let client: EventBridgeClient | undefined;
  return async (Entries, abortSignal) => {
    client ??= new EventBridgeClient({
      ...config,
      maxAttempts: 2,
      requestHandler: { connectionTimeout: 2_000, requestTimeout: 5_000, throwOnRequestTimeout: true },
    });
    return (await client.send(new PutEventsCommand({ Entries }), { abortSignal })).Entries ?? [];
  };
}
