import { spawnSync } from "node:child_process";
import { describe, expect, test, vi } from "vitest";
import type { Answer } from "#shared/pipeline/operate.ts";
import { printAnswer } from "../../cli/answer.ts";

describe("the command line", () => {
  test.each([
    ["a URL that is none", ["show", "1f0c2d3e4a5b6c7d", "--url", "nonsense"]],
    ["a URL that is not https", ["show", "1f0c2d3e4a5b6c7d", "--url", "ftp://example.test"]],
    ["an incident that is none", ["approve", "1f0c"]],
    ["a verb that is none", ["destroy", "1f0c2d3e4a5b6c7d"]],
  ])("%s is wrong usage (2), not a refusal (1), and nobody is asked", (_what, args) => {
    const { status, stderr } = spawnSync(process.execPath, ["cli/main.ts", ...args], { encoding: "utf8" });
    expect(stderr).toMatch(/^error: /);
    expect(status).toBe(2);
  });

  test("what would steer a terminal, or turn its text around, is shown as such", () => {
    const hostile = "web\u001b[2J\u009b31m\u202etxt.exe\u2066\u200b\u2028x";
    const action = {
      action: "ecs:stop-task",
      key: hostile,
      target: "t",
      who: hostile,
      state: hostile,
      because: hostile,
      undo: hostile,
      by: hostile,
    };
    const summary = {
      incident: "1f0c2d3e4a5b6c7d",
      cluster: hostile,
      who: hostile,
      rule: hostile,
      state: hostile,
      firstAlertAtMs: 1,
      lastAlertAtMs: 2,
      closedAtMs: null,
      count: 3,
      actions: [action],
    };
    const printed: string[] = [];
    const log = vi.spyOn(console, "log").mockImplementation((text: string) => void printed.push(text));
    try {
      printAnswer({ kind: "accepted", says: hostile, summary } as Answer);
    } finally {
      log.mockRestore();
    }
    expect(printed.join("\n")).toContain("txt.exe");
    // Ours are the line breaks and the colours.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the point is to find all others
    const theirs = printed.join("").replace(/\n|\u001b\[\d+m/g, "");
    expect(theirs).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u);
  });
});
