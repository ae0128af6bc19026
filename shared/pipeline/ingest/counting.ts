import type { Alert } from "#shared/domain/alert.ts";
import type { Policy } from "#shared/domain/policy.ts";

/** Of one batch and one kind of similar alerts: whoever makes values up cannot make more messages of it. */
const MOST_VALUES = 50;

/** How a similar alert is counted towards thresholds. */
export interface Counting {
  /** What stands behind its similar text: the values that a threshold tells apart. */
  readonly apart: string;
  /** Beyond `MOST_VALUES`: no longer told apart, so that they count as one alert, never as many of one value. */
  readonly isRest: boolean;
}

/** Which alerts of a batch are counted, and which of them apart: for the rules that have `match.threshold`. */
export class Counter {
  readonly #policy: Policy;
  /** Most policies count nothing: no rule is looked at then. */
  readonly #counting: ReadonlySet<number>;
  readonly #values = new Map<string, Set<string>>();

  constructor(policy: Policy) {
    this.#policy = policy;
    this.#counting = new Set(policy.index.counting);
  }

  /** Null: none of these rules counts. `similar`: the text that similar alerts share. */
  countingOf(alert: Alert, rules: readonly number[], similar: string): Counting | null {
    if (this.#counting.size === 0) return null;
    const counting = rules.filter((position) => this.#counting.has(position));
    if (counting.length === 0) return null;
    const told = counting.flatMap((position) => this.#policy.rules[position]?.match.threshold?.by ?? []);
    const fields = new Set(told.filter((name) => name.includes(".")));
    if (fields.size === 0) return { apart: "", isRest: false };
    const value = JSON.stringify([...fields].sort().map((name) => (Object.hasOwn(alert.fields, name) ? alert.fields[name] : null)));
    const known = this.#values.get(similar) ?? new Set<string>();
    this.#values.set(similar, known);
    if (!known.has(value) && known.size >= MOST_VALUES) return { apart: "\nrest", isRest: true };
    known.add(value);
    return { apart: `\n${value}`, isRest: false };
  }
}
