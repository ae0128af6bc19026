import type { Condition, Item, Key, Table, TransactResult, Write } from "#shared/ports/table.ts";

/** What may go wrong at one access, by its position (1 = the first of its kind). */
export interface Trouble {
  /** Thrown before the n-th write has any effect. */
  readonly crashBefore?: number;
  /** Thrown after the n-th write has taken effect: its caller never learns. */
  readonly crashAfter?: number;
}

/** Thrown where a test wants the function to die. */
export class Crash extends Error {
  override readonly name = "Crash";
}

/** The ledger's table in memory, with the port's semantics exactly. `due` is as strongly consistent as the rest: kinder than the real one. */
export class FakeTable implements Table {
  readonly #partitions = new Map<string, Map<string, Item>>();
  readonly #tokens = new Set<string>();
  trouble: Trouble = {};
  writes = 0;
  reads = 0;
  /** Called before every transaction: a test changes the table under its caller here. */
  meanwhile: ((writes: readonly Write[]) => void) | null = null;
  /** Called before every read; may throw. */
  onRead: ((key: Key) => void) | null = null;

  get(key: Key): Promise<Item | null> {
    return this.#read(key, () => this.#at(key) ?? null);
  }

  query(pk: string, skPrefix: string, _signal?: AbortSignal, most?: number): Promise<readonly Item[]> {
    return this.#read({ pk, sk: skPrefix }, () =>
      [...(this.#partitions.get(pk)?.values() ?? [])]
        .filter(({ sk }) => sk.startsWith(skPrefix))
        .sort((a, b) => order(a.sk, b.sk))
        .slice(0, most),
    );
  }

  due(untilIso: string, limit: number): Promise<readonly Item[]> {
    return this.#read({ pk: "due", sk: untilIso }, () =>
      this.#every()
        .filter(({ due }) => due !== undefined && due <= untilIso)
        .sort((a, b) => order(a.due ?? "", b.due ?? ""))
        .slice(0, limit),
    );
  }

  transact(writes: readonly Write[], signal: AbortSignal, token?: string): Promise<TransactResult> {
    return this.#write(signal, () => {
      if (writes.length > 100) throw new Error(`${writes.length} writes in one transaction`);
      if (new Set(writes.map((write) => name(keyOf(write)))).size < writes.length) throw new Error("two writes under one key");
      this.meanwhile?.(writes);
      if (token !== undefined && this.#tokens.has(token)) return { ok: true };
      const failed = writes.flatMap((write, position) => (this.#holds(write) ? [] : [position]));
      if (failed.length > 0) return { ok: false, failed };
      for (const write of writes) this.#apply(write);
      if (token !== undefined) this.#tokens.add(token);
      return { ok: true };
    });
  }

  putAll(items: readonly Item[], signal: AbortSignal): Promise<void> {
    return this.#write(signal, () => {
      for (const item of items) this.#apply({ op: "put", item, when: null });
    });
  }

  /** Every item, in key order: for looking, not for deciding. */
  all(): readonly Item[] {
    return this.#every().sort((a, b) => order(name(a), name(b)));
  }

  ofType(type: string): readonly Item[] {
    return this.all().filter((item) => item.type === type);
  }

  /** Puts without conditions and without troubles: the test's own hand. */
  seed(item: Item): void {
    this.#apply({ op: "put", item, when: null });
  }

  async #read<T>(key: Key, answer: () => T): Promise<T> {
    await Promise.resolve();
    this.reads++;
    this.onRead?.(key);
    return structuredClone(answer());
  }

  async #write<T>(signal: AbortSignal, effect: () => T): Promise<T> {
    await Promise.resolve();
    signal.throwIfAborted();
    const nth = ++this.writes;
    if (this.trouble.crashBefore === nth) throw new Crash(`died before write ${nth}`);
    const result = effect();
    if (this.trouble.crashAfter === nth) throw new Crash(`died after write ${nth}`);
    return result;
  }

  #holds(write: Write): boolean {
    return write.when === null || met(write.when, this.#at(keyOf(write)));
  }

  #apply(write: Write): void {
    const { pk, sk } = keyOf(write);
    const partition = this.#partitions.get(pk) ?? new Map<string, Item>();
    this.#partitions.set(pk, partition);
    if (write.op === "put") partition.set(sk, structuredClone(write.item));
    if (write.op === "delete") partition.delete(sk);
  }

  #at({ pk, sk }: Key): Item | undefined {
    return this.#partitions.get(pk)?.get(sk);
  }

  #every(): Item[] {
    return [...this.#partitions.values()].flatMap((partition) => [...partition.values()]);
  }
}

const name = ({ pk, sk }: Key): string => `${pk}\n${sk}`;
const keyOf = (write: Write): Key => (write.op === "put" ? write.item : write.key);
/** As DynamoDB sorts: by code units of ASCII keys, never by locale. */
const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function met(condition: Condition, item: Item | undefined): boolean {
  if (condition.kind === "absent") return item === undefined;
  if (condition.kind === "version") return item?.version === condition.version;
  return item === undefined || item["paused"] === false;
}
