import { expect, test } from "vitest";
import { CONFIG, change, load, POLICY, told } from "./workspace.ts";

const many = (n: number, line: (n: number) => string): string => Array.from({ length: n }, (_none, at) => line(at)).join("\n");

test("40,000 keys that nobody knows are told in seconds, by the first few", () => {
  const startMs = performance.now();
  const problems = told(load(CONFIG, `${POLICY}${many(40_000, (n) => `k${n}: 1`)}\n`));
  expect(problems[0]).toContain("k0: this key is not known");
  expect(problems.length).toBeLessThanOrEqual(50);
  expect(performance.now() - startMs).toBeLessThan(10_000);
}, 60_000);

test("100,000 aliases are told by the first few", () => {
  expect(told(load(CONFIG, `a: [${"*a,".repeat(100_000)}]\n${POLICY}`)).length).toBeLessThanOrEqual(20);
}, 60_000);

test.each([
  ["as it is", "mode: observe"],
  ["in quotes", '"mode": observe'],
])("a key that stands twice, %s, is told with its line; once it is taken", (_how, again) => {
  expect(told(load(CONFIG, change(POLICY, "mode: enforce", `mode: enforce\n${again}`)))).toEqual([
    "policy.yml:3:1 : Map keys must be unique; null",
  ]);
  expect(told(load(CONFIG, POLICY))).toEqual([]);
});
