import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ACTIONS } from "#shared/domain/action.ts";
import { FACTS } from "#shared/policy/match-workload.ts";
import { load, told } from "./workspace.ts";

const text = readFileSync("docs/policy.md", "utf8");
const block = (name: string): string => {
  const found = new RegExp(`^\`\`\`yaml ${name}\\n([\\s\\S]*?)^\`\`\`$`, "m").exec(text)?.[1];
  if (found === undefined) throw new Error(`docs/policy.md has no block "${name}"`);
  return found;
};

describe("docs/policy.md", () => {
  test("its examples compile without a warning", () => {
    const loaded = load(block("config"), block("policy"));
    expect(loaded.ok).toBe(true);
    expect(told(loaded)).toEqual([]);
  });

  test("it names every action and every fact", () => {
    for (const name of [...ACTIONS, ...FACTS]) expect(text).toContain(`\`${name}\``);
  });
});
