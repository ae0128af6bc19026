import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const run = promisify(execFile);
const root = join(import.meta.dirname, "..", "..");
/** In a process of its own: it patches time and chance. What it prints, also when it fails. */
const sim = async (...args: readonly string[]): Promise<{ readonly code: number; readonly out: string }> => {
  try {
    const { stdout } = await run(process.execPath, ["test/sim/main.ts", ...args], { cwd: root, maxBuffer: 64 * 1024 * 1024 });
    return { code: 0, out: stdout };
  } catch (thrown) {
    const { code, stdout, stderr } = thrown as { code: number; stdout: string; stderr: string };
    return { code, out: `${stdout}${stderr}` };
  }
};

test("500 seeds show no violation, and every known fault and transition", { timeout: 900_000 }, async () => {
  const { code, out } = await sim("--seeds", "500");
  expect(out.split("\n").slice(-12).join("\n")).toMatch(/\n500 seeds, 0 violations\n$/);
  expect(out).toMatch(/each at least (2\d|3\d) alerts, ([3-9]|\d\d) workloads, ([3-9]|\d\d) kinds of fault/);
  expect(out).not.toContain("never occurred");
  expect(code).toBe(0);
});

test("the same seed gives the same trace, another seed another one", { timeout: 300_000 }, async () => {
  const digest = async (seed: string) => / trace ([0-9a-f]{64})\n/.exec((await sim("--trace", seed)).out)?.[1];
  const [first, again, other] = await Promise.all([digest("7"), digest("7"), digest("8")]);
  expect(first).toMatch(/^[0-9a-f]{64}$/);
  expect(again).toBe(first);
  expect(other).not.toBe(first);
});

test("a planted bug is caught, shrunk to what it needs, and told by whoever did what when", { timeout: 300_000 }, async () => {
  const { code, out } = await sim("--planted", "--only", "switch not checked");
  expect(out).toMatch(/switch not checked +caught by seed \d+: nothing is claimed under the switch/);
  expect(out).toMatch(/\n1 planted, 1 caught\n$/);
  expect(code).toBe(0);
});
