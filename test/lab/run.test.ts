import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const RUN = join(import.meta.dirname, "../../scripts/run.mjs");
let bin = "";
beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), "falco-responder-run-"));
});
afterEach(() => rmSync(bin, { recursive: true, force: true }));

/** A program on the PATH that prints this and ends well. */
const tool = (name: string, prints: string): void => {
  writeFileSync(join(bin, name), `#!/bin/sh\necho '${prints}'\n`);
  chmodSync(join(bin, name), 0o755);
};
const run = (entry: string, env: Readonly<Record<string, string>> = {}) =>
  spawnSync(process.execPath, [RUN, entry], { encoding: "utf8", env: { PATH: `${bin}:/nowhere`, ...env } });

test.each([
  ["no Python", () => {}, "Python >= 3.10 is needed to run the local AWS (ministack); none was found."],
  ["an old Python", () => tool("python3", "Python 3.9.1"), "Python >= 3.10 is needed to run the local AWS (ministack); found 3.9."],
  [
    "no Go",
    () => tool("python3", "Python 3.10.0"),
    "Go >= 1.25 is needed to build the local Kubernetes control plane (or set KUBEBUILDER_ASSETS, or FALCO_RESPONDER_KUBECONFIG); none was found.",
  ],
  [
    "an old Go",
    () => {
      tool("python3", "Python 3.12.1");
      tool("go", "go1.24.9");
    },
    "Go >= 1.25 is needed to build the local Kubernetes control plane (or set KUBEBUILDER_ASSETS, or FALCO_RESPONDER_KUBECONFIG); found 1.24.",
  ],
])("%s: one line names the tool, the version and what it is for", (_what, arrange, line) => {
  arrange();
  const { status, stderr, stdout } = run("start");
  expect({ status, stderr, stdout }).toEqual({ status: 1, stderr: `${line}\n`, stdout: "" });
});

test("an entry that does not exist is refused with the known ones", () => {
  const { status, stderr } = run("strat");
  expect([status, stderr]).toEqual([
    1,
    "no such entry: strat. Known: start, alert, test, check, adversarial, sim, bench, responder, member-template, rbac, deploy\n",
  ]);
});

test("packages are never installed through a link: what it leads to is somebody else's, and stays", () => {
  const checkout = join(bin, "checkout");
  mkdirSync(join(checkout, "scripts"), { recursive: true });
  copyFileSync(RUN, join(checkout, "scripts", "run.mjs"));
  writeFileSync(join(checkout, "package-lock.json"), "{}");
  mkdirSync(join(bin, "elsewhere"));
  writeFileSync(join(bin, "elsewhere", "kept"), "");
  symlinkSync(join(bin, "elsewhere"), join(checkout, "node_modules"));
  const { status, stderr } = spawnSync(process.execPath, [join(checkout, "scripts", "run.mjs"), "check"], { encoding: "utf8" });
  expect([status, stderr]).toEqual([1, expect.stringContaining("node_modules is a symbolic link")]);
  expect(existsSync(join(bin, "elsewhere", "kept"))).toBe(true);
});
