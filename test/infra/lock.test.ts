import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

const module = createRequire(import.meta.url).resolve("../../infra/lock.cjs");
const holding = (folder: string, then: string) =>
  `require(${JSON.stringify(module)}).lock(${JSON.stringify(folder)}, 60_000).then(() => { ${then} });`;

test("two packagings of one checkout never overlap", async () => {
  const folder = mkdtempSync(join(tmpdir(), "falco-responder-lock-"));
  const log = join(folder, "log");
  writeFileSync(log, "");
  // Synchronous work between the two writes, as bundling is: an overlap would interleave them.
  const work = `
    const fs = require("node:fs");
    fs.appendFileSync(${JSON.stringify(log)}, "in ");
    setTimeout(() => { fs.appendFileSync(${JSON.stringify(log)}, "out "); process.exit(0); }, 50);`;
  const codes = await Promise.all(
    Array.from({ length: 4 }, () => {
      const child = spawn(process.execPath, ["-e", holding(folder, work)], { stdio: "inherit" });
      return new Promise((resolve) => child.once("exit", resolve));
    }),
  );
  expect(codes).toEqual([0, 0, 0, 0]);
  expect(readFileSync(log, "utf8")).toBe("in out ".repeat(4));
  expect(existsSync(join(folder, "packaging.lock"))).toBe(false);
});

test("the lock of a process that is gone is taken over", () => {
  const folder = mkdtempSync(join(tmpdir(), "falco-responder-lock-"));
  const gone = spawnSync(process.execPath, ["-e", ""]).pid;
  writeFileSync(join(folder, "packaging.lock"), String(gone));
  const { status } = spawnSync(process.execPath, ["-e", holding(folder, "process.exit(0)")], { timeout: 30_000 });
  expect(status).toBe(0);
});

test("the lock of a living process is waited for", () => {
  const folder = mkdtempSync(join(tmpdir(), "falco-responder-lock-"));
  writeFileSync(join(folder, "packaging.lock"), String(process.pid));
  const impatient = holding(folder, "process.exit(0)").replace("60_000", "1");
  const { status, stderr } = spawnSync(process.execPath, ["-e", impatient], { encoding: "utf8" });
  expect(status).not.toBe(0);
  expect(stderr).toContain(`another packaging (process ${process.pid})`);
});
