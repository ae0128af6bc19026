/** Where every log event of one invocation ended. The parts add up to `events`. */
export interface IngestReport {
  readonly batch: string;
  readonly events: number;
  /** Stand in the queue for themselves and for the coalesced. */
  readonly queued: number;
  readonly coalesced: number;
  readonly ignored: number;
  readonly unreadable: number;
  /** Why events were ignored. */
  readonly reasons: Readonly<Record<string, number>>;
}

/** Counts events by outcome. */
export class Tally {
  queued = 0;
  coalesced = 0;
  unreadable = 0;
  readonly #ignored = new Map<string, number>();

  ignored(reason: string, events: number): void {
    this.#ignored.set(reason, (this.#ignored.get(reason) ?? 0) + events);
  }

  /** Throws when an event is missing or counted twice: then our own code is wrong, and the batch must not be taken as done. */
  report(batch: string, events: number): IngestReport {
    const reasons = Object.fromEntries(this.#ignored);
    const ignored = [...this.#ignored.values()].reduce((sum, count) => sum + count, 0);
    const { queued, coalesced, unreadable } = this;
    if (queued + coalesced + ignored + unreadable !== events)
      throw new Error(`${events} events came, but ${queued} + ${coalesced} + ${ignored} + ${unreadable} are accounted for`);
    return { batch, events, queued, coalesced, ignored, unreadable, reasons };
  }
}
