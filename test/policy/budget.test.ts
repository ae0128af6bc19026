import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PRIORITIES, rank } from "#shared/domain/priority.ts";
import { admit, type BudgetEntry, type BudgetLimit } from "#shared/policy/budget.ts";
import { NOW } from "./samples.ts";

const limit = (scope: BudgetLimit["scope"], most: number): BudgetLimit => ({ scope, limit: most, windowSeconds: 600 });
const spent = (count: number, over: Partial<BudgetEntry> = {}): BudgetEntry[] =>
  Array.from({ length: count }, (_, n) => ({ atMs: NOW - 1_000, owner: `Service/${n}`, priority: "Warning", ...over }));
const warning = { owner: "Service/web", priority: "Warning" } as const;
const on = (replica: string): BudgetEntry => ({ atMs: NOW - 1_000, owner: "Service/web", priority: "Critical", replica });
const critical = { owner: "Service/web", priority: "Critical" } as const;

describe("a budget", () => {
  test.each<[string, readonly BudgetEntry[], Omit<BudgetEntry, "atMs">, BudgetLimit, string | null]>([
    ["of an owner has room", spent(2, { owner: "Service/web" }), warning, limit("owner", 3), null],
    ["of an owner is spent", spent(3, { owner: "Service/web" }), warning, limit("owner", 3), "owner budget of 3"],
    ["of 0 admits nothing", [], critical, limit("fleet", 0), "is spent"],
    ["of a cluster has room", spent(7), warning, limit("cluster", 10), null],
    ["keeps its last fifth for Critical", spent(8), warning, limit("cluster", 10), "kept for Critical"],
    ["gives its last fifth to Critical", spent(8), critical, limit("cluster", 10), null],
    ["is spent for Critical too", spent(10), critical, limit("cluster", 10), "is spent"],
    ["gives an owner a quarter", spent(1, { owner: "Service/web" }), critical, limit("fleet", 8), null],
    ["gives an owner no more than a quarter", spent(2, { owner: "Service/web" }), critical, limit("fleet", 8), "its share, 2 of"],
    ["gives an owner one even when a quarter is less", [], warning, limit("cluster", 2), null],
    [
      "keeps at least a fifth where a fifth is no whole number",
      spent(9),
      warning,
      limit("cluster", 12),
      "what is left of the cluster budget, 3 of 12",
    ],
    ["gives all before that to anybody", spent(8), warning, limit("cluster", 12), null],
    ["of one action is for whoever comes first", [], warning, limit("cluster", 1), null],
    ["forgets what is older than its window", spent(10, { atMs: NOW - 600_000 }), warning, limit("cluster", 10), null],
    ["counts what is in the future", spent(10, { atMs: NOW + 3_600_000 }), critical, limit("cluster", 10), "is spent"],
  ])("%s", (_title, recent, request, most, because) => {
    const admission = admit(recent, request, most, NOW);
    if (because === null) {
      expect(admission).toMatchObject({ ok: true });
      if (admission.ok) expect(admission.recent).toContainEqual({ atMs: NOW, ...request });
    } else expect(admission).toEqual({ ok: false, because: expect.stringContaining(because) });
  });

  test.each<[string, BudgetEntry[], string, { running: number; desired: number | null; percent: number }, boolean]>([
    ["half of four, none yet", [], "r0", { percent: 50, running: 4, desired: 4 }, true],
    ["half of four, one gone and not replaced", [on("r1")], "r0", { percent: 50, running: 3, desired: 4 }, true],
    ["half of four, two gone", [on("r1"), on("r2")], "r0", { percent: 50, running: 2, desired: 4 }, false],
    ["half of four, two gone, once more on one of them", [on("r1"), on("r2")], "r2", { percent: 50, running: 2, desired: 4 }, true],
    ["half of four, one acted on twice", [on("r1"), on("r1")], "r0", { percent: 50, running: 3, desired: 4 }, true],
    ["half of what runs, when most are down already", [on("r1")], "r0", { percent: 50, running: 1, desired: 8 }, false],
    ["half of two, one replaced already", [on("r1")], "r0", { percent: 50, running: 2, desired: 2 }, false],
    ["one is always one", [], "r0", { percent: 1, running: 0, desired: 0 }, true],
    [
      "of an owner that does not say how many it wants, only what runs counts",
      [on("r1")],
      "r0",
      { percent: 50, running: 3, desired: null },
      false,
    ],
    ["half of three is one", [on("r1")], "r0", { percent: 50, running: 3, desired: 3 }, false],
    ["what is older than the window", [{ ...on("r1"), atMs: NOW - 600_000 }], "r0", { percent: 50, running: 2, desired: 2 }, true],
  ])("the share of replicas: %s", (_title, recent, replica, replicas, ok) => {
    const admission = admit(recent, { ...critical, replica }, { ...limit("owner", 100), replicas }, NOW);
    expect(admission.ok).toBe(ok);
    if (!admission.ok) expect(admission.because).toMatch(/of this owner's \d+ replicas were acted on/);
  });

  test("no sequence of requests takes more than its share of the replicas (property)", () => {
    const requests = fc.array(fc.record({ replica: fc.constantFrom(..."abcdefghij"), afterMs: fc.integer({ min: 0, max: 200_000 }) }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(requests, fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 10 }), (all, percent, desired) => {
        let recent: readonly BudgetEntry[] = [];
        let now = NOW;
        for (const { replica, afterMs } of all) {
          now += afterMs;
          const gone = new Set(recent.filter(({ atMs }) => atMs > now - 600_000).map((entry) => entry.replica));
          const replicas = { percent, running: Math.max(0, desired - gone.size), desired };
          const admission = admit(recent, { ...critical, replica }, { ...limit("owner", 100), replicas }, now);
          if (!admission.ok) continue;
          recent = admission.recent;
          const taken = new Set(recent.map((entry) => entry.replica)).size;
          expect(taken).toBeLessThanOrEqual(Math.max(1, Math.floor((desired * percent) / 100)));
        }
      }),
    );
  });

  test("no sequence of requests exceeds limit, share or reserve", () => {
    const requests = fc.array(
      fc.record({
        owner: fc.constantFrom("a", "b", "c", "d", "e", "f"),
        priority: fc.constantFrom(...PRIORITIES),
        afterMs: fc.integer({ min: 0, max: 400_000 }),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(requests, fc.integer({ min: 1, max: 20 }), (all, most) => {
        let recent: readonly BudgetEntry[] = [];
        let now = NOW;
        for (const { owner, priority, afterMs } of all) {
          now += afterMs;
          const before = recent.filter(({ atMs }) => atMs > now - 600_000).length;
          const admission = admit(recent, { owner, priority }, limit("cluster", most), now);
          if (!admission.ok) continue;
          recent = admission.recent;
          expect(recent.length).toBeLessThanOrEqual(most);
          expect(recent.filter((entry) => entry.owner === owner).length).toBeLessThanOrEqual(Math.max(1, Math.floor(most / 4)));
          if (rank(priority) < rank("Critical")) expect(before).toBeLessThan(most - (most < 2 ? 0 : Math.ceil(most / 5)));
        }
      }),
    );
  });
});
