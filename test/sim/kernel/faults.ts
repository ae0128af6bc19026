import { between, type Draw } from "./draw.ts";

/** What may go wrong with one call of a port. */
export const CALL_FAULTS = ["crash before", "crash after", "throttled", "answer lost", "slow", "denied"] as const;
export type CallFault = (typeof CALL_FAULTS)[number];

/** What else goes wrong, or merely happens, beside calls. Each is a known kind: a run in which one never occurred has shown nothing of it. */
export const OTHER_FAULTS = [
  "call of the dead arrives",
  "condition lost to another",
  "message not deleted",
  "part of a batch failed",
  "stream record twice",
  "stream record lost",
  "subscription batch twice",
  "ingest given up",
  "two sweeps at once",
  "index lags",
  "clock off",
  "channel asks for patience",
  "channel refuses",
  "person clicks twice",
  "switch on",
  "task exits",
  "pod replaced",
  "name reused",
  "container restarts",
  "agent away",
  "person scales",
  "person protects",
] as const;
/** The last is told where it occurs: no call here takes as long as a function may. */
export type Fault = CallFault | (typeof OTHER_FAULTS)[number] | "function timed out";

/** Of a thousand calls, where the kind is drawn for a seed. */
const PER_MILLE: Readonly<Record<CallFault, number>> = {
  "crash before": 3,
  "crash after": 4,
  throttled: 12,
  "answer lost": 8,
  slow: 6,
  denied: 2,
};
/** How likely the others are at each occasion, where they are drawn for a seed. */
const AT_OCCASION = 0.25;

/** One fault that happened: `name` is the same in every run of the seed, whatever else is left out. */
export interface Happened {
  readonly name: string;
  readonly fault: Fault;
  readonly atMs: number;
}

/**
 * The faults of a seed: at least three kinds of it are drawn, each with its own rate. `only`: the names of those that may happen at all, for
 * shrinking; null: all.
 */
export class Faults {
  readonly kinds: ReadonlySet<Fault>;
  readonly happened: Happened[] = [];
  readonly #draw: Draw;
  readonly #only: ReadonlySet<string> | null;
  readonly #strength: number;

  constructor(draw: Draw, only: ReadonlySet<string> | null) {
    this.#draw = draw;
    this.#only = only;
    const all: readonly Fault[] = [...CALL_FAULTS, ...OTHER_FAULTS];
    const calls = shuffled(draw, "call faults", CALL_FAULTS).slice(0, between(draw, "how many call faults", 1, 4));
    const others = shuffled(draw, "other faults", OTHER_FAULTS).slice(0, between(draw, "how many other faults", 3, all.length - 8));
    this.kinds = new Set<Fault>([...calls, ...others]);
    this.#strength = 0.3 + 1.7 * draw("strength of faults");
  }

  /** What goes wrong with the call of this name; null: nothing. */
  ofCall(name: string, atMs: number): CallFault | null {
    let chance = this.#draw(`fault ${name}`) * 1_000;
    for (const fault of CALL_FAULTS) {
      if (!this.kinds.has(fault)) continue;
      chance -= PER_MILLE[fault] * this.#strength;
      if (chance < 0) return this.#permits(name) ? fault : null;
    }
    void atMs;
    return null;
  }

  /** Does this kind happen at the occasion of this name? Noted when it does. `odds`: of the usual chance. */
  occurs(fault: Fault, name: string, atMs: number, odds = 1): boolean {
    if (!this.kinds.has(fault) || this.#draw(`${fault} ${name}`) >= AT_OCCASION * odds) return false;
    if (!this.#permits(`${fault} ${name}`)) return false;
    this.note(fault, `${fault} ${name}`, atMs);
    return true;
  }

  note(fault: Fault, name: string, atMs: number): void {
    this.happened.push({ name, fault, atMs });
  }

  #permits(name: string): boolean {
    return this.#only === null || this.#only.has(name);
  }
}

function shuffled<T>(draw: Draw, name: string, all: readonly T[]): T[] {
  return all
    .map((one, at) => ({ one, weight: draw(`${name} ${at}`) }))
    .sort((a, b) => a.weight - b.weight)
    .map(({ one }) => one);
}
