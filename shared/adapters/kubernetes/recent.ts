import { POD } from "#shared/adapters/kubernetes/paths.ts";
import type { At, DirectApi, Kind, KubernetesApi, WriteOptions } from "#shared/ports/kubernetes.ts";

/** From the moment that it was asked for. Long enough for what one alert leads to, and for alerts that are handled side by side. */
const RECENT_MS = 1_000;

interface Read {
  readonly atMs: number;
  readonly answer: Promise<unknown>;
}

/**
 * Adds `recent`: within one invocation (one signal) what was read, or is being read, is not asked for again. A list is remembered only of those
 * who asked for a recent one, since it may be large; a failure never. What we write ourselves is forgotten.
 */
export function withRecent(api: DirectApi, now: () => number = () => performance.now()): KubernetesApi {
  const reads = new WeakMap<AbortSignal, Map<string, Read>>();

  const of = (signal: AbortSignal): Map<string, Read> => {
    const there = reads.get(signal) ?? new Map<string, Read>();
    reads.set(signal, there);
    // In the order in which they were asked for: the oldest first.
    for (const [key, { atMs }] of there) {
      if (now() - atMs < RECENT_MS) break;
      there.delete(key);
    }
    return there;
  };

  const ask = <T>(key: string, signal: AbortSignal, call: () => Promise<T>): Promise<T> => {
    const there = of(signal);
    const answer = call();
    const read = { atMs: now(), answer };
    there.delete(key);
    there.set(key, read);
    answer.catch(() => {
      if (there.get(key) === read) there.delete(key);
    });
    return answer;
  };

  const atHand = <T>(key: string, signal: AbortSignal, call: () => Promise<T>): Promise<T> =>
    (of(signal).get(key)?.answer as Promise<T> | undefined) ?? ask(key, signal, call);

  /** The object as it was goes, and every list that may hold it: also when the write failed, since it may have been done. */
  const writing = async <T>(kind: Kind, name: At | null, { dryRun }: WriteOptions, signal: AbortSignal, write: () => Promise<T>) => {
    if (dryRun) return await write();
    const forget = (): void => {
      const there = of(signal);
      if (name !== null) there.delete(objectKey(kind, name.namespace, name.name));
      for (const key of there.keys()) if (key.startsWith(listKey(kind))) there.delete(key);
    };
    forget();
    try {
      return await write();
    } finally {
      forget();
    }
  };

  return {
    get: (kind, namespace, name, signal) => ask(objectKey(kind, namespace, name), signal, () => api.get(kind, namespace, name, signal)),
    recent: {
      get: (kind, namespace, name, signal) =>
        atHand(objectKey(kind, namespace, name), signal, () => api.get(kind, namespace, name, signal)),
      list: (kind, where, signal) => atHand(listKey(kind) + JSON.stringify(where), signal, () => api.list(kind, where, signal)),
    },
    list: (kind, where, signal) => api.list(kind, where, signal),
    logs: (at, options, signal) => api.logs(at, options, signal),
    create: (kind, object, options, signal) => writing(kind, null, options, signal, () => api.create(kind, object, options, signal)),
    patch: (kind, at, operations, options, signal) =>
      writing(kind, at, options, signal, () => api.patch(kind, at, operations, options, signal)),
    delete: (kind, at, options, signal) => writing(kind, at, options, signal, () => api.delete(kind, at, options, signal)),
    evict: (at, options, signal) => writing(POD, at, options, signal, () => api.evict(at, options, signal)),
  };
}

const kindKey = ({ group, resource }: Kind): string => `${group}/${resource}`;
const objectKey = (kind: Kind, namespace: string | null, name: string): string => `${kindKey(kind)} ${namespace ?? ""}/${name}`;
const listKey = (kind: Kind): string => `${kindKey(kind)} list `;
