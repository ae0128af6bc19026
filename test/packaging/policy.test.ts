import { describe, expect, test } from "vitest";
import type { Policy } from "#shared/domain/policy.ts";
import { CONFIG, change, load, POLICY, told } from "./workspace.ts";

const policyOf = (text: string): Policy => {
  const loaded = load(CONFIG, text);
  // This configuration names no people, and that widest actions need two is another test's.
  expect(told(loaded).filter((line) => !line.includes("without people"))).toEqual([]);
  if (!loaded.ok) throw new Error("not loaded");
  return loaded.compiled.policy;
};
const matching = (lines: string): string =>
  `version: 1\nrules:\n  - name: r\n    notify: [team]\n    match:\n${lines.replace(/^/gm, "      ")}\n`;
const PLAIN = "service: web";
const FIELD = "proc.name: bash";

const ORGANS = ["falco", "falco-responder*", "falcosidekick*", "fluent-bit", "fluentbit", "log-router", "log_router"];
const SPARED = ["kube-system", "kube-public", "kube-node-lease", "falco", "falco-system", "falco-responder"];

describe("policy.yml", () => {
  test("a valid one is compiled", () => {
    expect(policyOf(POLICY)).toEqual({
      schema: "falco-responder/policy/1",
      version: expect.stringMatching(/^[0-9a-f]{12}$/),
      mode: "enforce",
      maxAgeSeconds: 900,
      protect: {
        clusters: [],
        namespaces: SPARED,
        services: ORGANS,
        families: ORGANS,
        priorityClasses: ["system-*"],
        nodes: [],
        labels: { "falco-responder/protected": "true", "falco-responder.io/protected": "true" },
      },
      budgets: { windowSeconds: 600, owner: 3, cluster: 12, fleet: 40 },
      recurrence: {
        times: 3,
        windowSeconds: 3_600,
        ladder: [
          null,
          { action: "ecs:scale-service-to-zero", params: {}, mode: "approve", evidence: "best-effort" },
          { action: "kubernetes:scale-to-zero", params: {}, mode: "approve", evidence: "best-effort" },
        ],
      },
      approvalSeconds: 14_400,
      rules: [
        {
          name: "first",
          match: {
            rule: ["Terminal shell in container"],
            priority: { op: ">=", value: "Notice" },
            tags: [["container"]],
            fields: [{ field: "proc.name", test: { op: "equals", values: ["bash"] } }],
            workload: [{ fact: "service", test: { op: "equals", values: ["web"] } }],
          },
          actions: [{ action: "ecs:stop-task", params: {}, mode: "enforce", evidence: "best-effort" }],
          notify: ["team"],
          mode: "enforce",
        },
      ],
      index: { exact: { "Terminal shell in container": [0] }, patterns: [], any: [] },
    });
  });

  test("what it protects comes to what is always protected, and cannot take from it", () => {
    const protect = "protect: { namespaces: [shop, kube-system], labels: { falco-responder/protected: no, keep: true } }\n";
    expect(policyOf(`${POLICY}${protect}`).protect).toMatchObject({
      namespaces: [...SPARED, "shop"],
      labels: { "falco-responder/protected": "true", keep: "true" },
    });
  });

  test("without a mode it observes", () => {
    expect(policyOf(change(POLICY, "mode: enforce\n", "")).mode).toBe("observe");
  });

  test("its version follows from its content, not from its spelling", () => {
    const version = policyOf(POLICY).version;
    expect(policyOf(`# a comment\n${change(POLICY, "proc.name: bash", 'proc.name: "bash"')}`).version).toBe(version);
    expect(policyOf(change(POLICY, "proc.name: bash", "proc.name: sh")).version).not.toBe(version);
  });

  test.each<[string, string, unknown]>([
    ["tags as text: all of them", "tags: 'a, b'", { tags: [["a", "b"]] }],
    ["tags as a list: any entry", "tags: ['a,b', c]", { tags: [["a", "b"], ["c"]] }],
    ["tags as lists", "tags: [[a, b], [c]]", { tags: [["a", "b"], ["c"]] }],
    ["a priority alone", "priority: critical", { priority: { op: "=", value: "Critical" } }],
    ["matchAll", "matchAll: true", {}],
    ["a list of values", "fields: { a: [x, 1, true] }", { fields: [{ field: "a", test: { op: "equals", values: ["x", "1", "true"] } }] }],
    [
      "a number as it is written",
      "fields: { a: 9007199254740993 }",
      { fields: [{ field: "a", test: { op: "equals", values: ["9007199254740993"] } }] },
    ],
    ["a number with leading zeros", "fields: { a: 0443 }", { fields: [{ field: "a", test: { op: "equals", values: ["0443"] } }] }],
    [
      "a regex",
      "fields: { a: { regex: '^/tmp/', ignoreCase: true } }",
      { fields: [{ field: "a", test: { op: "regex", values: ["/^/tmp//i"] } }] },
    ],
    ["a path between slashes is a value", "fields: { a: /etc/ }", { fields: [{ field: "a", test: { op: "equals", values: ["/etc/"] } }] }],
    [
      "several questions to one field",
      "fields: { a: { '>=': 1024, not: [2049, 3260] } }",
      {
        fields: [
          {
            field: "a",
            test: {
              op: "all",
              tests: [
                { op: ">=", value: "1024" },
                { op: "not", test: { op: "equals", values: ["2049", "3260"] }, orAbsent: false },
              ],
            },
          },
        ],
      },
    ],
    [
      "not, or absent",
      "workload: { label.app: { not: { glob: 'batch-*' }, orAbsent: true } }",
      { workload: [{ fact: "label.app", test: { op: "not", test: { op: "glob", values: ["batch-*"] }, orAbsent: true } }] },
    ],
  ])("%s", (_title, lines, match) => {
    expect(policyOf(matching(lines)).rules[0]?.match).toEqual(match);
  });

  test.each<[string, string, string, string]>([
    [
      "a misspelt clause (it would match everything)",
      change(POLICY, "rule: Terminal", "rulez: Terminal"),
      "6:7 rules[0].match.rulez",
      'did you mean "rule"?',
    ],
    ["an empty match", matching("{}").replace("match:\n      {}", "match: {}"), "5:12 rules[0].match", "empty does not mean any"],
    [
      "a match with nothing in it",
      change(POLICY, "      tags: [container]\n", "      tags:\n"),
      "8:7 rules[0].match.tags",
      "this is empty",
    ],
    ["an empty list", change(POLICY, "[container]", "[]"), "8:13 rules[0].match.tags", "empty does not mean any"],
    ["an empty inner list", change(POLICY, "[container]", "[[]]"), "8:14 rules[0].match.tags[0]", "empty"],
    ["an empty tag", change(POLICY, "[container]", "'container,'"), "8:13 rules[0].match.tags", "a tag is empty"],
    ["an empty string", change(POLICY, FIELD, 'proc.name: ""'), "10:20 rules[0].match.fields.proc.name", "empty does not mean any"],
    ["a value that means absent", change(POLICY, FIELD, 'proc.name: "<NA>"'), "10:20 rules[0].match.fields.proc.name", "exists: false"],
    [
      "matchAll beside a clause",
      change(POLICY, "      tags:", "      matchAll: true\n      tags:"),
      "8:17 rules[0].match.matchAll",
      "contradicts",
    ],
    ["matchAll: false", matching("matchAll: false"), "6:17 rules[0].match.matchAll", "false is not true"],
    ["an unknown priority", change(POLICY, '">= Notice"', '">= Notise"'), "7:17 rules[0].match.priority", 'did you mean "Notice"?'],
    ["an unknown comparison", change(POLICY, '">= Notice"', '"=> Notice"'), "7:17 rules[0].match.priority", "is not a priority"],
    ["an unknown fact", change(POLICY, PLAIN, "servise: web"), "12:9 rules[0].match.workload.servise", 'did you mean "service"?'],
    ["a label without a key", change(POLICY, PLAIN, "label.: web"), "12:9 rules[0].match.workload.label.", "not known"],
    [
      "an unknown question",
      change(POLICY, FIELD, "proc.name: { matches: bash }"),
      "10:22 rules[0].match.fields.proc.name.matches",
      "not known",
    ],
    [
      "a question without content",
      change(POLICY, FIELD, "proc.name: { orAbsent: true }"),
      "10:32 rules[0].match.fields.proc.name.orAbsent",
      "with not only",
    ],
    [
      "not within not",
      change(POLICY, FIELD, "proc.name: { not: { not: bash } }"),
      "10:34 rules[0].match.fields.proc.name.not.not",
      "not within not",
    ],
    [
      "a broken regex",
      change(POLICY, FIELD, "proc.name: { regex: '(a' }"),
      "10:29 rules[0].match.fields.proc.name.regex",
      "missing closing )",
    ],
    [
      "a regex that looks back",
      change(POLICY, FIELD, "proc.name: { regex: '(a)\\1' }"),
      "10:29 rules[0].match.fields.proc.name.regex",
      "invalid escape sequence",
    ],
    [
      "a regex that matches everything",
      change(POLICY, FIELD, "proc.name: { regex: 'a*' }"),
      "10:29 rules[0].match.fields.proc.name.regex",
      "matches every text",
    ],
    [
      "a glob that matches everything",
      change(POLICY, FIELD, "proc.name: { glob: '**' }"),
      "10:28 rules[0].match.fields.proc.name.glob",
      "matches every text",
    ],
    [
      "a rule glob that matches everything",
      change(POLICY, "rule: Terminal shell in container", "rule: 'glob:*'"),
      "6:13 rules[0].match.rule",
      "matches every text",
    ],
    [
      "a broken block",
      change(POLICY, FIELD, "fd.rip: { cidr: 10.0.0.0/33 }"),
      "10:25 rules[0].match.fields.fd.rip.cidr",
      "no address block",
    ],
    [
      "a number that is none",
      change(POLICY, FIELD, "fd.rport: { '<': 10x }"),
      "10:26 rules[0].match.fields.fd.rport.<",
      "not a decimal number",
    ],
    ["an unknown action", change(POLICY, "ecs:stop-task", "ecs:stop-tsk"), "13:15 rules[0].actions[0]", 'did you mean "ecs:stop-task"?'],
    ["an action twice", change(POLICY, "[ecs:stop-task]", "[ecs:stop-task, ecs:stop-task]"), "13:14 rules[0].actions", "twice"],
    [
      "an unknown parameter",
      change(POLICY, "[ecs:stop-task]", "[{ action: 'kubernetes:terminate', params: { force: true } }]"),
      "13:57 rules[0].actions[0].params",
      '"force" is not known',
    ],
    [
      "a parameter out of bounds",
      change(POLICY, "[ecs:stop-task]", "[{ action: 'kubernetes:terminate', params: { grace_period_seconds: 0 } }]"),
      "13:57 rules[0].actions[0].params",
      "grace_period_seconds",
    ],
    [
      "a required parameter that is missing",
      change(POLICY, "ecs:stop-task", "ecs:isolate-instance"),
      "13:15 rules[0].actions[0]",
      "security_group must name the group",
    ],
    [
      "an action that refuses every target, with what to name instead",
      change(POLICY, "ecs:stop-task", "ecs:isolate-task"),
      "13:15 rules[0].actions[0]",
      "ecs:isolate-task refuses every target: no API cuts a running ECS task off",
    ],
    [
      "such an action with parameters",
      change(POLICY, "[ecs:stop-task]", "[{ action: 'ecs:isolate-task', params: { security_group: sg-01234567 } }]"),
      "13:25 rules[0].actions[0].action",
      "name ecs:stop-task, and ecs:isolate-instance where the host may be lost too",
    ],
    ["an unknown channel", change(POLICY, "[team]", "[taem]"), "14:14 rules[0].notify[0]", 'did you mean "team"?'],
    ["an unknown mode", change(POLICY, "mode: enforce", "mode: enforced"), "2:7 mode", 'did you mean "enforce"?'],
    [
      "two rules of one name",
      `${POLICY}  - { name: first, match: { matchAll: true }, notify: [team] }\n`,
      "15:13 rules[1].name",
      "rules[0] has this name too",
    ],
    ["a rule that does nothing", change(POLICY, "    actions: [ecs:stop-task]\n    notify: [team]\n", ""), "4:5 rules[0]", "does nothing"],
    ["no rules", "version: 1\nrules: []\n", "2:8 rules", "empty"],
    ["a bad age", `${POLICY}maxAge: 15\n`, "15:9 maxAge", "15 is not string"],
    ["a negative budget", `${POLICY}budgets: { owner: -1 }\n`, "15:19 budgets.owner", ">= 0"],
    ["an unknown protection", `${POLICY}protect: { namespace: [a] }\n`, "15:12 protect.namespace", 'did you mean "namespaces"?'],
  ])("%s is an error", (_title, policy, where, message) => {
    const loaded = load(CONFIG, policy);
    expect(loaded.ok).toBe(false);
    const lines = told(loaded);
    const start = `policy.yml:${where}: `;
    expect(lines.some((line) => line.startsWith(start) && line.includes(message)) ? [] : lines).toEqual([]);
  });

  test.each([
    "ecs:tag-task",
    "ecs:protect-task",
    "ecs:revoke-role-sessions",
    "ecs:scale-service-to-zero",
    "ecs:stop-task",
    "ecs:drain-instance",
    "{ action: 'ecs:isolate-instance', params: { security_group: sg-0123456789abcdef0 } }",
    "{ action: 'kubernetes:networkpolicy', params: { allow_cidr: [192.0.2.0/24], allow_namespaces: [shop] } }",
    "{ action: 'kubernetes:label', params: { level: node, labels: { team: red } } }",
    "calico:networkpolicy",
    "cilium:networkpolicy",
    "kubernetes:log",
    "kubernetes:quarantine",
    "kubernetes:cordon",
    "kubernetes:drain",
    "kubernetes:evict",
    "kubernetes:scale-to-zero",
    "kubernetes:suspend",
    "kubernetes:revoke-tokens",
    "kubernetes:delete",
    "{ action: 'aws:invoke-lambda', params: { function: 'arn:aws:lambda:eu-central-1:111122223333:function:mine' } }",
  ])("%s compiles: nothing but a wrong parameter is objected to before there is a target", (action) => {
    expect(policyOf(change(POLICY, "ecs:stop-task", action)).rules[0]?.actions).toHaveLength(1);
  });

  test("an action that no registered cluster can take is an error; beside one that fits it is not", () => {
    const onlyEcs = CONFIG.slice(0, CONFIG.indexOf("  - name: pay")) + CONFIG.slice(CONFIG.indexOf("notifications:"));
    expect(load(onlyEcs, POLICY).ok).toBe(true);
    expect(load(onlyEcs, change(POLICY, "[ecs:stop-task]", "[ecs:stop-task, kubernetes:terminate]")).ok).toBe(true);
    expect(told(load(onlyEcs, change(POLICY, "[ecs:stop-task]", "[kubernetes:terminate]")))).toEqual([
      "policy.yml:13:14 rules[0].actions: kubernetes:terminate works with none of the registered clusters; register one, or remove the action",
    ]);
  });
});

