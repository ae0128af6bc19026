import { readFileSync, statSync } from "node:fs";
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, type Node, type ParsedNode, parseDocument, visit } from "yaml";
import { messageOf } from "#shared/domain/error.ts";
import { keyText, type Problem } from "./problem.ts";

export type Path = readonly (string | number)[];

/** Plain data; a number that JavaScript would write otherwise (0443, 1e3, beyond 2^53) is its text. */
export type Plain = string | number | boolean | null | readonly Plain[] | { readonly [key: string]: Plain };

/** A user's YAML file that can say where each of its values stands. */
export interface YamlFile {
  readonly file: string;
  readonly value: Plain;
  /** A problem at the value under `path`; with `atKey` at the key itself. The nearest parent that is there when it is absent. */
  problem(
    path: Path,
    message: string,
    remedy?: string | null,
    options?: { readonly severity?: "warning"; readonly atKey?: boolean },
  ): Problem;
}

export type YamlRead = { readonly ok: true; readonly yaml: YamlFile } | { readonly ok: false; readonly problems: readonly Problem[] };

/** Reads one YAML document of at most `maxBytes`. Duplicate keys, aliases and unknown tags are problems, never guesses. */
export function readYaml(file: string, shown: string, maxBytes: number): YamlRead {
  const whole = (message: string, remedy: string | null): YamlRead => ({
    ok: false,
    problems: [{ severity: "error", file: shown, line: 1, column: 1, key: "", message, remedy }],
  });
  let text: string;
  try {
    if (statSync(file).size > maxBytes) return whole(`the file is larger than ${maxBytes} bytes`, "split it or shorten it");
    text = readFileSync(file, "utf8");
  } catch (error) {
    return whole(`the file cannot be read (${messageOf(error)})`, "check the path");
  }
  try {
    return parse(text, shown);
  } catch (error) {
    // Nesting beyond the stack.
    if (error instanceof RangeError) return whole(TOO_DEEP, null);
    throw error;
  }
}

/** The parser's own message without its place; its stack is not endless. */
const messageFor = (message: string): string =>
  /call stack/.test(message) ? TOO_DEEP : (message.split("\n")[0] ?? "not YAML").replace(/ at line \d+, column \d+:?$/, "");

const TOO_DEEP = "the file is nested too deeply";

/** One slip can make a hundred errors after it. */
const MAX_PROBLEMS = 10;

function parse(text: string, file: string): YamlRead {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: false, strict: true, schema: "core", version: "1.2" });
  const at = (offset: number): Pick<Problem, "line" | "column"> => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problems: Problem[] = [...document.errors, ...document.warnings].slice(0, MAX_PROBLEMS).map((error) => ({
    severity: "error",
    file,
    ...at(error.pos[0]),
    key: "",
    message: messageFor(error.message),
    remedy: null,
  }));
  // A bomb of aliases or keys is told by its first few.
  const report = (offset: number, message: string, remedy: string | null): symbol | undefined => {
    problems.push({ severity: "error", file, ...at(offset), key: "", message, remedy });
    return problems.length >= MAX_PROBLEMS ? visit.BREAK : undefined;
  };
  visit(document, {
    Alias: (_key, node) => report(node.range?.[0] ?? 0, "anchors and aliases are not taken", "write the value out"),
    // The parser compares each key with all before it: minutes for a file of many.
    Map: (_key, { items }) => {
      const keys = new Set<string>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (keys.has(keyOf(key)) && report(key.range?.[0] ?? 0, "Map keys must be unique", null) !== undefined) return visit.BREAK;
        keys.add(keyOf(key));
      }
      return undefined;
    },
  });
  if (problems.length > 0) return { ok: false, problems };
  const root = document.contents;
  const problem: YamlFile["problem"] = (path, message, remedy = null, options = {}) => ({
    severity: options.severity ?? "error",
    file,
    ...at(offsetOf(root, path, options.atKey === true)),
    key: keyText(path),
    message,
    remedy,
  });
  return { ok: true, yaml: { file, value: plain(root), problem } };
}

/** Of the value under `path`, or of its key where it has no text of its own; of the nearest parent when it is absent. */
function offsetOf(root: ParsedNode | null, path: Path, atKey: boolean): number {
  let node: Node | null = root;
  let offset = root?.range[0] ?? 0;
  for (const [position, step] of path.entries()) {
    const found = stepInto(node, step);
    if (found === null) return offset;
    const atItsKey = (atKey && position === path.length - 1) || found.value?.range == null || isEmpty(found.value);
    offset = (atItsKey ? found.key : found.value)?.range?.[0] ?? offset;
    node = found.value;
  }
  return offset;
}

const isEmpty = (node: Node): boolean => isScalar(node) && node.value === null;

function stepInto(node: Node | null, step: string | number): { readonly key: Node | null; readonly value: Node | null } | null {
  if (isMap(node)) {
    const pair = node.items.find(({ key }) => isScalar(key) && keyOf(key) === String(step));
    return pair === undefined ? null : { key: isNode(pair.key) ? pair.key : null, value: isNode(pair.value) ? pair.value : null };
  }
  const item: unknown = isSeq(node) ? node.items[Number(step)] : undefined;
  return isNode(item) ? { key: null, value: item } : null;
}

const keyOf = (key: { readonly value: unknown; readonly source?: string }): string =>
  typeof key.value === "string" ? key.value : (key.source ?? String(key.value));

function plain(node: unknown): Plain {
  if (isMap(node)) {
    return Object.fromEntries(node.items.map(({ key, value }) => [isScalar(key) ? keyOf(key) : String(key), plain(value)]));
  }
  if (isSeq(node)) return node.items.map(plain);
  if (!isScalar(node) || isAlias(node)) return null;
  const { value, source } = node;
  if (typeof value === "number") return source === undefined || String(value) === source ? value : source;
  return typeof value === "string" || typeof value === "boolean" ? value : null;
}
