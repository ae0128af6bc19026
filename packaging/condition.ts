import { messageOf } from "#shared/domain/error.ts";
import type { Test } from "#shared/domain/policy.ts";
import { readDecimal } from "#shared/policy/decimal.ts";
import { globTest, regexTest } from "#shared/policy/pattern.ts";
import { readCidr } from "#shared/policy/test-value.ts";
import type { Problem } from "./problem.ts";
import type { Path, Plain, YamlFile } from "./yaml-file.ts";

type Scalar = string | number | boolean;
/** As the schema lets it through. */
type TestSource = Scalar | readonly Scalar[] | { readonly [key: string]: TestSource };

const MAX_REGEX = 500;
const COMPARISONS = ["<", "<=", ">", ">="] as const;

/** Compiles one test of `fields` or `workload`; null after a problem was reported. */
export function compileTest(source: Plain, path: Path, yaml: YamlFile, report: (problem: Problem) => void): Test | null {
  return new TestCompiler(yaml, report).test(source as TestSource, path, false);
}

class TestCompiler {
  readonly #yaml: YamlFile;
  readonly #report: (problem: Problem) => void;

  constructor(yaml: YamlFile, report: (problem: Problem) => void) {
    this.#yaml = yaml;
    this.#report = report;
  }

  test(source: TestSource, path: Path, negated: boolean): Test | null {
    if (typeof source !== "object" || Array.isArray(source)) return this.#equals(source as Scalar | readonly Scalar[], path);
    const keyed = source as Readonly<Record<string, TestSource>>;
    const tests: (Test | null)[] = Object.keys(keyed)
      .filter((key) => key !== "orAbsent" && key !== "ignoreCase")
      .map((key) => this.#keyed(key, keyed, [...path, key], negated));
    if (keyed["orAbsent"] !== undefined && keyed["not"] === undefined) {
      return this.#problem([...path, "orAbsent"], "orAbsent means something with not only", "remove it, or use exists: false");
    }
    if (keyed["ignoreCase"] !== undefined && keyed["regex"] === undefined) {
      return this.#problem([...path, "ignoreCase"], "ignoreCase means something with regex only", "remove it, or write a regex");
    }
    if (tests.includes(null)) return null;
    const all = tests.filter((test) => test !== null);
    if (all.length === 0)
      return this.#problem(path, "this asks nothing", "give it a value, or one of equals, glob, regex, cidr, exists, <, not");
    return all.length === 1 && all[0] !== undefined ? all[0] : { op: "all", tests: all };
  }

  #keyed(key: string, keyed: Readonly<Record<string, TestSource>>, path: Path, negated: boolean): Test | null {
    const value = keyed[key] as TestSource;
    switch (key) {
      case "equals":
        return this.#equals(value as Scalar | readonly Scalar[], path);
      case "glob":
        return this.#values("glob", texts(value), path, globProblem);
      case "regex": {
        const flags = keyed["ignoreCase"] === true ? "i" : "";
        const patterns = texts(value).map((pattern) => `/${pattern}/${flags}`);
        return this.#values("regex", patterns, path, regexProblem);
      }
      case "cidr":
        return this.#values("cidr", texts(value), path, (text) =>
          readCidr(text) === null ? "this is no address and no address block, such as 10.0.0.0/8" : null,
        );
      case "exists":
        return { op: "exists", value: value === true };
      case "not":
        return this.#not(value, keyed["orAbsent"] === true, path, negated);
      default:
        return this.#comparison(key, String(value), path);
    }
  }

  #equals(source: Scalar | readonly Scalar[], path: Path): Test | null {
    return this.#values("equals", texts(source), path, (text) =>
      text.trim() === "" || text === "<NA>" ? "this is one of Falco's spellings of absent: write exists: false" : null,
    );
  }

  #values(
    op: "equals" | "glob" | "regex" | "cidr",
    values: readonly string[],
    path: Path,
    check: (text: string) => string | null,
  ): Test | null {
    const wrong = values.map(check).find((because) => because !== null);
    return wrong === undefined ? { op, values } : this.#problem(path, wrong, null);
  }

  #not(source: TestSource, orAbsent: boolean, path: Path, negated: boolean): Test | null {
    if (negated) return this.#problem(path, "not within not", "write what is meant without it");
    const test = this.test(source, path, true);
    if (test?.op === "exists") return this.#problem(path, "not with exists", `write exists: ${String(!test.value)}`);
    return test === null ? null : { op: "not", test, orAbsent };
  }

  #comparison(key: string, value: string, path: Path): Test | null {
    const op = COMPARISONS.find((known) => known === key);
    if (op === undefined) return this.#problem(path, "this key is not known", null);
    if (readDecimal(value) === null) return this.#problem(path, `"${value.slice(0, 80)}" is not a decimal number`, null);
    return { op, value };
  }

  #problem(path: Path, message: string, remedy: string | null): null {
    this.#report(this.#yaml.problem(path, message, remedy));
    return null;
  }
}

const texts = (value: unknown): readonly string[] => (Array.isArray(value) ? value : [value]).map(String);

/** Why the pattern cannot be used; null when it can. Matching everything is a mistake where a condition is wanted. */
export function regexProblem(pattern: string): string | null {
  if (pattern.length > MAX_REGEX) return `the pattern is longer than ${MAX_REGEX} characters`;
  try {
    const test = regexTest(pattern);
    return test("") && test("\u0000 \u{1F512}") ? "the pattern matches every text, so it asks nothing" : null;
  } catch (error) {
    if (error instanceof SyntaxError) return `the pattern cannot be used: ${messageOf(error)}`;
    throw error;
  }
}

export function globProblem(pattern: string): string | null {
  if (pattern.length > MAX_REGEX) return `the pattern is longer than ${MAX_REGEX} characters`;
  const test = globTest(pattern);
  return test("") && test("\u0000 \u{1F512}") ? "the pattern matches every text, so it asks nothing" : null;
}
