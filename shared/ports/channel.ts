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
  | {
      readonly kind: "slack";
      readonly urlSecret: string;
      readonly payload: { readonly text: string; readonly blocks: readonly unknown[] };
    };

/** retry: unavailable, throttled or unknown: may be sent again. permanent: will never succeed as it is (a person must fix it). */
export type Delivery =
  | { readonly kind: "sent"; readonly reference: string | null }
  | { readonly kind: "retry"; readonly because: string; readonly afterMs: number | null }
  | { readonly kind: "permanent"; readonly because: string };
