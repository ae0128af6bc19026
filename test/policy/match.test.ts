import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Alert, FieldValue } from "#shared/domain/alert.ts";
import type { Match, Policy, Test } from "#shared/domain/policy.ts";
import { PRIORITIES, type Priority, rank } from "#shared/domain/priority.ts";
import { matchAlert } from "#shared/policy/match.ts";
import { nameTest } from "#shared/policy/pattern.ts";
import { valueTest } from "#shared/policy/test-value.ts";
import { alertOf, policyOf, ruleOf } from "./samples.ts";

const matches = (match: Match, alert: Partial<Alert>): boolean => matchAlert(policyOf([ruleOf(match)]), alertOf(alert)).length === 1;
const field = (value: FieldValue | undefined, asked: Test): boolean =>
  matches({ fields: [{ field: "f", test: asked }] }, { fields: value === undefined ? {} : { f: value } });

describe("rule, priority, source and tags", () => {
  test.each<[string, Match, Partial<Alert>, Partial<Alert>]>([
    ["an exact name", { rule: ["A rule"] }, { rule: "A rule" }, { rule: "a rule" }],
    ["a glob", { rule: ["glob:Create * Pod"] }, { rule: "Create Privileged Pod" }, { rule: "Create Privileged Pods" }],
    ["a regex", { rule: ["/^Launch .+ Container$/"] }, { rule: "Launch Privileged Container" }, { rule: "Launch Container" }],
    ["one of several names", { rule: ["A", "glob:B*"] }, { rule: "Bee" }, { rule: "Cee" }],
    ["at least", { priority: { op: ">=", value: "Warning" } }, { priority: "Warning" }, { priority: "Notice" }],
    ["above", { priority: { op: ">", value: "Warning" } }, { priority: "Error" }, { priority: "Warning" }],
    ["at most", { priority: { op: "<=", value: "Warning" } }, { priority: "Warning" }, { priority: "Error" }],
    ["below", { priority: { op: "<", value: "Warning" } }, { priority: "Notice" }, { priority: "Warning" }],
    ["exactly", { priority: { op: "=", value: "Warning" } }, { priority: "Warning" }, { priority: "Critical" }],
    ["a source", { source: ["k8s_audit"] }, { source: "k8s_audit" }, { source: "syscall" }],
    ["an absent source is syscall", { source: ["syscall"] }, { source: null }, { source: "okta" }],
    ["all tags of an entry", { tags: [["a", "b"]] }, { tags: ["b", "x", "a"] }, { tags: ["a"] }],
    ["any entry of tags", { tags: [["a", "b"], ["c"]] }, { tags: ["c"] }, { tags: ["b"] }],
    ["a tag that the alert repeats", { tags: [["a", "b"]] }, { tags: ["a", "a", "b"] }, { tags: ["a", "a"] }],
  ])("%s", (_title, match, yes, no) => {
    expect(matches(match, yes)).toBe(true);
    expect(matches(match, no)).toBe(false);
  });

  test("an alert that is made to look like a remembered one is not taken for it", () => {
    const policy = policyOf([ruleOf({ rule: ["R"], tags: [["a", "b"]] })]);
    expect(matchAlert(policy, alertOf({ rule: "R", tags: ["a", "b"] }))).toEqual([0]);
    expect(matchAlert(policy, alertOf({ rule: "R", tags: ["a,b"] }))).toEqual([]);
    expect(matchAlert(policy, alertOf({ rule: "R", tags: ["a\u0000b"] }))).toEqual([]);
    expect(matchAlert(policy, alertOf({ rule: "R", tags: ["a", "b"] }))).toEqual([0]);
  });

  test("made-up kinds without number, and of any size, are matched and not kept", () => {
    const policy = policyOf([ruleOf({ tags: [["a"]] })]);
    for (let n = 0; n < 10_000; n++) {
      expect(matchAlert(policy, alertOf({ rule: `R${n % 300}`, tags: ["a", `t${n}`] }))).toEqual([0]);
      expect(matchAlert(policy, alertOf({ rule: `R${n % 300}`, tags: [`t${n}`] }))).toEqual([]);
    }
    const long = "R".repeat(10_000);
    expect(matchAlert(policy, alertOf({ rule: long, tags: ["a", long] }))).toEqual([0]);
    expect(matchAlert(policy, alertOf({ rule: long, tags: Array.from({ length: 200 }, (_, n) => `t${n}`) }))).toEqual([]);
  });

  test("names of Object's own members are names like any other", () => {
    const policy = policyOf([ruleOf({ rule: ["__proto__"] }), ruleOf({ rule: ["constructor"] })]);
    expect(matchAlert(policy, alertOf({ rule: "__proto__" }))).toEqual([0]);
    expect(matchAlert(policy, alertOf({ rule: "constructor" }))).toEqual([1]);
    expect(matchAlert(policy, alertOf({ rule: "toString" }))).toEqual([]);
    expect(matches({ fields: [{ field: "constructor", test: { op: "exists", value: true } }] }, { fields: {} })).toBe(false);
  });
});

