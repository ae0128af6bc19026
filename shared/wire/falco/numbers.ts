import { isRecord } from "#shared/wire/record.ts";

/** Nesting of `output_fields` that is still read; Falco writes none, Datadog up to 6. */
const MAX_DEPTH = 32;

/** A number with a fraction or exponent as a value of an object; quotes inside texts are escaped, so texts rarely look like it. */
const FRACTION = /":\s*-?\d+[.eE]/;

export class TooDeep extends Error {
  override readonly name = "TooDeep";
}

export interface ExactFields {
  readonly fields: Readonly<Record<string, unknown>>;
  /** Keys come in ascending order, at every level. */
  readonly sorted: boolean;
}

/**
 * `fields` (parsed from inside `source`) with every number that a double cannot hold replaced by its exact text.
 * Ordinary alerts (flat, whole numbers) are looked up in the source; the rest is parsed again with the source of each number.
 * `pick` finds the same object in a second parse of `source`. Throws TooDeep.
 */
export function exactFields(
  fields: Readonly<Record<string, unknown>>,
  source: string,
  pick: (root: unknown) => Readonly<Record<string, unknown>> | null,
): ExactFields {
  let sorted = true;
  let nested = false;
  let previous = "";
  let replaced: Record<string, unknown> | null = null;
  for (const key in fields) {
    if (key < previous) sorted = false;
    previous = key;
    const value = fields[key];
    if (typeof value === "number") {
      if (Number.isSafeInteger(value)) continue;
      const text = Number.isInteger(value) ? wholeNumberText(source, key, value) : null;
      if (text === null) return parsedAgain(source, pick);
      replaced ??= { ...fields };
      replaced[key] = text;
    } else if (typeof value === "object" && value !== null) nested = true;
  }
  if (nested || FRACTION.test(source)) return parsedAgain(source, pick);
  return { fields: replaced ?? fields, sorted };
}

/** The digits behind `"key":` when they stand in the source exactly once; null when that cannot be told. */
function wholeNumberText(source: string, key: string, value: number): string | null {
  const label = `"${key}":`;
  const at = source.indexOf(label);
  if (at < 1 || source.indexOf(label, at + label.length) !== -1) return null;
  const before = source.charCodeAt(at - 1);
  // Only `{`, `,` and blanks come before a key; a backslash would make it the middle of another.
  if (before !== 123 && before !== 44 && before !== 32 && before !== 10) return null;
  const start = at + label.length;
  let end = start;
  if (source.charCodeAt(end) === 45) end++;
  while (source.charCodeAt(end) >= 48 && source.charCodeAt(end) <= 57) end++;
  const next = source.charCodeAt(end);
  if (next !== 44 && next !== 125) return null;
  const text = source.slice(start, end);
  return Number(text) === value ? text : null;
}

function parsedAgain(source: string, pick: (root: unknown) => Readonly<Record<string, unknown>> | null): ExactFields {
  const again = pick(parseExact(source));
  if (again === null) throw new TooDeep("the fields are not where they were");
  return { fields: again, sorted: inOrder(again, 0) };
}

/** JSON.parse in which a number that a double cannot hold becomes its text. Throws TooDeep where the engine's stack would not do. */
function parseExact(source: string): unknown {
  try {
    return JSON.parse(source, (_key, value: unknown, context?: { readonly source?: string }) =>
      typeof value === "number" && context?.source !== undefined ? exactNumber(context.source, value) : value,
    );
  } catch (thrown) {
    if (thrown instanceof RangeError) throw new TooDeep("nested too deeply", { cause: thrown });
    throw thrown;
  }
}

/** The number when it says exactly what the text says, else the text. */
export function exactNumber(text: string, value: number): number | string {
  if (!Number.isFinite(value)) return text;
  if (Number.isSafeInteger(value) && /^-?\d+$/.test(text)) return value;
  const written = decimal(text);
  const held = decimal(String(value));
  return written.digits === held.digits && written.exponent === held.exponent && written.negative === held.negative ? value : text;
}

/** Significant digits and the power of ten of the last one. */
function decimal(text: string): { readonly digits: string; readonly exponent: number; readonly negative: boolean } {
  const [, sign, whole = "", fraction = "", power] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  let digits = `${whole}${fraction}`.replace(/^0+/, "");
  const all = digits.length;
  digits = digits.replace(/0+$/, "");
  if (digits === "") return { digits: "", exponent: 0, negative: false };
  return { digits, exponent: Number(power ?? 0) - fraction.length + (all - digits.length), negative: sign === "-" };
}

function inOrder(value: unknown, depth: number): boolean {
  if (depth > MAX_DEPTH) throw new TooDeep(`nested more than ${MAX_DEPTH} levels`);
  if (Array.isArray(value)) return value.map((element) => inOrder(element, depth + 1)).every(Boolean);
  if (!isRecord(value)) return true;
  let ordered = true;
  let previous = "";
  for (const key in value) {
    if (key < previous) ordered = false;
    previous = key;
    if (!inOrder(value[key], depth + 1)) ordered = false;
  }
  return ordered;
}
