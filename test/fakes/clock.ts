import type { Clock } from "#shared/ports/clock.ts";

/** Time passes only when told, or slept. */
export class FakeClock implements Clock {
  nowMs: number;
  readonly slept: number[] = [];

  constructor(nowMs: number = Date.parse("2026-11-23T19:00:00.000Z")) {
    this.nowMs = nowMs;
  }

  now(): number {
    return this.nowMs;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    this.slept.push(ms);
    this.nowMs += ms;
    return Promise.resolve();
  }
}
