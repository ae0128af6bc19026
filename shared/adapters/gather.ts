import { setTimeout as sleep } from "node:timers/promises";
import { PipelineError } from "#shared/domain/error.ts";

type Ask<T> = (keys: readonly string[], signal: AbortSignal) => Promise<ReadonlyMap<string, T>>;

interface Batch<T> {
  readonly keys: Set<string>;
  asks: number;
  /** Nobody is left who could join. */
  readonly isFull: () => void;
  readonly answer: Promise<ReadonlyMap<string, T>>;
}

/** Long enough for alerts that are handled side by side to meet, short beside a call of AWS. */
const WAIT_MS = 5;
/** Alerts that one invocation has in hand at most: when so many have asked, nobody else will. */
const EVERYBODY = 10;

/**
 * Joins what is asked for at about the same time, within one invocation (one signal), into one call, and asks for a key once however many
 * want it. Nothing is remembered: an answer is always of a call that began after the question. An answer may hold more than was asked for.
 */
export function gather<T>(ask: Ask<T>, most: number, wait: () => Promise<unknown> = () => sleep(WAIT_MS)): Ask<T> {
  const open = new Map<AbortSignal, Batch<T>>();
  const start = (signal: AbortSignal): Batch<T> => {
    const keys = new Set<string>();
    const { promise: full, resolve: isFull } = Promise.withResolvers<void>();
    const send = (): Promise<ReadonlyMap<string, T>> => {
      if (open.get(signal) === batch) open.delete(signal);
      return ask([...keys], signal);
    };
    const batch: Batch<T> = { keys, asks: 0, isFull, answer: Promise.race([wait(), full]).then(send) };
    open.set(signal, batch);
    return batch;
  };
  return async (keys, signal) => {
    const there = open.get(signal);
    const batch = there === undefined || there.keys.size + keys.length > most ? start(signal) : there;
    for (const key of keys) batch.keys.add(key);
    if (++batch.asks >= EVERYBODY) batch.isFull();
    try {
      return await batch.answer;
    } catch (thrown) {
      // One key that AWS rejects, and an alert may have named it, must not speak for its neighbours.
      if (batch.asks === 1 || !(thrown instanceof PipelineError) || thrown.retryable) throw thrown;
      return await ask(keys, signal);
    }
  };
}
