import type { Clock } from "#shared/ports/clock.ts";

interface Timer {
  readonly atMs: number;
  readonly wake: () => void;
}

/** Time that passes only when nothing is left to do now. Everything in it must be promises, and no real input or output. */
export class VirtualTime implements Clock {
  readonly #timers: Timer[] = [];
  readonly #passes: (ms: number) => void;
  #nowMs: number;
  readonly troubles: unknown[] = [];

  /** `passes`: told of every step, so that other clocks go with this one. */
  constructor(nowMs: number, passes: (ms: number) => void = () => undefined) {
    this.#nowMs = nowMs;
    this.#passes = passes;
  }

  now(): number {
    return this.#nowMs;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => void this.#timers.push({ atMs: this.#nowMs + Math.max(0, ms), wake }));
  }

  /** Does it so many ms from now, beside whatever else is done. */
  after(ms: number, go: () => Promise<void> | void): void {
    void this.sleep(ms)
      .then(go)
      .catch((thrown: unknown) => this.troubles.push(thrown));
  }

  /** Until nobody waits for anything. Rethrows the first trouble. */
  async run(): Promise<void> {
    for (;;) {
      // All promises that can go on have gone on when the next immediate comes.
      await new Promise(setImmediate);
      if (this.troubles.length > 0) throw this.troubles[0];
      let next = 0;
      for (let at = 1; at < this.#timers.length; at++) if (this.#at(at) < this.#at(next)) next = at;
      const [timer] = this.#timers.splice(next, 1);
      if (timer === undefined) return;
      this.#passes(timer.atMs - this.#nowMs);
      this.#nowMs = timer.atMs;
      timer.wake();
    }
  }

  #at(position: number): number {
    return this.#timers[position]?.atMs ?? Number.POSITIVE_INFINITY;
  }
}

/** The port, each of whose calls takes so long before it happens. As an object it is another one: another function has it. */
export const delayed = <T extends object>(port: T, takesMs: (method: string) => number, time: VirtualTime): T =>
  new Proxy(port, {
    get(target, method) {
      const value: unknown = Reflect.get(target, method, target);
      if (typeof value !== "function") return value;
      return async (...given: readonly unknown[]): Promise<unknown> => {
        await time.sleep(takesMs(String(method)));
        return await (Reflect.apply(value, target, given) as Promise<unknown>);
      };
    },
  });
