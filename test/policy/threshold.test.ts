import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Counted, countUp, type ThresholdState } from "#shared/policy/threshold.ts";

const NONE: ThresholdState = { counted: [] };
const S = 1_000;

function countAll(
  batches: readonly Counted[],
  count: number,
  windowMs: number,
): { readonly counts: readonly number[]; readonly state: ThresholdState } {
  let state = NONE;
  const counts = batches.map((batch) => {
    const reached = countUp(state, batch, count, windowMs);
    state = reached.next ?? state;
    return reached.count;
  });
  return { counts, state };
}

const one = (key: string, ...times: number[]): Counted => ({ key, times });

describe("a threshold", () => {
  test.each<[string, readonly Counted[], readonly number[]]>([
    ["the third of three within the window is the third", [one("a", 0), one("b", S), one("c", 2 * S)], [1, 2, 3]],
    ["the third just outside is the second", [one("a", 0), one("b", S), one("c", 60 * S)], [1, 2, 2]],
    ["the third just inside is the third", [one("a", 0), one("b", S), one("c", 60 * S - 1)], [1, 2, 3]],
    ["a batch that comes again counts once", [one("a", 0), one("b", S), one("b", S), one("b", S)], [1, 2, 2, 2]],
    ["a coalesced batch counts with all its alerts", [one("a", 0, S, 2 * S)], [3]],
    ["alerts of one batch that are far apart do not make a window", [one("a", 0, 100 * S, 200 * S)], [1]],
    ["one that comes late finds those of its time", [one("a", 100 * S), one("b", 130 * S), one("c", 90 * S)], [1, 2, 3]],
    ["one that comes late and happened long before does not", [one("a", 100 * S), one("b", 130 * S), one("c", 10 * S)], [1, 2, 1]],
    ["more than is wanted stays at what is wanted", [one("a", 0, 1, 2, 3, 4)], [3]],
  ])("%s", (_title, batches, counts) => {
    expect(countAll(batches, 3, 60 * S).counts).toEqual(counts);
  });

  test("whatever the order of arrival, and however often each comes, the last of n to arrive finds n (property)", () => {
    const times = fc.uniqueArray(fc.integer({ min: 0, max: 59_999 }), { minLength: 3, maxLength: 12 });
    fc.assert(
      fc.property(times, fc.infiniteStream(fc.integer({ min: 0, max: 1_000 })), (all, draws) => {
        const batches = all.map((time, at) => one(`b${at}`, time));
        const shuffled = batches.map((batch) => ({ batch, at: draws.next().value ?? 0 })).sort((a, b) => a.at - b.at);
        const twice = shuffled.flatMap(({ batch, at }) => (at % 3 === 0 ? [batch, batch] : [batch]));
        const { counts } = countAll(twice, all.length, 60_000);
        expect(counts.at(-1)).toBe(all.length);
        expect(counts.filter((count) => count === all.length).length).toBeLessThanOrEqual(2);
      }),
    );
  });

  test("it never finds more than there are within a window, counted the slow way (property)", () => {
    const batch = fc.record({ key: fc.integer({ min: 0, max: 30 }), at: fc.integer({ min: 0, max: 400_000 }), more: fc.nat(3) });
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 40 }), fc.integer({ min: 2, max: 6 }), (given, count) => {
        // One batch is always the same, however often it comes.
        const known = new Map<number, Counted>();
        const batches = given.map(({ key, at, more }) => {
          const made = known.get(key) ?? one(String(key), ...Array.from({ length: more + 1 }, (_, n) => at + n * 500));
          known.set(key, made);
          return made;
        });
        const { counts } = countAll(batches, count, 60_000);
        counts.forEach((found, at) => {
          const before = [...new Set(batches.slice(0, at + 1))].flatMap(({ times }) => times);
          const mine = batches[at]?.times ?? [];
          const windows = before.filter((from) => mine.some((time) => time >= from && time < from + 60_000));
          const most = Math.max(...windows.map((from) => before.filter((time) => time >= from && time < from + 60_000).length));
          expect(found).toBe(Math.min(count, most));
        });
      }),
    );
  });

  test("what is stored stays small, whatever comes", () => {
    const flood = Array.from({ length: 2_000 }, (_, n) => one(`b${n}`, ...Array.from({ length: 100 }, (__, at) => n * 10 + at)));
    const { state, counts } = countAll(flood, 100, 3_600_000);
    expect(counts.at(-1)).toBe(100);
    expect(JSON.stringify(state).length).toBeLessThan(20_000);
    const thin = Array.from({ length: 2_000 }, (_, n) => one(`b${n}`, n));
    expect(countAll(thin, 100, 3_600_000).state.counted.length).toBeLessThanOrEqual(200);
  });
});
