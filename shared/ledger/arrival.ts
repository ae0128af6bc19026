import type { Sign } from "#shared/domain/sensor.ts";
import { expiry, iso, KEEP_ARRIVALS_S } from "#shared/ledger/items.ts";
import { arrivalKey, arrivalPk } from "#shared/ledger/keys.ts";
import type { Item, Json } from "#shared/ports/table.ts";

/**
 * That a batch of log events was handed over: which events, and which sensors they show alive. Written once per batch by ingest, after its
 * alerts are queued: what has no arrival was not handed over. Immutable, so a repeated delivery changes nothing that was written before.
 */
export interface Arrival {
  readonly batch: string;
  /** Registered cluster; null: the stream is no cluster's. */
  readonly cluster: string | null;
  readonly arrivedMs: number;
  readonly events: readonly { readonly id: string; readonly timestamp: number }[];
  readonly signs: readonly Sign[];
  /** Fetched again: the subscription had not delivered it. */
  readonly fetched: boolean;
}

/** An item holds so many events: 8 characters each, and a count per minute, far below DynamoDB's 400 KB. */
const MOST_EVENTS = 10_000;
/** Of one event in an item: 48 bits, which no two of a group and minute share but by a chance in millions. */
const DIGEST_BYTES = 6;

export const minuteOf = (ms: number): number => Math.floor(ms / 60_000);

/** Items of one batch: one, but for a very large batch. */
export function arrivalItems(logGroup: string, arrival: Arrival): readonly Item[] {
  const { batch, cluster, arrivedMs, events, signs, fetched } = arrival;
  const parts = Math.max(1, Math.ceil(events.length / MOST_EVENTS));
  return Array.from({ length: parts }, (_, part) => {
    const these = events.slice(part * MOST_EVENTS, (part + 1) * MOST_EVENTS);
    return {
      ...arrivalKey(logGroup, minuteOf(arrivedMs), part === 0 ? batch : `${batch}#${part}`),
      type: "arrival",
      version: 1,
      at: iso(arrivedMs),
      expires: expiry(arrivedMs, KEEP_ARRIVALS_S),
      cluster,
      ...(fetched ? { fetched } : {}),
      ids: digests(these.map(({ id }) => id)),
      minutes: countsOf(these),
      signs: part === 0 ? (signs as unknown as Json) : [],
    };
  });
}

/** The reader's view of an item; null: it is no arrival. */
export interface ReadArrival {
  readonly cluster: string | null;
  readonly arrivedMs: number;
  /** Packed digests: `digestsIn`. */
  readonly ids: string;
  /** Minute of the events' own timestamps (ms / 60,000) -> events. */
  readonly minutes: Readonly<Record<string, number>>;
  readonly signs: readonly Sign[];
  readonly fetched: boolean;
}

export function readArrival(item: Item): ReadArrival | null {
  const { cluster, ids, minutes, signs } = item;
  if (item.type !== "arrival" || typeof ids !== "string" || !Array.isArray(signs) || typeof minutes !== "object") return null;
  return {
    cluster: typeof cluster === "string" ? cluster : null,
    arrivedMs: Date.parse(item.at),
    ids,
    minutes: minutes as Readonly<Record<string, number>>,
    signs: signs as unknown as readonly Sign[],
    fetched: item["fetched"] === true,
  };
}

/** Partitions in which arrivals of these minutes stand, both included. */
export const arrivalPks = (logGroup: string, fromMs: number, toMs: number): readonly string[] =>
  Array.from({ length: minuteOf(toMs) - minuteOf(fromMs) + 1 }, (_, at) => arrivalPk(logGroup, minuteOf(fromMs) + at));

function countsOf(events: readonly { readonly timestamp: number }[]): Readonly<Record<string, number>> {
  const counts = new Map<number, number>();
  for (const { timestamp } of events) counts.set(minuteOf(timestamp), (counts.get(minuteOf(timestamp)) ?? 0) + 1);
  return Object.fromEntries(counts);
}

const digests = (ids: readonly string[]): string => {
  const packed = Buffer.allocUnsafe(ids.length * DIGEST_BYTES);
  ids.forEach((id, at) => {
    writeDigest(id, packed, at * DIGEST_BYTES);
  });
  return packed.toString("base64");
};

/** Each digest as it stands in `digestsIn`. */
export function digestOf(id: string): string {
  const one = Buffer.allocUnsafe(DIGEST_BYTES);
  writeDigest(id, one, 0);
  return one.toString("base64");
}

/** 8 characters of base64 are one digest. */
export const digestsIn = (ids: string): readonly string[] => ids.match(/.{8}/g) ?? [];

/**
 * FNV-1a over both ends, 32 and 16 bits: ids come from CloudWatch, nobody chooses them, and ingest must not spend on this what parsing an
 * alert costs. http://www.isthe.com/chongo/tech/comp/fnv/
 */
function writeDigest(id: string, into: Buffer, at: number): void {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (let i = 0; i < id.length; i++) {
    const code = id.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ (code + i), 0x85ebca6b);
  }
  into.writeUInt32BE(a >>> 0, at);
  into.writeUInt16BE((b ^ (b >>> 16)) & 0xffff, at + 4);
}
