import { expect, test } from "vitest";
import { samples, written } from "./samples.ts";

test("docs/notifications.md shows the messages as they are (node test/notify/samples.ts writes them anew)", () => {
  expect(written()).toBe(samples());
});

test("what wakes a person says what happened, whether it still runs, and what to do, in its first lines", () => {
  const said = samples();
  for (const subject of said.matchAll(/^Subject: (.*)$/gm)) expect(subject[1]).toMatch(/^Falco Critical: .{1,80} \[payments\]$/);
  expect(said).toContain("To approve: ");
  expect(said).toContain("WHAT TO DO NEXT");
});
