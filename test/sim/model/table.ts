import type { Condition, Item, Key, Table, TransactResult, Write } from "#shared/ports/table.ts";

/** What a transaction changed, one item. */
export interface Change {
  readonly before: Item | null;
  readonly after: Item | null;
}

interface Stored {
  item: Item | null;
  /** As it was before `atMs`: what a lagging index may still show. */
  former: Item | null;
  atMs: number;
}

/** The index follows the table by at most so long. DynamoDB gives no bound; usually it is well under a second. */
const MOST_LAG_MS = 2_000;

/**
 * DynamoDB as the port promises it: strongly consistent reads, all-or-nothing transactions, an index that lags. Items are frozen, not copied:
 * whoever writes into one that was read fails at once.
 */
export class ModelTable implements Table {
  readonly #items = new Map<string, Map<string, Stored>>();
  readonly #due = new Map<string, Stored>();
  readonly #tokens = new Set<string>();
  readonly #nowMs: () => number;
  /** How long the index lags at this read, as a part of the most. */
  lag: () => number = () => 0;
  /** Called within each transaction that takes effect. */
  onChange: (change: Change) => void = () => undefined;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get(key: Key): Promise<Item | null> {
    return Promise.resolve(this.peek(key));
  }

  query(pk: string, skPrefix: string, _signal?: AbortSignal, most?: number): Promise<readonly Item[]> {
    return Promise.resolve(this.under(pk, skPrefix).slice(0, most));
  }

  due(untilIso: string, limit: number): Promise<readonly Item[]> {
    const sinceMs = this.#nowMs() - this.lag() * MOST_LAG_MS;
    const seen: Item[] = [];
    for (const { item, former, atMs } of this.#due.values()) {
      const shown = atMs > sinceMs ? former : item;
      if (shown?.due !== undefined && shown.due <= untilIso) seen.push(shown);
    }
    seen.sort((a, b) => order(`${a.due}${a.pk}${a.sk}`, `${b.due}${b.pk}${b.sk}`));
    return Promise.resolve(seen.slice(0, limit));
  }

  transact(writes: readonly Write[], _signal?: AbortSignal, token?: string): Promise<TransactResult> {
    if (writes.length > 100) return Promise.reject(new Error(`${writes.length} writes in one transaction`));
    if (new Set(writes.map((write) => named(keyOf(write)))).size < writes.length)
      return Promise.reject(new Error("two writes under one key"));
    if (token !== undefined && this.#tokens.has(token)) return Promise.resolve({ ok: true });
    const failed = writes.flatMap((write, position) => (write.when === null || met(write.when, this.peek(keyOf(write))) ? [] : [position]));
    if (failed.length > 0) return Promise.resolve({ ok: false, failed });
    if (token !== undefined) this.#tokens.add(token);
    const changes = writes.flatMap((write) => (write.op === "check" ? [] : [this.#apply(write)]));
    for (const change of changes) this.onChange(change);
    return Promise.resolve({ ok: true });
  }

  putAll(items: readonly Item[]): Promise<void> {
    for (const item of items) this.onChange(this.#apply({ op: "put", item, when: null }));
    return Promise.resolve();
  }

  /** Looks, without being one who asks. */
  peek({ pk, sk }: Key): Item | null {
    return this.#items.get(pk)?.get(sk)?.item ?? null;
  }

  under(pk: string, skPrefix: string): Item[] {
    const found: Item[] = [];
    for (const { item } of this.#items.get(pk)?.values() ?? []) if (item?.sk.startsWith(skPrefix)) found.push(item);
    return found.sort((a, b) => order(a.sk, b.sk));
  }

  all(): Item[] {
    return [...this.#items.values()].flatMap((partition) => [...partition.values()].flatMap(({ item }) => (item === null ? [] : [item])));
  }

  ofType(type: string): Item[] {
    return this.all().filter((item) => item.type === type);
  }

  /** When the first item is due; null: none is. */
  firstDue(): string | null {
    let first: string | null = null;
    for (const { item } of this.#due.values()) if (item?.due !== undefined && (first === null || item.due < first)) first = item.due;
    return first;
  }

  #apply(write: Exclude<Write, { readonly op: "check" }>): Change {
    const { pk, sk } = keyOf(write);
    const partition = this.#items.get(pk) ?? new Map<string, Stored>();
    this.#items.set(pk, partition);
    const there = partition.get(sk);
    const before = there?.item ?? null;
    const after = write.op === "put" ? Object.freeze({ ...write.item }) : null;
    const stored: Stored = { item: after, former: before, atMs: this.#nowMs() };
    partition.set(sk, stored);
    if (after?.due !== undefined || before?.due !== undefined) this.#due.set(named({ pk, sk }), stored);
    else this.#due.delete(named({ pk, sk }));
    return { before, after };
  }
}

const named = ({ pk, sk }: Key): string => `${pk}\n${sk}`;
const keyOf = (write: Write): Key => (write.op === "put" ? write.item : write.key);
/** As DynamoDB sorts: by code units of ASCII keys, never by locale. */
const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function met(condition: Condition, item: Item | null): boolean {
  if (condition.kind === "absent") return item === null;
  if (condition.kind === "version") return item?.version === condition.version;
  return item === null || item["paused"] === false;
}
