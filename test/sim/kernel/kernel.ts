import { hash } from "node:crypto";

interface Happening {
  readonly atMs: number;
  readonly nth: number;
  readonly go: () => void;
}

/** One line of a run: when, who, what. */
export interface Line {
  readonly atMs: number;
  readonly who: string;
  readonly what: string;
}

/**
 * Virtual time and the one queue of everything that happens. Nothing else may wait: each happening runs until no promise of this process has
 * anything left to do, and only then the next one begins. So the order of a run is that of this queue, and of nothing else.
 */
export class Kernel {
  nowMs: number;
  readonly startMs: number;
  readonly lines: Line[] = [];
  readonly #keeps: boolean;
  readonly #heap: Happening[] = [];
  #digest = "";
  #pending = "";
  #nth = 0;
  happened = 0;

  /** `keeps`: every line, to be printed; otherwise only their hash. */
  constructor(startMs: number, keeps: boolean) {
    this.nowMs = startMs;
    this.startMs = startMs;
    this.#keeps = keeps;
  }

  after(ms: number, go: () => void): void {
    this.at(this.nowMs + ms, go);
  }

  at(atMs: number, go: () => void): void {
    const heap = this.#heap;
    const mine = { atMs: Math.max(atMs, this.nowMs), nth: this.#nth++, go };
    let place = heap.length;
    heap.push(mine);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !before(mine, above)) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = mine;
  }

  /** When the next thing happens; null: nothing does. */
  get nextMs(): number | null {
    return this.#heap[0]?.atMs ?? null;
  }

  tell(who: string, what: string): void {
    const line = { atMs: this.nowMs, who, what };
    if (this.#keeps) this.lines.push(line);
    this.#pending += `${line.atMs} ${who} ${what}\n`;
    if (this.#pending.length > 65_536) this.#fold();
  }

  /** Of every line so far: equal runs have equal ones. */
  get digest(): string {
    this.#fold();
    return this.#digest;
  }

  #fold(): void {
    if (this.#pending === "") return;
    this.#digest = hash("sha256", this.#digest + this.#pending, "hex");
    this.#pending = "";
  }

  /** Until nothing happens any more, or `most` things have. Rejects with what a happening throws. */
  run(most: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = (): void => {
        try {
          const next = this.#pop();
          if (next === undefined) {
            resolve();
            return;
          }
          if (++this.happened > most) throw new Error(`it does not come to rest: more than ${most} things happened`);
          this.nowMs = next.atMs;
          next.go();
          // A tick runs only when the queue of promises is empty, however often it was filled again.
          queueMicrotask(() => process.nextTick(step));
        } catch (thrown) {
          reject(thrown);
        }
      };
      step();
    });
  }

  #pop(): Happening | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (last === undefined || first === last) return first;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      let lower = heap[child];
      if (lower === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && before(right, lower)) {
        child++;
        lower = right;
      }
      if (!before(lower, last)) break;
      heap[place] = lower;
      place = child;
    }
    heap[place] = last;
    return first;
  }
}

const before = (a: Happening, b: Happening): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.nth < b.nth);
