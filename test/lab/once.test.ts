import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { once } from "../../lab/once.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "falco-responder-once-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const maker = () => {
  const calls: string[] = [];
  const make = async (into: string): Promise<void> => {
    calls.push(into);
    await new Promise((resolve) => setImmediate(resolve));
    writeFileSync(join(into, "file"), "whole");
  };
  return { calls, make };
};

test("what is there is not made again", async () => {
  const path = join(folder, "thing");
  const { calls, make } = maker();
  await once(path, make);
  await once(path, make);
  expect(calls).toHaveLength(1);
  expect(readFileSync(join(path, "file"), "utf8")).toBe("whole");
});

test("of many at the same time one makes it, and all find it whole", async () => {
  const path = join(folder, "thing");
  const { calls, make } = maker();
  await Promise.all(Array.from({ length: 8 }, () => once(path, make)));
  expect(calls).toHaveLength(1);
  expect(readdirSync(folder)).toEqual(["thing"]);
});

test("a failed build leaves nothing that looks finished, and the next one succeeds", async () => {
  const path = join(folder, "thing");
  await expect(once(path, () => Promise.reject(new Error("no compiler")))).rejects.toThrow("no compiler");
  expect(readdirSync(folder)).toEqual([]);
  await once(path, maker().make);
  expect(existsSync(path)).toBe(true);
});

test("the lock of a builder that is gone is taken over, and what it had begun is removed", async () => {
  const path = join(folder, "thing");
  mkdirSync(`${path}.lock`);
  // A pid that cannot be: the kernel's largest is 2^22.
  writeFileSync(join(`${path}.lock`, "pid"), "99999999");
  mkdirSync(`${path}.99999999`);
  await once(path, maker().make);
  expect(readdirSync(folder)).toEqual(["thing"]);
});

test("a lock whose owner died before it wrote its pid is taken over when it is old", async () => {
  const path = join(folder, "thing");
  mkdirSync(`${path}.lock`);
  utimesSync(`${path}.lock`, new Date(0), new Date(0));
  await once(path, maker().make);
  expect(readdirSync(folder)).toEqual(["thing"]);
});
