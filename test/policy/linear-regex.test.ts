import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { linearRegex } from "#shared/policy/linear-regex.ts";

const CHARS = ["a", "b", "A", "_", "1", " ", "-", "\n"];

/** Patterns of the supported syntax; both engines must agree on every text. */
const pattern: fc.Arbitrary<string> = fc.letrec<{ node: string; atom: string }>((tie) => ({
  atom: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom("a", "b", "A", "_", "1", " ", ".", "\\d", "\\w", "\\W", "\\s", "\\S", "\\x61", "\\u0062", "\\-", "\\n"),
    fc.constantFrom("[ab]", "[^a]", "[a-z]", "[^\\d\\s]", "[\\w-]", "[-a]", "[A-Z_]"),
    fc.tuple(fc.constantFrom("(", "(?:"), tie("node")).map(([open, inner]) => `${open}${inner})`),
  ),
  node: fc.oneof(
    { depthSize: "small" },
    tie("atom"),
    fc.constantFrom("^", "$", "\\b", "\\B"),
    fc.tuple(tie("atom"), fc.constantFrom("*", "+", "?", "{2}", "{1,}", "{0,2}", "*?", "+?")).map((parts) => parts.join("")),
    fc.tuple(tie("node"), tie("node")).map((parts) => parts.join("")),
    fc.tuple(tie("node"), tie("node")).map((parts) => parts.join("|")),
  ),
})).node;
const text = fc.array(fc.constantFrom(...CHARS), { maxLength: 12 }).map((chars) => chars.join(""));

describe("a linear regex", () => {
  test("answers as JavaScript's own engine does", () => {
    fc.assert(
      fc.property(pattern, fc.constantFrom("", "i", "s", "is"), fc.array(text, { minLength: 1, maxLength: 8 }), (source, flags, texts) => {
        const [ours, theirs] = [linearRegex(source, flags), new RegExp(source, flags)];
        for (const each of texts)
          expect({ source, flags, each, is: ours.test(each) }).toEqual({ source, flags, each, is: theirs.test(each) });
      }),
      { numRuns: 3_000 },
    );
  });

  test.each(["(a+)+$", "(a|a)*b", "^(.*a){12}$", ".*.*.*=x", "(\\w+\\s?)*$"])(
    "%s takes a hostile text of 20,000 characters in its stride",
    (source) => {
      // A backtracking engine would not come back from the first of these while the suite runs.
      expect(linearRegex(source, "").test(`${"a".repeat(20_000)}!`)).toBe(source === "^(.*a){12}$" ? false : source === "(\\w+\\s?)*$");
    },
  );

  test.each([
    ["(?=a)", "lookaround"],
    ["(?<name>a)", "lookaround and named"],
    ["(a)\\1", "back-references"],
    ["a{1000}", "500 repetitions"],
    ["((a{400}){400})", "too large"],
    ["a**", "nothing to repeat"],
    ["(a", "not closed"],
    ["a)", 'unmatched ")"'],
    ["[a", "not closed"],
    ["[]", "empty"],
    ["[z-a]", "out of order"],
    ["a{2,1}", "out of order"],
    ["a{,2}", "does not begin a repetition"],
    ["\\q", "not a known escape"],
    ["\\", "ends with a backslash"],
    ["^*", "anchor cannot be repeated"],
    [`${"(".repeat(40)}a${")".repeat(40)}`, "nested too deeply"],
  ])("%s is refused: %s", (source, because) => {
    expect(() => linearRegex(source, "")).toThrow(because);
  });
});
