import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { linearRegex } from "#shared/policy/linear-regex.ts";

const CHARS = ["a", "b", "A", "_", "1", " ", "-", "\n"];

/** Patterns of the syntax that RE2 and JavaScript share; both engines must agree on every text. */
const pattern: fc.Arbitrary<string> = fc.letrec<{ node: string; atom: string }>((tie) => ({
  atom: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom("a", "b", "A", "_", "1", " ", ".", "\\d", "\\w", "\\W", "\\s", "\\S", "\\x61", "\\-", "\\n"),
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
        const [re2, theirs] = [linearRegex(source, flags), new RegExp(source, flags)];
        for (const each of texts)
          expect({ source, flags, each, is: re2.test(each) }).toEqual({ source, flags, each, is: theirs.test(each) });
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
    ["(?=a)", "unsupported Perl syntax"],
    ["(?<!a)b", "invalid named capture"],
    ["(a)\\1", "invalid escape sequence"],
    ["(?<n>a)\\k<n>", "invalid escape sequence"],
    ["\\u0062", "invalid escape sequence"],
    ["[\\b]", "invalid escape sequence"],
    ["a{1001}", "invalid repeat count"],
    ["((a{400}){400})", "invalid repeat count"],
    ["(abc){900}", "too large"],
    ["a**", "invalid nested repetition operator"],
    ["(a", "missing closing )"],
    ["a)", "unexpected )"],
    ["[a", "missing closing ]"],
    ["[z-a]", "invalid character class range"],
    ["a{2,1}", "invalid repeat count"],
    ["\\q", "invalid escape sequence"],
    ["\\", "trailing backslash"],
    ["a".repeat(501), "longer than 500"],
  ])("%s is refused: %s", (source, because) => {
    expect(() => linearRegex(source, "")).toThrow(SyntaxError);
    expect(() => linearRegex(source, "")).toThrow(because);
  });

  test.each([
    ["a{,2}", "a{0,2}", "aa"],
    ["[]a]", "[\\]a]", "]"],
    ["[^]a]", "[^\\]a]", "b"],
    ["[]", "\\[\\]", "[]"],
    ["[^]", "(?s:.)", "\n"],
  ])("%s, which JavaScript reads otherwise, is refused; %s says what is meant", (ambiguous, plain, fitting) => {
    expect(() => linearRegex(ambiguous, "")).toThrow("is ambiguous");
    expect(linearRegex(plain, "").test(fitting)).toBe(true);
  });

  test.each([
    ["\\s is ASCII without the vertical tab", "\\s", "", "\u00a0\v", false],
    [". takes every line end but \\n", "^.$", "", "\r", true],
    [". takes no \\n", "^.$", "", "\n", false],
    ["s lets . take \\n", "^.$", "s", "\n", true],
    ["$ is the end of the text, not before its last line end", "a$", "", "a\n", false],
    ["a character outside the first plane is one", "^.$", "", "\u{1f512}", true],
    ["i folds as Unicode does: the Kelvin sign", "k", "i", "\u212a", true],
    ["without i nothing folds", "k", "", "\u212a", false],
  ])("what docs/policy.md says of RE2: %s", (_, source, flags, text, fits) => {
    expect(linearRegex(source, flags).test(text)).toBe(fits);
  });
});
