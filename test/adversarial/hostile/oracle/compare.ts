import { END } from "../payloads/text.ts";

/** What the twin's text was: a word that stands nowhere else. */
export const MARKER = "harmlesstwin";

/** What is wrong with others' text at this place; null: nothing. */
export type Look = (text: string, path: string) => string | null;

/**
 * Holds what came of a hostile text against what came of the marker in its place: the same shape, the same text everywhere, and only where the
 * marker stands something else, which `look` is shown. Gives what differs besides, and how often the marker stood there.
 */
export function differs(twin: unknown, hostile: unknown, look: Look): { readonly wrong: string | null; readonly slots: number } {
  let slots = 0;
  const walk = (a: unknown, b: unknown, path: string): string | null => {
    if (typeof a === "string" && a.includes(MARKER)) {
      slots++;
      return typeof b === "string" ? slot(a, b, path, look) : `${path} is no text any more`;
    }
    if (Array.isArray(a) && Array.isArray(b)) return list(a, b, path);
    if (isObject(a) && isObject(b)) {
      const [left, right] = [Object.keys(a), Object.keys(b)];
      if (left.length !== right.length) return `${path} has ${right.length} keys, its twin ${left.length}`;
      const other = first(left.keys(), (at) => walk(left[at], right[at], `${path} key ${at}`));
      if (other !== null) return other;
      return first(left.keys(), (at) => walk(a[left[at] ?? ""], b[right[at] ?? ""], `${path}.${left[at]}`));
    }
    return Object.is(a, b) ? null : `${path} is ${shown(b)}, its twin's is ${shown(a)}`;
  };
  const list = (a: readonly unknown[], b: readonly unknown[], path: string): string | null =>
    a.length === b.length
      ? first(a.keys(), (at) => walk(a[at], b[at], `${path}[${at}]`))
      : `${path} has ${b.length} elements, its twin ${a.length}`;
  const wrong = walk(twin, hostile, "");
  return { wrong, slots };
}

/** Before and behind the marker nothing changes, but for what a limit has cut off, visibly. */
function slot(twin: string, hostile: string, path: string, look: Look): string | null {
  const [before = "", ...between] = twin.split(MARKER);
  const after = between.at(-1) ?? "";
  const rest = after.startsWith(END) ? after.slice(END.length) : after;
  if (!hostile.startsWith(before)) return `${path} begins otherwise than its twin: ${shown(hostile)}`;
  const end = [after, rest, ""].find(
    (text) => hostile.endsWith(text) && (text === after || isCut(hostile.slice(0, hostile.length - text.length))),
  );
  if (end === undefined) return `${path} ends otherwise than its twin: ${shown(hostile.slice(-160))}`;
  const body = hostile.slice(before.length, hostile.length - end.length);
  const wrong = look(body, path);
  return wrong === null ? null : `${path} has ${wrong}: ${shown(body)}`;
}

/** It says that there was more. */
const isCut = (text: string): boolean => text.endsWith("[…]") || (text.length >= 50 && /(?:…|more\]|characters\))$/.test(text));

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const shown = (value: unknown): string => (JSON.stringify(value) ?? String(value)).slice(0, 160);

function first(keys: Iterable<number>, of: (at: number) => string | null): string | null {
  for (const at of keys) {
    const wrong = of(at);
    if (wrong !== null) return wrong;
  }
  return null;
}
