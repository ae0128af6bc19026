/** The ledger's storage: whole items under (pk, sk), each with a version, written in conditional transactions. */
export interface Table {
  /** Strongly consistent. */
  get(key: Key, signal: AbortSignal): Promise<Item | null>;
  /** Items under `pk` whose sk begins with `skPrefix`, in sk order, strongly consistent: all pages, or the first `most`. */
  query(pk: string, skPrefix: string, signal: AbortSignal, most?: number): Promise<readonly Item[]>;
  /** Items whose `due` is at or before `untilIso`, earliest first, eventually consistent; read the item again before acting. */
  due(untilIso: string, limit: number, signal: AbortSignal): Promise<readonly Item[]>;
  /**
   * All or nothing. `ok: false` names the positions of the writes whose condition failed.
   * A conflict with another transaction or a throttle is tried again inside; lasting trouble throws `ledger_contention` or an `aws_*` error.
   * At most 100 writes, one per key. `token` (<= 36 characters) makes a repeated call within 10 minutes the same call.
   */
  transact(writes: readonly Write[], signal: AbortSignal, token?: string): Promise<TransactResult>;
  /** Unconditional, idempotent puts, no order, any number. Resolves when all are stored. */
  putAll(items: readonly Item[], signal: AbortSignal): Promise<void>;
}

export interface Key {
  readonly pk: string;
  readonly sk: string;
}

/** `due` and `at` are ISO 8601 UTC with ms; `expires` is in seconds since the epoch (DynamoDB TTL). */
export interface Item extends Key {
  readonly type: string;
  readonly version: number;
  readonly at: string;
  readonly due?: string;
  readonly expires?: number;
  readonly [attribute: string]: Json | undefined;
}

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** absent: no item under the key. version: the item is there with exactly this version. not-paused: absent, or `paused` is exactly false: a switch that cannot be read is on. */
export type Condition =
  | { readonly kind: "absent" }
  | { readonly kind: "version"; readonly version: number }
  | { readonly kind: "not-paused" };

export type Write =
  | { readonly op: "put"; readonly item: Item; readonly when: Condition | null }
  | { readonly op: "delete"; readonly key: Key; readonly when: Condition | null }
  | { readonly op: "check"; readonly key: Key; readonly when: Condition };

export type TransactResult = { readonly ok: true } | { readonly ok: false; readonly failed: readonly number[] };
