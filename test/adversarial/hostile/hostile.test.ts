import { expect, test } from "vitest";
import { type HostileCase, hostileCases, isWrong, unseenKinds } from "./suite.ts";

test("whatever is written, nothing of it has an effect outside its own text", async () => {
  const all: HostileCase[] = [];
  for await (const one of hostileCases(false)) all.push(one);
  expect(all.filter(isWrong)).toEqual([]);
  expect(unseenKinds(all)).toBeNull();
  expect(all.length).toBeGreaterThanOrEqual(1_000);
}, 180_000);