describe("names of Falco's rules", () => {
  const misspelt = change(POLICY, "Terminal shell in container", "Terminal shel in container");

  test("one that nobody knows is a warning with the nearest", () => {
    const loaded = load(CONFIG, misspelt);
    expect(loaded.ok).toBe(true);
    expect(told(loaded)).toEqual([
      'policy.yml:6:13 rules[0].match.rule: warning: neither Falco\'s published rules nor yours have a rule "Terminal shel in container"; did you mean "Terminal shell in container"?',
    ]);
  });

  test("thousands of them are not told one by one", () => {
    const names = Array.from({ length: 500 }, (_, n) => `"nobody's rule ${n}"`).join(", ");
    const lines = told(load(CONFIG, change(POLICY, "Terminal shell in container", `[${names}]`)));
    expect(lines.length).toBe(21);
    expect(lines.at(-1)).toContain("480 more names");
  });

  test("one that looks like a pattern is taken as it stands, with a warning", () => {
    expect(told(load(CONFIG, change(POLICY, "Terminal shell in container", '"Terminal *"')))[0]).toContain('write "glob:Terminal *"');
  });

  test("the user's own rules files are read", () => {
    const rules = "- list: l\n  items: [a]\n- rule: Terminal shel in container\n  desc: ours\n- macro: m\n  condition: x\n";
    expect(told(load(`${CONFIG}falcoRules: [own.yaml]\n`, misspelt, { "own.yaml": rules }))).toEqual([]);
  });
});

