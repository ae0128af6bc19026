/** JSON.rawJSON (ES2026, Node 21 and later): https://github.com/tc39/proposal-json-parse-with-source */
declare global {
  interface JSON {
    rawJSON(text: string): object;
    isRawJSON(value: unknown): boolean;
  }
}

/**
 * The number when it says exactly what the text says, else the text: no number is rounded silently. Whole numbers beyond 2^53 are always text,
 * whether or not a double happens to hold them.
 */
export function exactNumber(text: string, value: number): number | string {
  if (!Number.isFinite(value)) return text;
  if (/^-?\d+$/.test(text)) return Number.isSafeInteger(value) ? value : text;
  const written = decimal(text);
  const held = decimal(String(value));
  return written.digits === held.digits && written.exponent === held.exponent && written.negative === held.negative ? value : text;
}

/**
 * JSON.parse in which a number that a double cannot hold becomes its text ("value"), or such a text as JSON writes it ("raw": for JSON.stringify).
 * Throws RangeError where the nesting is beyond the stack.
 */
export function parseExact(source: string, as: "value" | "raw"): unknown {
  return JSON.parse(source, (_key, value: unknown, context?: { readonly source?: string }) => {
    if (typeof value !== "number" || context?.source === undefined) return value;
    const exact = exactNumber(context.source, value);
    return as === "raw" && typeof exact === "string" ? JSON.rawJSON(exact) : exact;
  });
}

/** Significant digits, and the power of ten of the last one. */
function decimal(text: string): { readonly digits: string; readonly exponent: number; readonly negative: boolean } {
  const [, sign, whole = "", fraction = "", power] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const all = `${whole}${fraction}`.replace(/^0+/, "");
  const digits = all.replace(/0+$/, "");
  if (digits === "") return { digits: "", exponent: 0, negative: false };
  return { digits, exponent: Number(power ?? 0) - fraction.length + (all.length - digits.length), negative: sign === "-" };
}

/**
 * The whole number behind `"key":` at or after `from`; null when none stands there or it is not `value`. A quote that opens a key is never
 * inside a text (there it is escaped), and before it stand only `{`, `,` and blanks.
 */
export function wholeNumberText(source: string, key: string, value: number, from: number): string | null {
  const label = `"${key}":`;
  const at = source.indexOf(label, from);
  if (at < 1) return null;
  const before = source.charCodeAt(at - 1);
  if (before !== COMMA && before !== OPEN && before !== BLANK) return null;
  const start = at + label.length;
  let end = start;
  let char = source.charCodeAt(end);
  if (char === MINUS) char = source.charCodeAt(++end);
  while (char >= ZERO && char <= NINE) char = source.charCodeAt(++end);
  if (char !== COMMA && char !== CLOSE) return null;
  const text = source.slice(start, end);
  return Number(text) === value ? text : null;
}

const OPEN = 123;
const CLOSE = 125;
const COMMA = 44;
const BLANK = 32;
const MINUS = 45;
const ZERO = 48;
const NINE = 57;
