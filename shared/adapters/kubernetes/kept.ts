import { PipelineError } from "#shared/domain/error.ts";

/** What was loaded, and until when it may be used. */
export interface Loaded<T> {
  readonly value: T;
  readonly untilMs: number;
}

/** While something stays refused, it is looked up afresh no more often than this, however many requests fail. */
const FRESH_MS = 5_000;

/**
 * One value for all who ask: loaded once however many wait for it, kept until its end. A failure is not kept. Who says by `failed` that the
 * value at hand did not work gets one that was loaded afresh, once for all of them. No caller's end cuts the load that others wait for.
 */
export function kept<T>(load: (fresh: boolean) => Promise<Loaded<T>>, now: () => number = Date.now) {
  let current: Promise<T> | undefined;
  let untilMs = 0;
  let freshMs = Number.NEGATIVE_INFINITY;
  const start = (fresh: boolean): Promise<T> => {
    untilMs = Number.POSITIVE_INFINITY;
    const loading = load(fresh).then((loaded) => {
      if (current === loading) untilMs = loaded.untilMs;
      return loaded.value;
    });
    current = loading;
    loading.catch(() => {
      if (current === loading) current = undefined;
    });
    return loading;
  };
  const atHand = () => (current !== undefined && now() < untilMs ? current : start(false));
  return async (signal: AbortSignal, failed?: (value: T) => boolean): Promise<T> => {
    const value = await within(signal, atHand());
    if (failed === undefined || !failed(value)) return value;
    if (now() >= freshMs + FRESH_MS) {
      freshMs = now();
      return await within(signal, start(true));
    }
    return await within(signal, atHand());
  };
}

/** Waits for what is shared with others, and gives up alone. */
async function within<T>(signal: AbortSignal, shared: Promise<T>): Promise<T> {
  const over = () => new PipelineError("timed_out", "reaching the API server: given up when its time was over");
  if (signal.aborted) throw over();
  const ended = Promise.withResolvers<never>();
  const end = () => ended.reject(over());
  signal.addEventListener("abort", end, { once: true });
  try {
    return await Promise.race([shared, ended.promise]);
  } finally {
    signal.removeEventListener("abort", end);
  }
}
