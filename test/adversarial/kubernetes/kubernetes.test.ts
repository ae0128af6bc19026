import { expect, test } from "vitest";
import { cases } from "./cases.ts";
import { judgeCase } from "./run.ts";

test("there are at least forty-five cases, each with a name of its own", () => {
  expect(cases.length).toBeGreaterThanOrEqual(45);
  expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
});

test.each(cases)("$name ($fact) holds, and its twin acts", async (one) => {
  expect(await judgeCase(one)).toMatchObject({ refused: null, acted: null });
});
