import { CONFIG, change, load, POLICY } from "../../packaging/workspace.ts";

/** A user's file that somebody has made hostile, and its twin that differs in that one place and compiles. */
export interface YamlCase {
  readonly family: string;
  readonly name: string;
  readonly file: "policy.yml" | "falco-responder.yml";
  readonly hostile: string;
  readonly sane: string;
}

/** A place in each file where any text may stand, and the twin's text there. */
const AT = {
  "policy.yml": ["      rule: Terminal shell in container", POLICY],
  "falco-responder.yml": ["region: eu-central-1", CONFIG],
} as const;
type File = keyof typeof AT;

/** The same trick in both files, in place of one line of it. */
const both = (family: string, name: string, of: (line: string, whole: string) => string): readonly YamlCase[] =>
  (Object.keys(AT) as File[]).map((file) => {
    const [line, whole] = AT[file];
    return { family, name, file, hostile: of(line, whole), sane: whole };
  });

const replaced = (by: (line: string) => string) => (line: string, whole: string) => change(whole, line, by(line));
const keyOf = (line: string): string => line.slice(0, line.indexOf(":"));
const valued = (value: string) => replaced((line) => `${keyOf(line)}: ${value}`);
const headed = (text: string) => (_line: string, whole: string) => `${text}\n${whole}`;

const lol = (levels: number, indent = ""): string =>
  [`${indent}a0: &a0 [x, x, x, x, x, x, x, x, x, x]`]
    .concat(
      Array.from(
        { length: levels },
        (_none, n) => `${indent}a${n + 1}: &a${n + 1} [${Array.from({ length: 10 }, () => `*a${n}`).join(", ")}]`,
      ),
    )
    .join("\n");

const bombs: readonly YamlCase[] = [
  ...both("YAML bomb", "a billion laughs, 9 levels", headed(lol(9))),
  ...both("YAML bomb", "a billion laughs, 30 levels", headed(lol(30))),
  ...both("YAML bomb", "an alias of itself", headed("a: &a [*a]")),
  ...both("YAML bomb", "an alias of a map in itself", headed("a: &a {b: *a}")),
  ...both("YAML bomb", "20,000 aliases", headed(`a: &a x\nb: [${"*a,".repeat(20_000)}]`)),
  ...both("YAML bomb", "20,000 open brackets", headed(`a: ${"[".repeat(20_000)}`)),
  ...both("YAML bomb", "3,000 levels of brackets", headed(`a: ${"[".repeat(3_000)}${"]".repeat(3_000)}`)),
  ...both("YAML bomb", "3,000 levels of braces", headed(`a: ${"{a: ".repeat(3_000)}1${"}".repeat(3_000)}`)),
  ...both("YAML bomb", "1,000 levels of indentation", headed(Array.from({ length: 1_000 }, (_none, n) => `${" ".repeat(n)}a:`).join("\n"))),
  ...both("YAML bomb", "1,000 dashes on a line", headed(`a:\n  ${"- ".repeat(1_000)}x`)),
  ...both("YAML bomb", "11 MB", headed(`# ${"x".repeat(11_000_000)}`)),
  ...both("YAML bomb", "a value of 900,000 letters where a few may stand", valued("x".repeat(900_000))).map((one) =>
    one.file === "policy.yml" ? { ...one, hostile: change(POLICY, "name: first", `name: ${"x".repeat(900_000)}`) } : one,
  ),
];

const references: readonly YamlCase[] = [
  ...both("anchors", "an anchor and its alias", headed("x: &x y\nz: *x")),
  ...both("anchors", "an alias of nothing", valued("*nobody")),
  ...both("anchors", "a merge key", headed("base: &base {mode: enforce}\n<<: *base")),
  ...both("anchors", "a merge key of a map", headed("<<: {mode: enforce}")),
  ...both("anchors", "a merge key of a list", headed("<<: [{mode: enforce}]")),
];

const tags = [
  "!!js/function 'function(){}'",
  "!!python/object/apply:os.system [id]",
  "!!binary aGk=",
  "!!set {a}",
  "!custom x",
  "!<tag:yaml.org,2002:nosuch> x",
  "!!timestamp 2026-01-01",
  "!env HOME",
  "!include /etc/passwd",
].flatMap((tag) => both("tags", tag, valued(tag)));

const structure: readonly YamlCase[] = [
  ...both("duplicate keys", "version twice", headed("version: 1")),
  ...both(
    "duplicate keys",
    "one line twice",
    replaced((line) => `${line}\n${line}`),
  ),
  ...both(
    "duplicate keys",
    "quoted the second time",
    replaced((line) => `${line}\n${keyOf(line).replace(/\w+/, '"$&"')}: x`),
  ),
  ...both("prototype keys", "__proto__ of the file", headed("__proto__: {mode: enforce}")),
  ...both("prototype keys", "constructor of the file", headed("constructor: {prototype: {mode: enforce}}")),
  ...both(
    "prototype keys",
    "__proto__ beside a line",
    replaced((line) => `${line}\n${keyOf(line).replace(/\w+/, "__proto__")}: {x: y}`),
  ),
  ...both(
    "prototype keys",
    "toString in place of a key",
    replaced((line) => `${keyOf(line).replace(/\w+/, "toString")}: x`),
  ),
  ...both("structure", "two documents", (_line, whole) => `${whole}---\nmode: enforce\n`),
  ...both("structure", "a list", () => "- version: 1\n"),
  ...both("structure", "a text", () => "version\n"),
  ...both("structure", "empty", () => ""),
  ...both("structure", "a comment only", () => "# version: 1\n"),
  ...both(
    "structure",
    "a tabulator before a key",
    replaced((line) => `\t${line}`),
  ),
  ...both(
    "structure",
    "a NUL",
    replaced((line) => `${line}\u0000: x`),
  ),
  ...both("structure", "a text that never ends", valued('"x')),
  ...both("structure", "a key that is a map", headed("? {a: b}\n: c")),
  ...both(
    "structure",
    "a key with a zero width space",
    replaced((line) => `${keyOf(line)}\u200b: x`),
  ),
  ...both(
    "structure",
    "a key in Cyrillic",
    replaced((line) => `${keyOf(line).replace("r", "\u0433")}: x`),
  ),
  ...both("structure", "a directive of another version", headed("%YAML 3.9\n---")),
  ...both("structure", "null for a value", valued("~")),
  ...both("structure", "a map for a text", valued("{a: b}")),
  ...both("structure", "JSON that goes on", () => '{"version": 1} {"mode": "enforce"}'),
];