describe("approval and recurrence", () => {
  const rule = (action: string, more = "") =>
    `version: 1\nmode: enforce\n${more}rules:\n  - name: r\n    match: { rule: Terminal shell in container }\n    actions: [${action}]\n`;
  const modeOf = (action: string) => policyOf(rule(action)).rules[0]?.actions[0]?.mode;

  test("what hits more than the offender asks a person unless that is waived; what does not, acts unless it is asked for", () => {
    expect(modeOf("ecs:scale-service-to-zero")).toBe("approve");
    expect(modeOf('{ action: "ecs:scale-service-to-zero", approval: waived }')).toBe("enforce");
    expect(modeOf("ecs:stop-task")).toBe("enforce");
    expect(modeOf('{ action: "ecs:stop-task", approval: required }')).toBe("approve");
    expect(modeOf('{ action: "ecs:stop-task", approval: required, mode: observe }')).toBe("observe");
  });

  test("what deletes an object of a cluster asks a person always: waiving it is an error", () => {
    expect(modeOf("kubernetes:delete")).toBe("approve");
    expect(told(load(CONFIG, rule('{ action: "kubernetes:delete", approval: waived }'))).join("\n")).toContain(
      "never done without a person's yes",
    );
    expect(modeOf('{ action: "kubernetes:drain", approval: waived }')).toBe("enforce");
  });

  test("the remote address comes from the alert: a policy that names one is an error", () => {
    const named = '{ action: "cilium:networkpolicy", params: { remote: 192.0.2.7 } }';
    expect(told(load(CONFIG, rule(named))).join("\n")).toContain("remote comes from the alert");
    expect(modeOf("cilium:networkpolicy")).toBe("enforce");
  });

  test("a recurrence of the policy counts for its rules, one of a rule for that rule", () => {
    const whole = policyOf(rule("ecs:stop-task", "recurrence: { times: 1, window: 10m, then: [tell] }\napprovals: { expire: 1h }\n"));
    expect(whole).toMatchObject({ recurrence: { times: 1, windowSeconds: 600, ladder: [null] }, approvalSeconds: 3_600 });
    expect(whole.rules[0]).not.toHaveProperty("recurrence");
    const own = policyOf(`${rule("ecs:stop-task")}    recurrence: { times: 5, window: 2h }\n`);
    expect(own.rules[0]?.recurrence).toMatchObject({ times: 5, windowSeconds: 7_200 });
    expect(own.recurrence.times).toBe(3);
  });

  test.each([
    ["recurrence: { times: 0, window: 10m }\n", "recurrence.times"],
    ["recurrence: { times: 1, window: 10m, then: [ecs:stop-tusk] }\n", 'did you mean "ecs:stop-task"?'],
    ["recurrence: { times: 1, window: 10m, then: [{ action: ecs:isolate-instance }] }\n", "security_group"],
    ["approvals: { expires: 1h }\n", 'did you mean "expire"?'],
  ])("%j is an error with its place", (more, says) => {
    const loaded = load(CONFIG, rule("ecs:stop-task", more));
    expect(loaded.ok).toBe(false);
    expect(told(loaded).join("\n")).toContain(says);
  });
});
