import { expect, test } from "vitest";
import { loadPolicy } from "#shared/policy/load.ts";
import { policyOf, ruleOf } from "./samples.ts";

const policy = policyOf([ruleOf({})]);

test("a compiled policy is read as it is", () => {
  expect(loadPolicy(JSON.stringify(policy))).toEqual(policy);
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
