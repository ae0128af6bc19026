import fc from "fast-check";
import { expect, test } from "vitest";
import type { Outcome } from "#shared/domain/receipt.ts";
import {
  type ClaimBody,
  ESCALATE_MS,
  isFinalClaim,
  LEASE_MS,
  lookDueMs,
  released,
  settled,
  standing,
  takenOver,
} from "#shared/ledger/claim.ts";
import { closeDueMs, grown, opened } from "#shared/ledger/incident.ts";
import { pack, unpack } from "#shared/ledger/items.ts";
import { hashOf, incidentId, subjectOf, topicOf } from "#shared/ledger/keys.ts";
import { moveNote, newNote, readNote } from "#shared/ledger/notes.ts";

const claim = (more: Partial<ClaimBody<null>> = {}): ClaimBody<null> => ({
  state: "executing",
  incident: "i",
  generation: 1,
  target: "t",
  action: "ecs:stop-task",
  alert: "a",
  alertAtMs: 0,
  cluster: "c",
  channels: [],
  plan: null,
  evidence: { kind: "none" },
  owner: "o",
  fence: 1,
  leaseUntilMs: LEASE_MS,
  claimedAtMs: 0,
  requestedAtMs: null,
  looks: 0,
  escalated: false,
  ...more,
});

const OUTCOMES: readonly Outcome[] = ["done", "requested", "skipped", "refused", "failed", "unknown"];

test("a lease is live to its last millisecond, and released at once when given back", () => {
  expect(standing(claim(), LEASE_MS - 1)).toBe("leased");
  expect(standing(claim(), LEASE_MS)).toBe("expired");
  expect(standing(released(claim(), 5), 5)).toBe("expired");
});

test("whoever takes over has a higher fence and a lease of its own", () => {
  const taken = takenOver(claim(), "next", 100_000);
  expect(taken).toMatchObject({ fence: 2, owner: "next", state: "executing", leaseUntilMs: 100_000 + LEASE_MS });
});

test("only what is certain is final; requested and unknown stay in sweep's index until they are", () => {
  for (const outcome of OUTCOMES) {
    const next = settled(claim(), outcome, 7);
    const open = outcome === "requested" || outcome === "unknown";
    expect(isFinalClaim(next.state)).toBe(!open);
    expect(lookDueMs(next, 1_000) === null).toBe(!open);
    expect(next.requestedAtMs).toBe(7);
  }
});

test("after a week, or when the world can never tell, nobody looks any more; until then somebody does", () => {
  const week = 7 * 86_400_000;
  expect(lookDueMs(claim({ state: "requested" }), week)).toBe(week + 15_000);
  expect(lookDueMs(claim({ state: "requested" }), week + 1)).toBeNull();
  expect(lookDueMs(claim({ state: "requested", over: true }), 0)).toBeNull();
  expect(standing(claim({ state: "requested", over: true }), 0)).toBe("final");
  expect(standing(claim({ state: "requested" }), 0)).toBe("requested");
});

test("late looks come ever more rarely, never in the past and never later than an hour", () => {
  fc.assert(
    fc.property(fc.nat(1_000), fc.nat(7 * 86_400_000), (looks, nowMs) => {
      const due = lookDueMs(claim({ state: "requested", looks }), nowMs) ?? 0;
      expect(due).toBeGreaterThan(nowMs);
      expect(due - nowMs).toBeLessThanOrEqual(3_600_000);
    }),
  );
  expect(ESCALATE_MS).toBe(900_000);
});

test("keys keep their parts apart: no text can be shifted from one into the next", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), (a, b, c) => {
      fc.pre(a + b !== a || b !== c);
      if (b !== "") expect(hashOf(a + b, c)).not.toBe(hashOf(a, b + c));
    }),
  );
  expect(hashOf("a", null)).not.toBe(hashOf("a", "null"));
  expect(subjectOf(null, "w", null)).not.toBe(subjectOf("", "w", null));
  expect(incidentId("s", 1)).not.toBe(incidentId("s", 2));
  expect(incidentId("s", 1)).toMatch(/^[0-9a-f]{16}$/);
  expect(topicOf(null, "act")).not.toBe(topicOf("t", "act"));
});

test("a body comes back as it went, numbers exact as their text, and another type or schema is refused", () => {
  const body = { time: "1795460400000000001", n: 0.1, deep: [{ a: null }] };
  const item = pack({ pk: "p", sk: "s" }, "alert", 1, 0, body, { due: undefined, expires: 5 });
  expect(item).toMatchObject({ at: "1970-01-01T00:00:00.000Z", expires: 5 });
  expect("due" in item).toBe(false);
  expect(unpack(item, "alert")).toEqual(body);
  expect(() => unpack(item, "claim")).toThrow(/no claim/);
  expect(() => unpack({ ...item, schema: "falco-responder/alert/9" }, "alert")).toThrow(/no alert/);
});

test("a note goes from pending to sent and leaves sweep's index", () => {
  const note = newNote({ incident: "i", channel: "c", phase: "decision", topic: "t", alert: "a", target: null }, 0);
  expect(readNote(note)).toEqual(note);
  const sent = moveNote(note, { state: "sent", attempts: 1, because: null, dueMs: null }, 1);
  expect(sent).toMatchObject({ state: "sent", version: 2, attempts: 1 });
  expect("due" in sent).toBe(false);
  expect(readNote({ ...note, state: "lost" })).toBeNull();
  expect(readNote({ ...note, type: "claim" })).toBeNull();
});

test("an incident counts what every alert stands for, knows each partition of counts once, and stays open after its last alert", () => {
  const about = { incident: "i", subject: "s", generation: 1, cluster: "c", who: "w", rule: "r" };
  const first = opened(about, 3, "x", 1_000);
  const second = grown(grown(first, 2, "x", 5_000), 1, "y", 4_000);
  expect(second).toMatchObject({ count: 6, similars: ["x", "y"], firstAlertAtMs: 1_000, lastAlertAtMs: 5_000 });
  expect(closeDueMs(second)).toBe(5_000 + 1_800_000);
});
