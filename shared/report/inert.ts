import { cut, inert } from "#shared/notify/text.ts";

const MOST_CHARS = 4_000;

/**
 * A text as a code span: no link, no HTML, no image, no mention comes to life in it. Its fence is longer than every run of backticks inside, so
 * that nothing leaves it: https://spec.commonmark.org/0.31.2/#code-spans
 */
export function code(text: string): string {
  const line = cut(inert(text), MOST_CHARS).trim();
  if (line === "") return "(empty)";
  const runs = line.match(/`+/g) ?? [];
  const fence = "`".repeat(Math.max(0, ...runs.map(({ length }) => length)) + 1);
  const pad = runs.length > 0 ? " " : "";
  return `${fence}${pad}${line}${pad}${fence}`;
}

/** Everything that a terminal might obey or hide, and everything beyond ASCII that does not show itself. */
const UNSEEN = /[\u007f-\u009f\u00ad\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu;

/** JSON text of the same value, in which nothing steers a terminal. */
export const inertJson = (value: unknown): string =>
  JSON.stringify(value, null, 2).replace(UNSEEN, (found) =>
    Array.from({ length: found.length }, (_, at) => `\\u${found.charCodeAt(at).toString(16).padStart(4, "0")}`).join(""),
  );
