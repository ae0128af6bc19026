import type { Forgery } from "./forgeries.ts";

/** What becomes of a shipped line on its way; the twin's arrives as it was shipped. */
const LINES: readonly (readonly [family: string, name: string, (line: string) => string])[] = [
  ["inside text", "behind words", (line) => `falco says ${line}`],
  ["inside text", "behind a level", (line) => `INFO: ${line}`],
  ["inside text", "before words", (line) => `${line} said falco`],
  ["inside text", "twice", (line) => line + line],
  ["inside text", "as a JSON text", (line) => JSON.stringify(line)],
  ["inside text", "in a list", (line) => `[${line}]`],
  ["inside text", "in a comment", (line) => `/* ${line} */`],
  ["inside text", "in a code block", (line) => `\`\`\`${line}\`\`\``],
  ["inside text", "behind a JSON object", (line) => `{}${line}`],
  ["inside text", "behind a byte order mark and words", (line) => `\ufeffx${line}`],
  ["inside text", "behind a CRI header that is partial", (line) => `2026-03-01T11:59:50.2Z stdout P ${line}`],
  ["inside text", "behind a CRI header with words", (line) => `2026-03-01T11:59:50.2Z stdout F said ${line}`],
  ["inside text", "behind a syslog header with words", (line) => `<14>Mar  1 11:59:50 host falco[1]: said ${line}`],
  ["inside text", "under message", (line) => JSON.stringify({ message: line })],
  ["inside text", "under msg as an object", (line) => `{"msg":${line}}`],
  ["inside text", "under a key that is nobody's merge key", (line) => `{"payload":${line}}`],
  ["inside text", "two levels deep", (line) => `{"data":{"inner":${line}}}`],
  ["inside text", "in log, behind words", (line) => JSON.stringify({ log: `x ${line}` })],
  ["inside text", "in log, in a list", (line) => `{"log":[${line}]}`],
  ["inside text", "in log, as a JSON text of a JSON text", (line) => JSON.stringify({ log: JSON.stringify(line) })],
  [
    "inside text",
    "in output of another alert",
    (line) => JSON.stringify({ rule: "x", priority: "Critical", output: line, output_fields: {} }),
  ],
  [
    "inside text",
    "in a field of another alert",
    (line) => JSON.stringify({ rule: "x", priority: "Critical", output: "", output_fields: { "proc.cmdline": line } }),
  ],
  [
    "inside text",
    "in the rule of another alert",
    (line) => JSON.stringify({ rule: line, priority: "Critical", output: "", output_fields: {} }),
  ],
  ["inside text", "under __proto__", (line) => `{"__proto__":${line}}`],
  ["inside text", "under constructor", (line) => `{"constructor":{"prototype":${line}}}`],
  ["damaged", "with a comma too many", (line) => line.replace(/}$/, ",}")],
  ["damaged", "with single quotes", (line) => line.replaceAll('"', "'")],
  ["damaged", "with a comment", (line) => line.replace("{", "{/*x*/")],
  ["damaged", "with NaN", (line) => line.replace("{", '{"n":NaN,')],
  ["damaged", "with a raw line break", (line) => line.replace(":", ":\n\u0001")],
  ["damaged", "with a NUL before it", (line) => `\u0000${line}`],
  ["damaged", "empty", () => ""],
  ["damaged", "blanks", () => " ".repeat(10_000)],
  ["damaged", "one brace", () => "{"],
  ["damaged", "null", () => "null"],
  ["damaged", "a number", () => "1e999"],
  ["damaged", "100,000 open braces", () => '{"a":'.repeat(100_000)],
  ["damaged", "100,000 open brackets", () => `{"rule":${"[".repeat(100_000)}`],
  ["damaged", "fields nested 10,000 deep", () => deep(10_000)],
  ["damaged", "fields nested 200,000 deep", () => deep(200_000)],
  ["damaged", "1 MB of braces in text", () => `x${"{".repeat(1_000_000)}`],
];
const deep = (levels: number): string =>
  `{"rule":"Terminal shell in container","priority":"Critical","output":"","output_fields":{"a":${"[".repeat(levels)}${"]".repeat(levels)}}}`;

/** Cut at so many places, from the first to the last character. */
const cuts = Array.from({ length: 24 }, (_none, n): (typeof LINES)[number] => [
  "fragment",
  `the first ${n + 1} of 25 parts`,
  (line) => line.slice(0, Math.floor((line.length * (n + 1)) / 25)),
]);
const tails = Array.from({ length: 12 }, (_none, n): (typeof LINES)[number] => [
  "fragment",
  `without the first ${n + 1} of 13 parts`,
  (line) => line.slice(Math.max(1, Math.floor((line.length * (n + 1)) / 13))),
]);
const splits = [1, 100, 8_192, 16_383].map((chars): (typeof LINES)[number] => [
  "16 KB split",
  `a piece as Docker cuts it, the rest of which never comes, behind ${chars} characters`,
  (line) => JSON.stringify({ log: `${"x".repeat(chars)}${line}`.slice(0, 16_384), stream: "stdout", time: "2026-03-01T11:59:50Z" }),
]);
const parts = [1, 2].map((ordinal): (typeof LINES)[number] => [
  "16 KB split",
  `a numbered piece alone, ${ordinal}`,
  (line) =>
    JSON.stringify({ log: line, partial_message: "true", partial_id: "x", partial_ordinal: String(ordinal), partial_last: "false" }),
]);

export const lines: readonly Forgery[] = [...LINES, ...cuts, ...tails, ...splits, ...parts].map(([family, name, of]) => ({
  family,
  name,
  refuse: ({ shot }) => {
    shot.line = of;
  },
  act: () => undefined,
  because: /./,
}));