describe("output fields", () => {
  test.each<[string, Test, FieldValue, FieldValue]>([
    ["text", { op: "equals", values: ["bash"] }, "bash", "Bash"],
    ["a value that Talon would cut at its second =", { op: "equals", values: ["curl a=b, c"] }, "curl a=b, c", "curl a=b"],
    ["a number by its digits", { op: "equals", values: ["443"] }, 443, 4430],
    ["a number by its value", { op: "equals", values: ["1.50"] }, 1.5, 1.51],
    ["a number as text is text", { op: "equals", values: ["443"] }, "443", "0443"],
    ["a number beyond a double, exactly", { op: "equals", values: ["9007199254740993"] }, "9007199254740993", "9007199254740992"],
    ["a boolean", { op: "equals", values: ["true"] }, true, false],
    ["an element of a list", { op: "equals", values: ["b"] }, ["a", "b"], ["a", "c"]],
    ["a glob", { op: "glob", values: ["/etc/*.d/?"] }, "/etc/cron.d/x", "/etc/cron.d/xy"],
    ["a regex", { op: "regex", values: ["/^\\/tmp\\/[a-f]+$/"] }, "/tmp/abc", "/tmp/xyz"],
    ["a regex in any case", { op: "regex", values: ["/CURL/i"] }, "cUrL", "wget"],
    ["an address in a block", { op: "cidr", values: ["10.0.0.0/8"] }, "10.9.8.7", "11.0.0.1"],
    ["an IPv6 address", { op: "cidr", values: ["2001:db8::/32"] }, "2001:db8::1", "2001:db9::1"],
    ["an IPv4 address as IPv6 writes it", { op: "cidr", values: ["10.0.0.0/8"] }, "::ffff:10.1.1.1", "::ffff:11.1.1.1"],
    ["a single address", { op: "cidr", values: ["169.254.169.254"] }, "169.254.169.254", "169.254.169.253"],
    ["below", { op: "<", value: "1024" }, 1023, 1024],
    ["at least, beyond a double", { op: ">=", value: "18446744073709551615" }, "18446744073709551615", "18446744073709551614"],
    ["above, with a fraction", { op: ">", value: "0.1" }, 0.11, 0.1],
    ["above a negative", { op: ">", value: "-2" }, -1, -3],
    ["not", { op: "not", test: { op: "equals", values: ["bash"] }, orAbsent: false }, "sh", "bash"],
    ["not, of a list", { op: "not", test: { op: "equals", values: ["a"] }, orAbsent: false }, ["b"], ["a", "b"]],
    [
      "all of several",
      {
        op: "all",
        tests: [
          { op: "glob", values: ["/etc/*"] },
          { op: "not", test: { op: "equals", values: ["/etc/hosts"] }, orAbsent: false },
        ],
      },
      "/etc/shadow",
      "/etc/hosts",
    ],
    ["existence", { op: "exists", value: true }, 0, null],
    ["absence", { op: "exists", value: false }, "<NA>", "x"],
  ])("%s", (_title, asked, yes, no) => {
    expect(field(yes, asked)).toBe(true);
    expect(field(no, asked)).toBe(false);
  });

  const not = (orAbsent: boolean): Test => ({ op: "not", test: { op: "equals", values: ["kube-system"] }, orAbsent });

  test.each<[string, FieldValue | undefined]>([
    ["missing", undefined],
    ["null", null],
    ['"<NA>"', "<NA>"],
    ['""', ""],
    ["an empty list", []],
  ])("a value that is %s is absent: it is not something else", (_title, value) => {
    expect(field(value, not(false))).toBe(false);
    expect(field(value, not(true))).toBe(true);
    expect(field(value, { op: "exists", value: false })).toBe(true);
    expect(field(value, { op: "exists", value: true })).toBe(false);
    expect(field(value, { op: "equals", values: ["", "<NA>", "null", "undefined"] })).toBe(false);
  });

  test.each<[string, Test, FieldValue]>([
    ["a name is neither inside nor outside an address block", { op: "cidr", values: ["10.0.0.0/8"] }, "db.internal"],
    ["a text is neither below nor above a number", { op: "<", value: "10" }, "many"],
    ["hexadecimal is no decimal", { op: "<", value: "10" }, "0x1"],
    ["an object cannot be compared", { op: "equals", values: ["a"] }, { a: "a" }],
    ["a number with an absurd exponent is not read", { op: ">", value: "1" }, "1e99999999"],
  ])("%s", (_title, asked, value) => {
    expect(field(value, asked)).toBe(false);
    expect(field(value, { op: "not", test: asked, orAbsent: true })).toBe(false);
  });

  test("every condition must hold", () => {
    const fields = [
      { field: "a", test: { op: "equals", values: ["1"] } },
      { field: "b", test: { op: "equals", values: ["2"] } },
    ] as const;
    expect(matches({ fields }, { fields: { a: 1, b: 2 } })).toBe(true);
    expect(matches({ fields }, { fields: { a: 1, b: 3 } })).toBe(false);
  });
});

