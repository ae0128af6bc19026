import type { Match, Test } from "#shared/domain/policy.ts";
import { PRIORITIES, type Priority, readPriority } from "#shared/domain/priority.ts";
import { FACTS } from "#shared/policy/match-workload.ts";
import { readRegex } from "#shared/policy/pattern.ts";
import { compileTest, globProblem, regexProblem } from "./condition.ts";
import { didYouMean } from "./nearest.ts";
import type { Problem } from "./problem.ts";
import { compileThreshold } from "./threshold.ts";
import type { Path, Plain, YamlFile } from "./yaml-file.ts";

type Keyed = { readonly [key: string]: Plain };

/** The names of Falco's rules that are known. Strangers are told up to a number: who has thousands has not listed a rules file. */
export class RuleNames {
  readonly all: ReadonlySet<string>;
  #strangers = 0;

  constructor(all: ReadonlySet<string>) {
    this.all = all;
  }

  has(name: string): boolean {
    return this.all.has(name);
  }

  /** Counts one more stranger; false when enough have been told. */
  mayTell(): boolean {
    this.#strangers++;
    return this.#strangers <= MAX_TOLD;
  }

  get untold(): number {
    return Math.max(0, this.#strangers - MAX_TOLD);
  }
}

const MAX_TOLD = 20;

const SOURCES = ["syscall", "k8s_audit", "aws_cloudtrail", "github", "okta", "gcp_auditlog"];

/** Compiles the match of one rule. Nothing that is written may drop out: a clause that is lost would match more, not less. */
export function compileMatch(source: Keyed, path: Path, yaml: YamlFile, known: RuleNames, report: (problem: Problem) => void): Match {
  const at = (key: string): Path => [...path, key];
  const clauses = Object.keys(source).filter((key) => key !== "threshold");
  if (clauses.length === 0)
    report(yaml.problem(at("threshold"), "a threshold alone would count every alert", "name other clauses, or write matchAll: true"));
  if (source["matchAll"] !== undefined && clauses.length > 1) {
    report(yaml.problem(at("matchAll"), "matchAll beside other clauses contradicts them", "remove one or the other"));
  }
  const rule = source["rule"] === undefined ? undefined : list(source["rule"]);
  rule?.forEach((name, position) => {
    reportRuleName(name, Array.isArray(source["rule"]) ? [...at("rule"), position] : at("rule"), yaml, known, report);
  });
  const priority = source["priority"] === undefined ? undefined : readComparison(String(source["priority"]));
  if (priority === null) {
    const words = String(source["priority"]).replace(/^[<>=\s]+/, "");
    report(
      yaml.problem(
        at("priority"),
        `"${words.slice(0, 80)}" is not a priority`,
        didYouMean(words, PRIORITIES) ?? `known: ${PRIORITIES.join(", ")}`,
      ),
    );
  }
  const sources = source["source"] === undefined ? undefined : list(source["source"]);
  for (const name of sources ?? []) reportSource(name, at("source"), yaml, report);
  const fields = conditions(source["fields"], at("fields"), yaml, report)?.map(([field, test]) => ({ field, test }));
  const workload = conditions(source["workload"], at("workload"), yaml, report)?.map(([fact, test]) => ({ fact, test }));
  for (const { fact } of workload ?? []) reportFact(fact, at("workload"), yaml, report);
  return {
    ...(rule === undefined ? {} : { rule }),
    ...(priority == null ? {} : { priority }),
    ...(source["tags"] === undefined ? {} : { tags: readTags(source["tags"], at("tags"), yaml, report) }),
    ...(sources === undefined ? {} : { source: sources }),
    ...(fields === undefined ? {} : { fields }),
    ...(workload === undefined ? {} : { workload }),
    ...(source["threshold"] === undefined
      ? {}
      : { threshold: compileThreshold(source["threshold"] as Keyed, at("threshold"), yaml, report) }),
  };
}

/** Plugins of others have sources of their own: only what looks like a slip is told. */
function reportSource(name: string, path: Path, yaml: YamlFile, report: (problem: Problem) => void): void {
  const near = SOURCES.includes(name) ? null : didYouMean(name, SOURCES);
  if (near !== null) report(yaml.problem(path, `"${name}" is not a source of Falco or its own plugins`, near, { severity: "warning" }));
}

const list = (value: Plain | undefined): readonly string[] => (Array.isArray(value) ? value : [value]).map(String);

function reportRuleName(name: string, path: Path, yaml: YamlFile, known: RuleNames, report: (problem: Problem) => void): void {
  const wrong = name.startsWith("glob:") ? globProblem(name.slice(5)) : readRegex(name) === null ? null : regexProblem(name);
  if (wrong !== null) {
    report(
      yaml.problem(
        path,
        wrong,
        wrong.includes("every text") ? "leave rule out, and write matchAll: true when nothing else is asked" : null,
      ),
    );
    return;
  }
  if (name.startsWith("glob:") || readRegex(name) !== null || known.has(name)) return;
  if (!known.mayTell()) return;
  const pattern = /[*?]/.test(name) ? `matched as it stands; for a pattern write "glob:${name}"` : null;
  const remedy = pattern ?? didYouMean(name, known.all) ?? "list your own rules files under falcoRules";
  report(
    yaml.problem(path, `neither Falco's published rules nor yours have a rule "${name.slice(0, 100)}"`, remedy, { severity: "warning" }),
  );
}

function readComparison(text: string): { readonly op: "<" | "<=" | "=" | ">=" | ">"; readonly value: Priority } | null {
  const found = /^\s*(<=|>=|<|>|=)?\s*([A-Za-z]+)\s*$/.exec(text);
  const value = found === null ? null : readPriority(found[2]);
  return value === null ? null : { op: (found?.[1] ?? "=") as "<" | "<=" | "=" | ">=" | ">", value };
}

/** "a,b": both. ["a,b", c]: both, or c. [[a, b], [c]]: the same. */
function readTags(source: Plain, path: Path, yaml: YamlFile, report: (problem: Problem) => void): readonly (readonly string[])[] {
  const alternatives = Array.isArray(source) ? (source as readonly Plain[]) : [source];
  return alternatives.map((alternative, position) => {
    const where = Array.isArray(source) ? [...path, position] : path;
    const tags = Array.isArray(alternative) ? alternative.map(String) : String(alternative).split(",");
    const trimmed = tags.map((tag) => tag.trim());
    if (trimmed.includes("")) report(yaml.problem(where, "a tag is empty", "remove the comma or name the tag"));
    if (Array.isArray(alternative) && trimmed.some((tag) => tag.includes(","))) {
      report(yaml.problem(where, "a tag in an inner list has a comma", "write each tag by itself"));
    }
    return trimmed;
  });
}

function conditions(
  source: Plain | undefined,
  path: Path,
  yaml: YamlFile,
  report: (problem: Problem) => void,
): [string, Test][] | undefined {
  if (source === undefined) return undefined;
  return Object.entries(source as Keyed).flatMap(([name, test]) => {
    if (name.trim() !== name || name === "")
      report(yaml.problem([...path, name], "the name is empty or has spaces around it", null, { atKey: true }));
    const compiled = compileTest(test, [...path, name], yaml, report);
    return compiled === null ? [] : [[name, compiled] as [string, Test]];
  });
}

function reportFact(fact: string, path: Path, yaml: YamlFile, report: (problem: Problem) => void): void {
  if (FACTS.some((known) => known === fact) || /^label\..+/.test(fact)) return;
  const remedy = didYouMean(fact, [...FACTS, "label."]) ?? `known: ${FACTS.join(", ")}, label.<key>`;
  report(yaml.problem([...path, fact], "this fact of a workload is not known", remedy, { atKey: true }));
}
