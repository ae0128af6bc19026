import { PipelineError } from "#shared/domain/error.ts";
import type { Item, Json, Key } from "#shared/ports/table.ts";

export type ItemType =
  | "subject"
  | "incident"
  | "target"
  | "alert"
  | "claim"
  | "receipt"
  | "note"
  | "budget"
  | "order"
  | "seen"
  | "container"
  | "chore"
  | "opened"
  | "mute"
  | "sensors"
  | "delivery"
  | "escalation"
  | "pace"
  | "thread"
  | "audit"
  | "click"
  | "threshold";

/** Kept after the last write: incidents and what belongs to them, 400 days; helpers for repeated deliveries, 8 days. Seconds. */
export const KEEP_INCIDENT_S = 400 * 86_400;
export const KEEP_HELPER_S = 8 * 86_400;
/** What arrived is compared with what was received within minutes; CloudWatch tries for 24 hours. */
export const KEEP_ARRIVALS_S = 3 * 86_400;

export const iso = (ms: number): string => new Date(ms).toISOString();
export const expiry = (nowMs: number, keepSeconds: number): number => Math.floor(nowMs / 1_000) + keepSeconds;

/** Attributes beside the body: what conditions, the due index and the stream's filter look at. */
export interface Flat {
  readonly due?: string | undefined;
  readonly expires?: number | undefined;
  readonly [attribute: string]: Json | undefined;
}

/**
 * An item whose content is `body`, JSON text with its schema beside it: exact (no number is touched on the way), one place to migrate.
 * `version` is the new one: 1 for a new item, else the one read + 1.
 */
export function pack<T extends object>(key: Key, type: ItemType, version: number, nowMs: number, body: T, flat: Flat = {}): Item {
  const attributes = Object.fromEntries(Object.entries(flat).filter(([, value]) => value !== undefined));
  return {
    ...attributes,
    ...key,
    type,
    version,
    at: iso(nowMs),
    schema: `falco-responder/${type}/1`,
    body: JSON.stringify(body),
  };
}

/** Reads what `pack` wrote. Throws `message_invalid` for another type or a schema this version cannot read. */
export function unpack<T extends object>(item: Item, type: ItemType): T {
  if (item.type !== type || item["schema"] !== `falco-responder/${type}/1` || typeof item["body"] !== "string")
    throw new PipelineError("message_invalid", `ledger item ${item.pk} / ${item.sk} is no ${type} that this version can read`);
  return JSON.parse(item["body"]) as T;
}
