import { describe, expect, test } from "vitest";
import { CONFIG, change, load, POLICY, told } from "./workspace.ts";

const THRESHOLD = "threshold: { count: 5, window: 5m, by: [container, fd.rip] }";
const withThreshold = (text = THRESHOLD): string => change(POLICY, "priority: ", `${text}\n      priority: `);
const compiled = (config: string, policy: string) => {
  const loaded = load(config, policy);
  expect(told(loaded)).toEqual([]);
  if (!loaded.ok) throw new Error("not loaded");
  return loaded.compiled;
};

describe("match.threshold", () => {
  test("is compiled; without by, alerts are told apart by container", () => {
    const of = (policy: string) => compiled(CONFIG, policy).policy.rules[0]?.match.threshold;
    expect(of(withThreshold())).toEqual({ count: 5, windowSeconds: 300, by: ["container", "fd.rip"] });
    expect(of(withThreshold("threshold: { count: 2, window: 24h }"))).toEqual({ count: 2, windowSeconds: 86_400, by: ["container"] });
    expect(of(withThreshold("threshold: { count: 2, window: 90s, by: owner }"))).toEqual({ count: 2, windowSeconds: 90, by: ["owner"] });
    expect(of(POLICY)).toBeUndefined();
    // Ingest looks there first: a policy that counts nothing costs nothing.
    expect([withThreshold(), POLICY].map((policy) => compiled(CONFIG, policy).policy.index.counting)).toEqual([[0], undefined]);
  });

  test("with matchAll counts every alert; alone it is refused", () => {
    const every = `version: 1\nrules:\n  - name: r\n    notify: [team]\n    match:\n      matchAll: true\n      ${THRESHOLD}\n`;
    expect(compiled(CONFIG, every).policy.rules[0]?.match).toEqual({ threshold: expect.objectContaining({ count: 5 }) });
    expect(told(load(CONFIG, change(every, "      matchAll: true\n", "")))).toEqual([
      "policy.yml:6:18 rules[0].match.threshold: a threshold alone would count every alert; name other clauses, or write matchAll: true",
    ]);
  });

  test.each<[string, string, string]>([
    ["one alert is no threshold", "threshold: { count: 1, window: 5m }", "rules[0].match.threshold.count: must be >= 2"],
    ["more than are counted", "threshold: { count: 101, window: 5m }", "rules[0].match.threshold.count: must be <= 100"],
    ["no window", "threshold: { count: 3 }", 'rules[0].match.threshold: "window" is missing'],
    ["a window of the wrong form", "threshold: { count: 3, window: 300 }", "rules[0].match.threshold.window: 300 is not string"],
    ["a window that is too long", "threshold: { count: 3, window: 25h }", "a window of a threshold is at most 24h"],
    ["a misspelt key", "threshold: { count: 3, windw: 5m }", 'did you mean "window"?'],
    ["a misspelt value", "threshold: { count: 3, window: 5m, by: [contaner] }", 'did you mean "container"?'],
    ["no output field", "threshold: { count: 3, window: 5m, by: [rip] }", "or the name of an output field such as fd.rip"],
    ["a value twice", "threshold: { count: 3, window: 5m, by: [owner, owner] }", '"owner" stands here twice'],
    ["an empty list", "threshold: { count: 3, window: 5m, by: [] }", "this is empty"],
  ])("%s is an error with its place", (_title, text, message) => {
    const problems = told(load(CONFIG, withThreshold(text)));
    expect(problems.join("\n")).toContain(message);
    expect(problems[0]).toMatch(/^policy\.yml:7:\d+ rules\[0\]\.match\.threshold/);
  });
});

describe("budgets.replicas", () => {
  const withReplicas = (text: string) => `${POLICY}budgets: { replicas: ${text} }\n`;

  test("is compiled as a percentage; absent it is not asked", () => {
    expect(compiled(CONFIG, withReplicas("50%")).policy.budgets).toMatchObject({ replicasPercent: 50, owner: 3 });
    expect(compiled(CONFIG, withReplicas('"100%"')).policy.budgets).toMatchObject({ replicasPercent: 100 });
    expect(compiled(CONFIG, POLICY).policy.budgets).not.toHaveProperty("replicasPercent");
  });

  test.each(["0%", "101%", "50", "0.5", "50 %"])("%s is an error that says how to write it", (text) => {
    expect(told(load(CONFIG, withReplicas(text))).join("\n")).toMatch(/policy\.yml:15:22 budgets\.replicas: .+/);
  });
});

describe("clusters[].mode and deploy.switchParameter", () => {
  const withMode = (mode: string) => change(CONFIG, "    kind: ecs\n", `    kind: ecs\n    mode: ${mode}\n`);

  test("a mode narrows one cluster; the other has none", () => {
    expect(compiled(withMode("observe"), POLICY).registry.clusters.map(({ mode }) => mode)).toEqual(["observe", undefined]);
    expect(told(load(withMode("observ"), POLICY))[0]).toContain('did you mean "observe"?');
  });

  test("the switch's parameter has the stage in its name, unless the file names it", () => {
    const named = (deploy: string) => `${CONFIG}deploy: { switchParameter: ${deploy} }\n`;
    expect(compiled(CONFIG, POLICY).registry.switchParameter).toBe("/falco-responder/test/switch");
    expect(compiled(named("/ops/falco/switch"), POLICY).registry.switchParameter).toBe("/ops/falco/switch");
    for (const wrong of ["switch", "/aws/switch", "/ops//switch", "/ops/*"])
      expect(told(load(named(`"${wrong}"`), POLICY)).join("\n"), wrong).toContain("write the name of an SSM parameter");
  });
});
