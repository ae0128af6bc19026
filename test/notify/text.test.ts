import { expect, test } from "vitest";
import { fieldText, said } from "#shared/notify/parts.ts";
import { clean, shellWord } from "#shared/notify/text.ts";

test.each([
  ["a zero width space", "mysql --pass\u200bword=tr0ub4dor shop"],
  ["a colour", "mysql --\u001b[31mpassword\u001b[0m=tr0ub4dor shop"],
  ["a soft hyphen", "mysql --pass\u00adword=tr0ub4dor shop"],
  ["a NUL", "mysql --pass\u0000word=tr0ub4dor shop"],
])("a secret whose name is taken apart by %s does not leave, and its twin that is whole does not either", (_what, text) => {
  expect(said(text).said).toBe("␣ mysql --password=[redacted] shop");
  expect(shellWord(text)).toContain("password=[redacted]");
  expect(said("mysql --password=tr0ub4dor shop").said).toBe("mysql --password=[redacted] shop");
});

test("the name of a field tells of its secret, whatever stands in it that nobody sees", () => {
  expect(fieldText("proc.env[DB_PASS\u200bWORD]", "tr0ub4dor")).toBe("[redacted]");
  expect(fieldText("proc.env[DB_\u200bNAME]", "tr0ub4dor")).toBe("tr0ub4dor");
});

test("what cannot be seen stays where it is in a text without secrets, and beside one that is found all the same", () => {
  expect(clean("cur\u200bl evil")).toBe("cur␣l evil");
  expect(clean("cur\u200bl --password=x1y2z3")).toBe("cur␣l --password=[redacted]");
});
