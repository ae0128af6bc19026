import { setTimeout } from "node:timers/promises";
import type { Clock } from "#shared/ports/clock.ts";

/** The function's own clock; Lambda keeps it by NTP. */
export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(ms, signal) {
    signal.throwIfAborted();
    try {
      await setTimeout(ms, undefined, { signal });
    } catch (thrown) {
      signal.throwIfAborted();
      throw thrown;
    }
  },
};
