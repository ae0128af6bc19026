import type { Lane } from "#shared/domain/action.ts";
import type { PolicyAction } from "#shared/domain/policy.ts";
import type { Versions } from "#shared/domain/versions.ts";
import { expiry, iso, KEEP_INCIDENT_S, pack, unpack } from "#shared/ledger/items.ts";
import { orderKey } from "#shared/ledger/keys.ts";
import type { Item } from "#shared/ports/table.ts";

/**
 * awaiting: a person is asked. given: a person has said yes, a lane is to carry it out. carried: it did, or found that it cannot be done.
 * denied: a person said no. expired: nobody said anything in time, or it was held all the same: the next alert asks again.
 */
export type OrderState = "awaiting" | "given" | "carried" | "denied" | "expired";

/** Body of INCIDENT / ORDER#. */
export interface OrderBody {
  /** expire: the policy has said how long it lasts. */
  readonly verb: "approve" | "undo" | "expire";
  readonly state: OrderState;
  readonly incident: string;
  /** Uid of the target. */
  readonly target: string;
  /** `actionKey` of the action. */
  readonly key: string;
  readonly action: PolicyAction;
  /** Policy rule. */
  readonly rule: string;
  /** Id of the alert that it is about. */
  readonly alert: string;
  readonly channels: readonly string[];
  readonly lane: Lane;
  readonly askedAtMs: number;
  /** awaiting: over after this. given: not before this. */
  readonly atMs: number;
  /** IAM principal that decided; null: nobody yet. */
  readonly by: string | null;
  readonly decidedAtMs: number | null;
  /** Times that it was sent to its lane. */
  readonly sent: number;
  /** What became of it. */
  readonly because: string | null;
  /** What it was asked under; absent: a person began it. */
  readonly under?: Versions;
}

/** The message normally arrives at once: sweep looks when it did not. */
const HEAD_START_MS = 60_000;
const LONGEST_MS = 3_600_000;

/** When sweep looks: at its end while it awaits, again and again while it is given. Null: never. */
export function orderDueMs({ state, atMs, sent }: OrderBody, nowMs: number): number | null {
  if (state === "awaiting") return atMs;
  return state === "given" ? Math.max(atMs, nowMs + Math.min(LONGEST_MS, HEAD_START_MS * 2 ** Math.min(sent, 6))) : null;
}

export function orderItem(order: OrderBody, version: number, nowMs: number): Item {
  const dueMs = orderDueMs(order, nowMs);
  return pack(orderKey(order.incident, order.verb, order.target, order.key), "order", version, nowMs, order, {
    state: order.state,
    due: dueMs === null ? undefined : iso(dueMs),
    expires: expiry(nowMs, KEEP_INCIDENT_S),
  });
}

export const readOrder = (item: Item): OrderBody => unpack<OrderBody>(item, "order");
