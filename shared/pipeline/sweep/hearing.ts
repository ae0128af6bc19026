import type { Cluster } from "#shared/domain/registry.ts";
import type { Heard, Sign } from "#shared/domain/sensor.ts";
import { arrivalPks, type ReadArrival, readArrival } from "#shared/ledger/arrival.ts";
import type { Table } from "#shared/ports/table.ts";

const AT_ONCE = 8;

/** What arrived of a log group between two times of our clock, in order; a batch that was delivered twice once, as it first came. */
export async function arrivalsOf(
  logGroup: string,
  fromMs: number,
  toMs: number,
  table: Pick<Table, "query">,
  signal: AbortSignal,
): Promise<readonly ReadArrival[]> {
  const pks = [...arrivalPks(logGroup, fromMs, toMs)];
  const found = new Map<string, ReadArrival>();
  const worker = async (): Promise<void> => {
    for (let pk = pks.shift(); pk !== undefined; pk = pks.shift())
      for (const item of await table.query(pk, "", signal)) {
        const read = readArrival(item);
        const before = found.get(item.sk);
        if (read !== null && (before === undefined || read.arrivedMs < before.arrivedMs)) found.set(item.sk, read);
      }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return [...found.values()].sort((a, b) => a.arrivedMs - b.arrivedMs);
}

export interface Hearing {
  readonly heard: readonly Heard[];
  /** At least one of them was a heartbeat. */
  readonly heartbeats: boolean;
}

/** Every sensor of a cluster that was heard between two times. */
export async function listen(
  cluster: Cluster,
  fromMs: number,
  toMs: number,
  table: Pick<Table, "query">,
  signal: AbortSignal,
): Promise<Hearing> {
  const groups = [...new Set(cluster.sources.map(({ logGroup }) => logGroup))];
  const arrivals = await Promise.all(groups.map((group) => arrivalsOf(group, fromMs, toMs, table, signal)));
  return hearingOf(arrivals.flat().filter((arrival) => arrival.cluster === cluster.name));
}

/**
 * One sensor per set of names. What was delivered twice counts from its first arrival: an alert that comes again is no life. A clock that runs
 * ahead is held to ours, so that setting it right is not taken for silence; one that runs behind does no harm.
 */
export function hearingOf(arrivals: readonly ReadArrival[]): Hearing {
  const sensors = new Map<string, Map<string, { readonly sign: Sign; readonly timeMs: number | null; readonly firstMs: number }>>();
  let heartbeats = false;
  for (const { arrivedMs, signs } of [...arrivals].sort((a, b) => a.arrivedMs - b.arrivedMs)) {
    for (const sign of signs) {
      heartbeats ||= sign.heartbeat;
      const key = sign.names.join("\n");
      const seen = sensors.get(key) ?? new Map();
      sensors.set(key, seen);
      const timeMs = sign.timeMs === null ? null : Math.min(sign.timeMs, arrivedMs);
      const identity = `${sign.timeMs} ${sign.drops}`;
      if (!seen.has(identity)) seen.set(identity, { sign, timeMs, firstMs: arrivedMs });
    }
  }
  const heard = [...sensors.values()].map((seen): Heard => {
    const all = [...seen.values()];
    const times = all.flatMap(({ timeMs }) => timeMs ?? []);
    const dropped = all.filter(({ sign }) => sign.drops !== null).at(-1);
    return {
      names: all[0]?.sign.names ?? [],
      heardMs: Math.max(...all.map(({ firstMs }) => firstMs)),
      timeMs: times.length === 0 ? null : Math.max(...times),
      drops: dropped?.sign.drops == null ? null : { heardMs: dropped.firstMs, rule: dropped.sign.drops },
    };
  });
  return { heard, heartbeats };
}