const name = fc.constantFrom("Alpha", "Alpha Beta", "Beta", "Gamma ray", "");
const pattern = fc.constantFrom("Alpha", "Beta", "glob:Alpha*", "glob:*a", "/^(Alpha|Gamma)/", "/beta/i", "Gamma ray");
const tag = fc.constantFrom("a", "b", "c");
const priority = fc.constantFrom(...PRIORITIES);
const condition = fc.record({
  field: fc.constantFrom("x", "y"),
  test: fc.constantFrom<Test>(
    { op: "equals", values: ["1", "q"] },
    { op: "exists", value: false },
    { op: ">", value: "1" },
    { op: "not", test: { op: "equals", values: ["1"] }, orAbsent: false },
    { op: "not", test: { op: "glob", values: ["q*"] }, orAbsent: true },
  ),
});
const match: fc.Arbitrary<Match> = fc.record(
  {
    rule: fc.uniqueArray(pattern, { minLength: 1, maxLength: 3 }),
    priority: fc.record({ op: fc.constantFrom("<", "<=", "=", ">=", ">"), value: priority }),
    tags: fc.array(fc.array(tag, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 2 }),
    source: fc.array(fc.constantFrom("syscall", "k8s_audit"), { minLength: 1, maxLength: 2 }),
    fields: fc.array(condition, { minLength: 1, maxLength: 2 }),
  },
  { requiredKeys: [] },
);
const value = fc.constantFrom<FieldValue>("q", "1", 1, 2, null, "<NA>", ["1", "z"], "zzz", { deep: "1" });
const alert: fc.Arbitrary<Alert> = fc
  .record({
    rule: name,
    priority,
    source: fc.constantFrom("syscall", "k8s_audit", null),
    tags: fc.array(tag, { maxLength: 3 }),
    fields: fc.dictionary(fc.constantFrom("x", "y"), value),
  })
  .map(alertOf);

/** Every rule tried in turn, each clause spelt out: what the index must give. */
function naive(policy: Policy, one: Alert): number[] {
  const compare = (a: Priority, op: string, b: Priority): boolean => {
    const order = rank(a) - rank(b);
    return op === "<" ? order < 0 : op === "<=" ? order <= 0 : op === "=" ? order === 0 : op === ">=" ? order >= 0 : order > 0;
  };
  return policy.rules.flatMap((rule, position) => {
    const { match: m } = rule;
    const holds =
      (m.rule === undefined || m.rule.some((wanted) => nameTest(wanted)(one.rule))) &&
      (m.priority === undefined || compare(one.priority, m.priority.op, m.priority.value)) &&
      (m.tags === undefined || m.tags.some((all) => all.every((each) => one.tags.includes(each)))) &&
      (m.source === undefined || m.source.includes(one.source ?? "syscall")) &&
      (m.fields ?? []).every(({ field: key, test: asked }) => valueTest(asked)(one.fields[key]) === true);
    return holds ? [position] : [];
  });
}

describe("properties", () => {
  test("the index gives what trying every rule gives, also for alerts seen before", () => {
    fc.assert(
      fc.property(fc.array(match, { maxLength: 12 }), fc.array(alert, { minLength: 1, maxLength: 12 }), (all, alerts) => {
        const policy = policyOf(all.map((one) => ruleOf(one)));
        for (const one of [...alerts, ...alerts]) expect(matchAlert(policy, one)).toEqual(naive(policy, one));
      }),
    );
  });

  test("a further condition never widens a match", () => {
    fc.assert(
      fc.property(match, match, alert, (base, more, one) => {
        const fields = [...(base.fields ?? []), ...(more.fields ?? [])];
        const narrow: Match = { ...more, ...base, ...(fields.length > 0 ? { fields } : {}) };
        if (matches(narrow, one)) expect(matches(base, one)).toBe(true);
      }),
    );
  });

  test("no value makes a test and its opposite both hold", () => {
    fc.assert(
      fc.property(condition, fc.option(value, { nil: undefined }), ({ test: asked }, one) => {
        if (asked.op === "not" || asked.op === "exists") return;
        expect(field(one, asked) && field(one, { op: "not", test: asked, orAbsent: true })).toBe(false);
      }),
    );
  });
});
