/** One way to tell people. */
export interface Channel {
  /** Never throws for what the receiver answers: see Delivery. */
  send(message: OutgoingMessage, signal: AbortSignal): Promise<Delivery>;
}

export type OutgoingMessage =
  | {
      readonly kind: "sns";
      readonly topicArn: string;
      readonly subject: string;
      /** For people: what mail subscribers get. */
      readonly text: string;
      /** JSON (infra/schemas/notification.json): what every other subscriber gets. */
      readonly body: string;
      readonly attributes: Readonly<Record<string, string>>;
    }
  | { readonly kind: "slack"; readonly urlSecret: string; readonly payload: SlackContent }
  | {
      readonly kind: "slack-bot";
      readonly botTokenSecret: string;
      readonly channelId: string;
      readonly call: SlackCall;
      readonly payload: SlackContent;
    }
  | { readonly kind: "bus"; readonly busArn: string; readonly events: readonly BusEvent[] };

interface SlackContent {
  readonly text: string;
  readonly blocks: readonly unknown[];
}

/** `ts`: Slack's name of a message, `reference` of the delivery that posted it. broadcast: seen in the channel, too. */
export type SlackCall =
  | { readonly kind: "post" }
  | { readonly kind: "update"; readonly ts: string }
  | { readonly kind: "reply"; readonly ts: string; readonly broadcast: boolean };

/** `detail`: JSON (infra/schemas/event.json). `atMs`: when it became so. */
export interface BusEvent {
  readonly detailType: string;
  readonly detail: string;
  readonly atMs: number;
}

/**
 * retry: unavailable, throttled or unknown: may be sent again. permanent: will never succeed as it is (a person must fix it).
 * gone: the message that was to be updated or answered is there no more, or may not be changed: post it anew.
 */
export type Delivery =
  | { readonly kind: "sent"; readonly reference: string | null }
  | { readonly kind: "retry"; readonly because: string; readonly afterMs: number | null }
  | { readonly kind: "permanent"; readonly because: string }
  | { readonly kind: "gone"; readonly because: string };
