import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Policy } from "#shared/domain/policy.ts";
import { loadPolicy } from "#shared/policy/load.ts";
import { matchAlert } from "#shared/policy/match.ts";
import { loadConfig } from "../../packaging/config.ts";
import { alertOf } from "../policy/samples.ts";
import { CONFIG, change, POLICY } from "./workspace.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "falco-responder-"));
  writeFileSync(join(folder, "falco-responder.yml"), CONFIG);
  writeFileSync(join(folder, "policy.yml"), POLICY);
});
afterEach(() => rmSync(folder, { recursive: true }));

const cli = (...args: string[]) => spawnSync(process.execPath, ["packaging/cli.ts", ...args], { encoding: "utf8" });

describe("the command", () => {
  test("writes both compiled files, the policy as the functions read it", () => {
    const out = join(folder, "compiled");
    const { status, stdout, stderr } = cli("--config", join(folder, "falco-responder.yml"), "--out", out);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("2 clusters, 2 channels, 1 rules");
    expect(loadPolicy(readFileSync(join(out, "policy.json"), "utf8")).rules.map(({ name }) => name)).toEqual(["first"]);
    expect(JSON.parse(readFileSync(join(out, "registry.json"), "utf8"))).toMatchObject({ schema: "falco-responder/registry/1" });
  });

  test("prints file, line, column, key and the nearest name, and exits 1 without writing", () => {
    writeFileSync(join(folder, "policy.yml"), change(POLICY, "rule: Terminal", "rulez: Terminal"));
    const out = join(folder, "compiled");
    const { status, stderr } = cli("--config", join(folder, "falco-responder.yml"), "--out", out);
    expect(status).toBe(1);
    expect(stderr).toBe(`${join(folder, "policy.yml")}:6:7 rules[0].match.rulez: this key is not known; did you mean "rule"?\n`);
    expect(existsSync(out)).toBe(false);
  });
});

test("the door of serverless.yml rejects with every problem", () => {
  writeFileSync(join(folder, "falco-responder.yml"), change(CONFIG, "kind: ecs", "kind: esc"));
  const script = `require(${JSON.stringify(resolve("packaging/serverless.cjs"))}).deployPlan({ stage: "test" })`;
  const env = { ...process.env, FALCO_RESPONDER_CONFIG: join(folder, "falco-responder.yml") };
  const { status, stderr } = spawnSync(process.execPath, ["-e", script], { encoding: "utf8", env });
  expect(status).not.toBe(0);
  expect(stderr).toContain('clusters[0].kind: "esc" is not one of ecs, eks, kubernetes; did you mean "ecs"?');
  expect(createRequire(import.meta.url)("../../packaging/serverless.cjs")).toHaveProperty("deployPlan");
});

describe("the files as shipped", () => {
  const shipped = (): Policy => {
    const loaded = loadConfig("falco-responder.yml", { stage: "dev", account: null });
    expect(loaded.problems).toEqual([]);
    if (!loaded.ok) throw new Error("not loaded");
    return loaded.compiled.policy;
  };
  const names = (policy: Policy, over: Parameters<typeof alertOf>[0]): (string | undefined)[] =>
    matchAlert(policy, alertOf(over)).map((position) => policy.rules[position]?.name);

  test("package without a warning, observe, and protect what must not be hurt", () => {
    const policy = shipped();
    expect(policy.mode).toBe("observe");
    expect(policy.protect.namespaces).toEqual(
      expect.arrayContaining(["kube-system", "kube-public", "kube-node-lease", "falco", "falco-responder"]),
    );
    expect(policy.protect.priorityClasses).toContain("system-*");
    expect(policy.protect.labels).toEqual({ "falco-responder/protected": "true", "falco-responder.io/protected": "true" });
  });

  test("tell severity by tiers", () => {
    const policy = shipped();
    expect(names(policy, { rule: "Drop and execute new binary in container", priority: "Critical" })).toEqual([
      "foreign code runs",
      "critical",
    ]);
    expect(names(policy, { rule: "Terminal shell in container" })).toEqual(["shell in a container"]);
    expect(names(policy, { rule: "Terminal shell in container", fields: { "container.id": "host" } })).toEqual([]);
    expect(names(policy, { rule: "Falco internal: syscall event drop", priority: "Critical", source: "internal" })).toEqual(["critical"]);
    expect(names(policy, { rule: "Launch Privileged Container", priority: "Informational" })).toEqual([]);
  });

  test("name every severe rule that Falco publishes for containers: each acts or tells", () => {
    const policy = shipped();
    for (const priority of ["Error", "Critical", "Alert", "Emergency"] as const) {
      expect(names(policy, { rule: "any other rule", priority }).length).toBeGreaterThan(0);
    }
  });
});
