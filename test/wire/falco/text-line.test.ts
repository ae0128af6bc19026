import { expect, test } from "vitest";
import { readTextLine } from "#shared/wire/falco/text-line.ts";

const LONG = 1_000_000;

// Each was written to be read again and again from each of its places: at this length that would take minutes, not the test's time.
test.each([
  ["backslashes", "\\"],
  ["quoted keys with backslashes", `"rule${"\\".repeat(200)}`],
  ["quoted keys with blanks", `"rule"${" ".repeat(200)}`],
  ["digits and colons", "12:18:43.261692"],
])("a line of a megabyte of %s is read in one pass", (_title, piece) => {
  const line = `x${piece.repeat(Math.ceil(LONG / piece.length))}`;
  expect(readTextLine(line)).toEqual({ kind: "ignored", reason: "text without an alert" });
});

test.each(['x "rule":"a"', 'x \\"rule\\":\\"a\\"', 'x \\\\\\"output_fields\\\\\\" : {}'])("keys of an alert in %s are seen", (line) => {
  expect(readTextLine(line)).toMatchObject({ kind: "unreadable" });
});