/** In the policy's own grammar. */
const inPolicy = (family: string, name: string, from: string, to: string): YamlCase => ({
  family,
  name,
  file: "policy.yml",
  hostile: change(POLICY, from, to),
  sane: POLICY,
});
const FIELD = "        proc.name: bash";
const regex = (name: string, source: string): YamlCase =>
  inPolicy("regex bomb", name, FIELD, `        proc.name: {regex: ${JSON.stringify(source)}}`);

const policies: readonly YamlCase[] = [
  regex("a repetition of 1,000 of 1,000", "(a{1000}){1000}"),
  regex("repetitions within repetitions", "((((a{30}){30}){30}){30}){30}"),
  regex("1,000 alternatives of 1,000", `(${"a|".repeat(200)}a){1000}`),
  regex("longer than 500 characters", "a".repeat(600)),
  regex("a back reference", "(a+)\\1"),
  regex("a look ahead", "(?=a+)+b"),
  regex("a look behind", "(?<=a+)b"),
  regex("open", "(a+"),
  regex("a class that is empty", "[]a]"),
  regex("a possessive repetition", "a++b"),
  regex("600 open brackets", "(".repeat(600)),
  inPolicy(
    "widening",
    "an empty match",
    '      rule: Terminal shell in container\n      priority: ">= Notice"\n      tags: [container]\n      fields:\n        proc.name: bash\n      workload:\n        service: web',
    '      rule: ""',
  ),
  inPolicy("widening", "an action nobody knows", "ecs:stop-task", "ecs:stop-everything"),
  inPolicy("widening", "an action called constructor", "ecs:stop-task", "constructor"),
  inPolicy("widening", "a mode nobody knows", "mode: enforce", "mode: ENFORCE"),
  inPolicy("widening", "a channel nobody has", "[team]", "[__proto__]"),
  inPolicy("widening", "a priority nobody has", ">= Notice", ">= toString"),
  inPolicy("widening", "a fact nobody knows", "service: web", "hasOwnProperty: web"),
  inPolicy("widening", "a rule name with a line break", "name: first", 'name: "first\\nSubject: x"'),
  inPolicy("widening", "a rule name with a control sequence", "name: first", 'name: "\\e[31mfirst"'),
  inPolicy("widening", "a rule name of bidi", "name: first", 'name: "\\u202efirst"'),
  inPolicy("widening", "a budget beyond all", "mode: enforce", "mode: enforce\nbudgets: {fleet: 1e99}"),
  inPolicy("widening", "a budget below none", "mode: enforce", "mode: enforce\nbudgets: {fleet: -1}"),
  inPolicy("widening", "a budget that is no number", "mode: enforce", "mode: enforce\nbudgets: {fleet: .inf}"),
  inPolicy("widening", "an age without end", "mode: enforce", "mode: enforce\nmaxAge: 9999999h"),
  inPolicy("widening", "protection that is a text", "mode: enforce", "mode: enforce\nprotect: none"),
];

export const yamlCases: readonly YamlCase[] = [...bombs, ...references, ...tags, ...structure, ...policies];

const MOST_MS = 5_000;
const MOST_BYTES = 600_000_000;

/** Null: it is refused with file and line, in time and memory; else what is wrong. */
export function refusal({ file, hostile }: YamlCase): { readonly wrong: string | null; readonly reason: string } {
  const [startMs, startBytes] = [performance.now(), process.memoryUsage().rss];
  const loaded = file === "policy.yml" ? load(CONFIG, hostile) : load(hostile, POLICY);
  const tookMs = performance.now() - startMs;
  const grown = process.memoryUsage().rss - startBytes;
  const errors = loaded.problems.filter(({ severity }) => severity === "error");
  const [error] = errors;
  if (loaded.ok || error === undefined) return { wrong: "it is taken", reason: "" };
  if (!error.file.endsWith(file) || error.line < 1 || error.column < 1 || error.message === "")
    return { wrong: `refused without its place: ${JSON.stringify(error).slice(0, 200)}`, reason: "" };
  if (errors.some(({ line }) => line > hostile.split("\n").length)) return { wrong: "refused with a line that is not there", reason: "" };
  if (tookMs > MOST_MS) return { wrong: `refused after ${Math.round(tookMs)} ms`, reason: "" };
  if (grown > MOST_BYTES) return { wrong: `refused with ${Math.round(grown / 1e6)} MB more`, reason: "" };
  return { wrong: null, reason: `${file}:${error.line}:${error.column} ${error.message}` };
}

/** Null: it compiles. */
export function sanity({ file, sane }: YamlCase): string | null {
  const loaded = file === "policy.yml" ? load(CONFIG, sane) : load(sane, POLICY);
  return loaded.ok ? null : `refused: ${loaded.problems[0]?.message}`;
}
