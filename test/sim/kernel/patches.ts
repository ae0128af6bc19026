import { createRequire, syncBuiltinESMExports } from "node:module";
import type { Draw } from "./draw.ts";
import type { Kernel } from "./kernel.ts";

const builtin = createRequire(import.meta.url);
const timers = builtin("node:timers") as { setTimeout: unknown; clearTimeout: unknown };
const crypto = builtin("node:crypto") as { randomUUID: unknown };

/** What of this process knows real time or real chance, by the name under which it is told. */
export type Leak = "Date.now" | "Math.random" | "AbortSignal.timeout" | "setTimeout" | "randomUUID" | "performance.now";

interface Handle {
  isCleared: boolean;
}

/**
 * Puts virtual time and seeded chance in the place of the real ones, for everything in this thread: product, libraries, fakes. Returns what puts
 * the real ones back. `leak` hears of each use; `isLive` tells whether the one who waits still lives.
 */
export function patched(kernel: Kernel, draw: Draw, living: () => () => boolean, leak: (what: Leak) => void): () => void {
  const real = {
    now: Date.now,
    random: Math.random,
    timeout: AbortSignal.timeout,
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    timersSet: timers.setTimeout,
    timersClear: timers.clearTimeout,
    uuid: crypto.randomUUID,
    performanceNow: performance.now,
    Date: globalThis.Date,
  };
  let chances = 0;
  let uuids = 0;
  const nowMs = (): number => kernel.nowMs;
  const later = (go: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): Handle => {
    leak("setTimeout");
    const handle: Handle = { isCleared: false };
    const lives = living();
    kernel.after(Math.max(0, ms), () => {
      if (!handle.isCleared && lives()) go(...args);
    });
    return handle;
  };
  const clear = (handle: unknown): void => {
    if (typeof handle === "object" && handle !== null) (handle as Handle).isCleared = true;
  };
  class VirtualDate extends real.Date {
    constructor(...given: readonly unknown[]) {
      if (given.length === 0) leak("Date.now");
      super(...((given.length === 0 ? [nowMs()] : given) as [number]));
    }
    static override now(): number {
      leak("Date.now");
      return nowMs();
    }
  }
  globalThis.Date = VirtualDate as unknown as DateConstructor;
  Math.random = () => {
    leak("Math.random");
    return draw(`Math.random ${chances++}`);
  };
  AbortSignal.timeout = (ms) => {
    leak("AbortSignal.timeout");
    const controller = new AbortController();
    const lives = living();
    kernel.after(ms, () => {
      if (lives()) controller.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError"));
    });
    return controller.signal;
  };
  globalThis.setTimeout = later as unknown as typeof setTimeout;
  globalThis.clearTimeout = clear as typeof clearTimeout;
  timers.setTimeout = later;
  timers.clearTimeout = clear;
  crypto.randomUUID = () => {
    leak("randomUUID");
    return `uuid-${uuids++}`;
  };
  performance.now = () => {
    leak("performance.now");
    return nowMs();
  };
  syncBuiltinESMExports();
  return () => {
    globalThis.Date = real.Date;
    Math.random = real.random;
    AbortSignal.timeout = real.timeout;
    globalThis.setTimeout = real.setTimeout;
    globalThis.clearTimeout = real.clearTimeout;
    timers.setTimeout = real.timersSet;
    timers.clearTimeout = real.timersClear;
    crypto.randomUUID = real.uuid;
    performance.now = real.performanceNow;
    syncBuiltinESMExports();
  };
}
