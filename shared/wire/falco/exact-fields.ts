import type { Fields, FieldValue } from "#shared/domain/alert.ts";
import { parseExact, wholeNumberText } from "#shared/wire/falco/exact-number.ts";
import { isRecord, type JsonObject } from "#shared/wire/record.ts";

export interface ExactFields {
  /** With the text in place of every number that a double cannot hold. */
  readonly fields: Fields;
  /** The fields as JSON without blanks, keys sorted at every level, numbers as written: what the alert's identity is made from. */
  readonly canonical: string;
}

/** `output_fields` cannot be taken as they are; the message says why. */
export class UnfitFields extends Error {
  override readonly name = "UnfitFields";
}

/** Nesting that is still read. Falco writes none, Datadog three levels. */
const MAX_DEPTH = 32;
const LABEL = '"output_fields":';
/** A number with a fraction or exponent as a member's value. Quotes in texts are escaped, so few texts look like it. */
const FRACTION = /":\s*-?\d+[.eE]/;
/** Escapes that the quick way counts; with more of them the ordinary way is quicker. */
const MAX_ESCAPES = 64;

/**
 * The exact fields of an alert that was parsed from `source`. `pick` finds the fields in another parse of it. Throws UnfitFields.
 * Three ways, each for what the one before cannot be sure of: the text itself, when it is proven canonical; flat fields of whole numbers,
 * written again; a second parse that sees the text of each number.
 */
export function exactFields(fields: JsonObject, source: string, pick: (root: unknown) => JsonObject | null): ExactFields {
  return asWritten(fields, source) ?? writtenAgain(fields, source) ?? parsedAgain(source, pick);
}

/**
 * Proves by its length that the text is canonical: blanks and escapes only lengthen it. The shortest spelling is counted, the two-character
 * escapes are added, and behind so many characters the object must end, which its neighbour shows: `},"priority":"` is no text's part.
 */
function asWritten(fields: JsonObject, source: string): ExactFields | null {
  const start = source.indexOf(LABEL) + LABEL.length;
  if (start < LABEL.length) return null;
  let length = 1;
  let previous = "";
  let replaced: Record<string, unknown> | null = null;
  for (const key in fields) {
    if (key < previous) return null;
    previous = key;
    const value = fields[key];
    length += key.length + 4;
    if (typeof value !== "number") {
      const chars = shortestChars(value);
      if (chars === 0) return null;
      length += chars;
      continue;
    }
    const text = numberAsWritten(source, key, value, start);
    if (text === null) return null;
    length += text.length;
    if (Number.isSafeInteger(value)) continue;
    replaced ??= { ...fields };
    replaced[key] = text;
  }
  const end = withEscapes(source, start, start + length);
  if (end === null || source.charCodeAt(start) !== 123 || !source.startsWith('},"priority":"', end - 1)) return null;
  return { fields: (replaced ?? fields) as Fields, canonical: source.slice(start, end) };
}

/** 0: a list or an object. */
function shortestChars(value: unknown): number {
  if (typeof value === "string") return value.length + 2;
  if (value === null || value === true) return 4;
  return value === false ? 5 : 0;
}

/** Only 1e3 and its like are shorter than what they mean, so those are looked at, and what a double does not hold. */
function numberAsWritten(source: string, key: string, value: number, from: number): string | null {
  if (!Number.isInteger(value)) return null;
  const shortest = String(value);
  if (!Number.isSafeInteger(value)) return wholeNumberText(source, key, value, from);
  if (value % 1_000 !== 0 || value === 0) return shortest;
  return wholeNumberText(source, key, value, from) === shortest ? shortest : null;
}

/** `end` moved by one for each escape before it; null when one is of six characters, unneeded (`\/`), or there are many. */
function withEscapes(source: string, start: number, shortest: number): number | null {
  let end = shortest;
  let at = source.indexOf("\\", start);
  for (let count = 0; at !== -1 && at < end; count++) {
    if (count === MAX_ESCAPES || !'"\\nrtbf'.includes(source.charAt(at + 1))) return null;
    end++;
    at = source.indexOf("\\", at + 2);
  }
  return end;
}

/** Flat fields without fractions: numbers beyond a double are looked up, where their key stands once. */
function writtenAgain(fields: JsonObject, source: string): ExactFields | null {
  let sorted = true;
  let previous = "";
  const texts: (readonly [string, string])[] = [];
  for (const key in fields) {
    if (key < previous) sorted = false;
    previous = key;
    const value = fields[key];
    if (typeof value === "object" && value !== null) return null;
    if (typeof value !== "number" || Number.isSafeInteger(value)) continue;
    const label = `"${key}":`;
    if (source.indexOf(label) !== source.lastIndexOf(label)) return null;
    const text = wholeNumberText(source, key, value, 0);
    if (text === null) return null;
    texts.push([key, text]);
  }
  if (FRACTION.test(source)) return null;
  if (texts.length === 0) return { fields: fields as Fields, canonical: JSON.stringify(sorted ? fields : inKeyOrder(fields, 0)) };
  const raw = { ...fields, ...Object.fromEntries(texts.map(([key, text]) => [key, JSON.rawJSON(text)])) };
  return {
    fields: { ...fields, ...Object.fromEntries(texts) } as Fields,
    canonical: JSON.stringify(sorted ? raw : inKeyOrder(raw, 0)),
  };
}

function parsedAgain(source: string, pick: (root: unknown) => JsonObject | null): ExactFields {
  try {
    const fields = pick(parseExact(source, "value"));
    const raw = pick(parseExact(source, "raw"));
    if (fields === null || raw === null) throw new UnfitFields("are not where they were");
    // Parsed JSON holds no other kinds of values.
    return { canonical: JSON.stringify(inKeyOrder(raw, 0)), fields: fields as Fields };
  } catch (thrown) {
    if (thrown instanceof RangeError) throw new UnfitFields("are nested too deeply", { cause: thrown });
    throw thrown;
  }
}

function inKeyOrder(value: unknown, depth: number): unknown {
  if (depth > MAX_DEPTH) throw new UnfitFields(`are nested more than ${MAX_DEPTH} levels`);
  if (Array.isArray(value)) return value.map((element: FieldValue) => inKeyOrder(element, depth + 1));
  if (!isRecord(value) || JSON.isRawJSON(value)) return value;
  // fromEntries defines own keys: "__proto__" stays a key.
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, inKeyOrder(value[key], depth + 1)]),
  );
}
