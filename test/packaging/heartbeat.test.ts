import { describe, expect, test } from "vitest";
import { PRESET_HEARTBEAT } from "#shared/domain/sensor.ts";
import { CONFIG, load, POLICY, told } from "./workspace.ts";

const withHeartbeat = (text: string): string => CONFIG.replace("    kind: ecs\n", `    kind: ecs\n    heartbeat: ${text}\n`);
const heartbeatOf = (text: string) => {
  const loaded = load(withHeartbeat(text), POLICY);
  if (!loaded.ok) throw new Error(told(loaded).join("\n"));
  return loaded.compiled.registry.clusters[0]?.heartbeat;
};

describe("clusters[].heartbeat", () => {
  test("left out is Falco's metrics snapshot, once a minute, two missed", () => {
    const loaded = load(CONFIG, POLICY);
    expect(loaded.ok && loaded.compiled.registry.clusters.map(({ heartbeat }) => heartbeat)).toEqual([PRESET_HEARTBEAT, PRESET_HEARTBEAT]);
  });

  test.each(["off", '"off"', "false"])("%s: nobody watches its sensors", (text) => {
    expect(heartbeatOf(text)).toBeUndefined();
  });

  test("each part can be given", () => {
    expect(heartbeatOf("{ rule: Terminal shell in container 2, every: 30s, missed: 3, except: [control-*] }")).toEqual({
      rule: "Terminal shell in container 2",
      everySeconds: 30,
      missed: 3,
      except: ["control-*"],
    });
  });

  test.each([
    ["{ every: 5s }", "5s is no interval for heartbeats"],
    ["{ every: 2h }", "2h is no interval for heartbeats"],
    ["{ every: soon }", "a number of s, m or h"],
    ["{ missed: 0 }", "missed"],
    ["{ rules: x }", "rules"],
    ["{ except: ['*'] }", "not alone"],
    ["{ rule: Terminal shell in container }", "as a heartbeat it is never told"],
  ])("%s is refused", (text, problem) => {
    const loaded = load(withHeartbeat(text), POLICY);
    expect(loaded.ok).toBe(false);
    expect(told(loaded).join("\n")).toContain(problem);
  });

  test("a rule that nobody is known to have is a warning, and one of Falco's is none", () => {
    expect(told(load(withHeartbeat('{ rule: "Falco internal: metrics snapshots" }'), POLICY)).join()).toContain("metrics snapshots");
    expect(told(load(withHeartbeat('{ rule: "Falco internal: metrics snapshot" }'), POLICY))).toEqual([]);
  });
});

describe("escalation", () => {
  const withSteps = (steps: string): string => POLICY.replace("rules:\n", `escalation: ${steps}\nrules:\n`);

  test("of the policy and of a rule is compiled, and absent when it is not given", () => {
    const given = load(CONFIG, `${withSteps("[{ after: 10m, notify: [team] }, { after: 1h, notify: [team, chat] }]")}    escalation: []\n`);
    if (!given.ok) throw new Error(told(given).join("\n"));
    expect(given.compiled.policy.escalation).toEqual([
      { afterSeconds: 600, notify: ["team"] },
      { afterSeconds: 3_600, notify: ["team", "chat"] },
    ]);
    expect(given.compiled.policy.rules[0]?.escalation).toEqual([]);
    const bare = load(CONFIG, POLICY);
    expect(bare.ok && bare.compiled.policy.escalation).toBeUndefined();
  });

  test.each([
    ["[{ after: 10m, notify: [teem] }]", 'no channel is named "teem"'],
    ["[{ after: 10m, notify: [team] }, { after: 10m, notify: [chat] }]", "not later than the one before"],
    ["[{ after: 10m }]", "notify"],
    ["[{ after: soon, notify: [team] }]", "a number of s, m or h"],
  ])("%s is refused", (steps, problem) => {
    const loaded = load(CONFIG, withSteps(steps));
    expect(loaded.ok).toBe(false);
    expect(told(loaded).join("\n")).toContain(problem);
  });
});
