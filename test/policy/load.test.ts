import { expect, test } from "vitest";
import { loadPolicy, policyText } from "#shared/policy/load.ts";
import { matchAlert } from "#shared/policy/match.ts";
import { alertOf, policyOf, ruleOf } from "./samples.ts";

const policy = policyOf([ruleOf({})]);

test("a compiled policy is read as it is", () => {
  expect(loadPolicy(JSON.stringify(policy))).toEqual(policy);
});

test("as packaging writes it, its rules are the same, one by one or all together", () => {
  const rules = Array.from({ length: 30 }, (_, n) => ruleOf({ rule: [`"rules":[\n ${n}`, ",\n"] }, { name: `rule ${n}` }));
  const many = policyOf(rules);
  const text = policyText(many);
  expect(JSON.parse(text)).toEqual(many);
  const loaded = loadPolicy(text);
  expect(loaded.rules[17]).toEqual(rules[17]);
  expect(loaded.rules[17]).toBe(loaded.rules[17]);
  expect([loaded.rules.length, loaded.rules[30], loaded.rules[-1]]).toEqual([30, undefined, undefined]);
  expect(loaded.rules.map(({ name }) => name)).toEqual(rules.map(({ name }) => name));
  expect([...loaded.rules]).toEqual(rules);
  expect(JSON.parse(JSON.stringify(loaded))).toEqual(many);
  expect(matchAlert(loaded, alertOf({ rule: '"rules":[\n 4' }))).toEqual([4]);
});

test("no rules are no rules", () => {
  expect(loadPolicy(policyText(policyOf([]))).rules.length).toBe(0);
});

test("a broken line is a broken policy when it is looked at", () => {
  const loaded = loadPolicy(policyText(policy).replace('"name"', '"name'));
  expect(() => loaded.rules[0]).toThrow(expect.objectContaining({ code: "config_invalid" }));
});

test.each<[string, string]>([
  ["no JSON", "{"],
  ["null", "null"],
  ["another schema", JSON.stringify({ ...policy, schema: "falco-responder/policy/2" })],
  ["no mode", JSON.stringify({ ...policy, mode: "on" })],
  ["no rules", JSON.stringify({ ...policy, rules: {} })],
  ["no index", JSON.stringify({ ...policy, index: undefined })],
  ["no age", JSON.stringify({ ...policy, maxAgeSeconds: "900" })],
  ["no protected list", JSON.stringify({ ...policy, protect: undefined })],
])("%s is refused", (_title, json) => {
  expect(() => loadPolicy(json)).toThrow(expect.objectContaining({ code: "config_invalid", retryable: false }));
});
