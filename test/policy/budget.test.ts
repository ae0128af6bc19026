import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PRIORITIES, rank } from "#shared/domain/priority.ts";
import { admit, type BudgetEntry, type BudgetLimit } from "#shared/policy/budget.ts";
import { NOW } from "./samples.ts";

const limit = (scope: BudgetLimit["scope"], most: number): BudgetLimit => ({ scope, limit: most, windowSeconds: 600 });
const spent = (count: number, over: Partial<BudgetEntry> = {}): BudgetEntry[] =>
  Array.from({ length: count }, (_, n) => ({ atMs: NOW - 1_000, owner: `Service/${n}`, priority: "Warning", ...over }));
const warning = { owner: "Service/web", priority: "Warning" } as const;
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
    ["forgets what is older than its window", spent(10, { atMs: NOW - 600_000 }), warning, limit("cluster", 10), null],
    ["counts what is in the future", spent(10, { atMs: NOW + 3_600_000 }), critical, limit("cluster", 10), "is spent"],
  ])("%s", (_title, recent, request, most, because) => {
    const admission = admit(recent, request, most, NOW);
    if (because === null) {
      expect(admission).toMatchObject({ ok: true });
      if (admission.ok) expect(admission.recent).toContainEqual({ atMs: NOW, ...request });
    } else expect(admission).toEqual({ ok: false, because: expect.stringContaining(because) });
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
          if (rank(priority) < rank("Critical")) expect(before).toBeLessThan(most - Math.floor(most / 5));
        }
      }),
    );
  });
});
