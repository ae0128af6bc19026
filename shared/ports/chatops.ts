/** What Slack signs its requests with. */
export interface SigningSecret {
  /** As it was read lately. Throws a PipelineError when it cannot be read: then nobody can be verified. */
  current(signal: AbortSignal): Promise<string>;
  /** Read again now, for it may have been rotated; null: it was read again a moment ago, and who knows no secret makes us read no more. */
  again(signal: AbortSignal): Promise<string | null>;
}

/** What a person who clicked is told. Texts of ours, inert. */
export interface Reply {
  /** everybody: under the message that was clicked in. clicker: nobody else sees it. */
  readonly to: "everybody" | "clicker";
  readonly text: string;
  /** Message (its ts) under which it stands; null: none is known. */
  readonly thread: string | null;
}

export interface Replies {
  /** Only to an address of Slack's own: any other is not even asked. False: it could not be sent there. Never throws. */
  send(responseUrl: string, reply: Reply, signal: AbortSignal): Promise<boolean>;
}
