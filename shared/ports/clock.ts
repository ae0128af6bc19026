/** The only source of time. */
export interface Clock {
  /** ms since the epoch. */
  now(): number;
  /** Resolves after `ms`, rejects with the signal's reason when aborted first. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}
