import { expect, test } from "vitest";
import { age, durationMs, instantMs, moment } from "../../cli/time.ts";

const NOW = Date.parse("2026-11-28T22:31:00Z");

test("durations", () => {
  expect(["90s", "30m", "4h", "2d", "1h30m"].map(durationMs)).toEqual([90_000, 1_800_000, 14_400_000, 172_800_000, 5_400_000]);
  expect(["", "4", "h", "4 h", "-4h", "4w", "1.5h"].map(durationMs)).toEqual(Array.from({ length: 7 }, () => null));
});

test("times: a duration to either side, or ISO 8601 with its zone; without a zone it would mean another moment to another reader", () => {
  expect(instantMs("2h", NOW, "before")).toBe(NOW - 7_200_000);
  expect(instantMs("2h", NOW, "after")).toBe(NOW + 7_200_000);
  expect(instantMs("2026-11-28T23:31+01:00", NOW, "before")).toBe(NOW);
  expect(instantMs("2026-11-28T23:31", NOW, "before")).toBeNull();
  expect(instantMs("2026-13-28", NOW, "before")).toBeNull();
});

test("ages", () => {
  const spans = [5_000, 180_000, 4 * 3_600_000, 47 * 3_600_000, 48 * 3_600_000];
  expect(spans.map((ms) => age(NOW - ms, NOW))).toEqual(["5 s ago", "3 min ago", "4 h ago", "47 h ago", "2 d ago"]);
  expect(age(NOW + 3_600_000, NOW)).toBe("in 1 h");
});

test("a moment has the reader's zone, and UTC beside it where that differs", () => {
  const before = process.env["TZ"];
  try {
    process.env["TZ"] = "Asia/Tokyo";
    expect(moment(NOW - 180_000, NOW)).toBe("2026-11-29 07:28 GMT+9 (2026-11-28 22:28 UTC, 3 min ago)");
    process.env["TZ"] = "UTC";
    expect(moment(NOW - 180_000, NOW)).toBe("2026-11-28 22:28 UTC (3 min ago)");
  } finally {
    if (before === undefined) delete process.env["TZ"];
    else process.env["TZ"] = before;
  }
});
