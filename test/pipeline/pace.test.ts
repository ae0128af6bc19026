import fc from "fast-check";
import { expect, test } from "vitest";
import type { ChannelConfig } from "#shared/domain/registry.ts";
import { held, type PaceBody, turn } from "#shared/ledger/pace.ts";
import { takePlace } from "#shared/pipeline/notify/pace.ts";
import { NotifyWorld } from "./notify-world.ts";

const signal = new AbortController().signal;
const LIMITS = { gapMs: 1_200, most: 20 };
const one = { calls: 1, isBound: true, patienceMs: 10_000 };

test("places are never closer than the gap, no more than `most` a minute are given to what may wait, and nobody waits too long", () => {
  const steps = fc.array(fc.record({ afterMs: fc.nat(4_000), calls: fc.constantFrom(1, 2), isBound: fc.boolean() }), { maxLength: 200 });
  fc.assert(
    fc.property(steps, (all) => {
      let pace: PaceBody | null = null;
      let nowMs = 1_767_323_045_000;
      let freeAtMs = 0;
      const bound = new Map<number, number>();
      for (const { afterMs, calls, isBound } of all) {
        nowMs += afterMs;
        const place = turn(pace, LIMITS, { calls, isBound, patienceMs: 10_000 }, nowMs);
        if (place.kind === "wait") {
          expect(place.untilMs).toBeGreaterThan(nowMs);
          continue;
        }
        expect(place.atMs).toBeGreaterThanOrEqual(Math.max(nowMs, freeAtMs));
        expect(place.atMs - nowMs).toBeLessThanOrEqual(10_000);
        freeAtMs = place.atMs + calls * LIMITS.gapMs;
        const minute = Math.floor(nowMs / 60_000);
        if (isBound) bound.set(minute, (bound.get(minute) ?? 0) + 1);
        pace = place.next;
      }
      for (const count of bound.values()) expect(count).toBeLessThanOrEqual(LIMITS.most);
    }),
  );
});

test("what needs a person is let through when the minute is full, what does not is told to wait in a crowd", () => {
  const full = { nextAtMs: 0, minuteMs: 0, told: 20 };
  expect(turn(full, LIMITS, one, 30_000)).toEqual({ kind: "wait", untilMs: 60_000, isCrowded: true });
  expect(turn(full, LIMITS, { ...one, isBound: false }, 30_000)).toMatchObject({ kind: "go", atMs: 30_000 });
  expect(turn(full, LIMITS, one, 60_000)).toMatchObject({ kind: "go" });
});

test("a receiver that asks for patience is left alone by all, and never less than before", () => {
  const until = held({ nextAtMs: 5_000, minuteMs: 0, told: 3 }, 90_000, 1_000);
  expect(turn(until, LIMITS, one, 1_000)).toEqual({ kind: "wait", untilMs: 90_000, isCrowded: true });
  expect(held(until, 2_000, 1_000).nextAtMs).toBe(90_000);
});

test("many that ask at once get places of their own, one gap apart", async () => {
  const world = new NotifyWorld();
  const slept: number[] = [];
  const clock = { now: () => 1_767_323_045_000, sleep: (ms: number) => Promise.resolve(void slept.push(ms)) };
  const chat = world.ports.registry.notifications.channels.find(({ name }) => name === "chat") as ChannelConfig;
  const places = await Promise.all(
    Array.from({ length: 8 }, () => takePlace(chat, { calls: 1, isBound: true }, { ...world.ports, clock }, signal)),
  );
  expect(places.every(({ kind }) => kind === "go")).toBe(true);
  expect(slept.filter((ms) => ms >= 1_200 && ms % 1_200 === 0).sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7].map((n) => n * 1_200));
});
