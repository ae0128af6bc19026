import { describe, expect, test } from "vitest";
import { renderEvents, renderNoticeEvent } from "#shared/notify/events.ts";
import type { IncidentView } from "#shared/notify/view.ts";
import { busRefuses } from "../fakes/channel-rules.ts";
import { published } from "./schemas.ts";
import { ALERT, decision, receipt, view } from "./views.ts";

const valid = published("event");
const NOW = 1_767_323_045_000;
const events = (one: IncidentView, told = false) =>
  renderEvents(one, NOW, () => told).map(({ detailType, detail, atMs }) => ({
    detailType,
    atMs,
    ...(JSON.parse(detail) as { id: string; kind: string }),
  }));
const kinds = (one: IncidentView) => events(one).map(({ detailType }) => detailType);

describe("events for the bus", () => {
  test("each decision, question, receipt and undo is one; an outcome's message repeats no decision", () => {
    const decided = view({ decisions: [decision("hold"), decision("await-approval", "ecs:scale-service-to-zero")], receipts: [] });
    expect(kinds(decided)).toEqual(["Decision", "Question"]);
    const receipts = [receipt("done"), { ...receipt("done", "ecs:tag-task"), undoing: true } as const];
    expect(kinds(view({ phase: "outcome", receipts }))).toEqual(["Receipt", "Undo"]);
    expect(kinds(view({ decisions: [], receipts: [] }))).toEqual(["Decision"]);
  });

  test("a receipt that was told before is no event again", () => {
    const one = view({ phase: "outcome", receipts: [receipt("done")] });
    expect(events(one, true)).toEqual([]);
    expect(events(one)).toHaveLength(1);
  });

  test("the id is the same for the same fact, and another for another one", () => {
    const ids = (one: IncidentView) => events(one).map(({ id }) => id);
    const one = view({ decisions: [decision("hold")], receipts: [receipt("done")] });
    expect(ids(one)).toEqual(ids({ ...one, count: 99 }));
    expect(new Set([...ids(one), ...ids({ ...one, incident: "other" }), ...ids({ ...one, decisions: [decision("act")] })]).size).toBe(5);
  });

  test("each is valid by the published schema, small enough, and without secrets", () => {
    const secret = "hunter2hunter2";
    const fields = { "proc.cmdline": `mysql -u root -p${secret}`, blob: "x".repeat(900_000) };
    const hostile = view({
      alert: { ...ALERT, output: `--password=${secret}`.repeat(2_000), fields },
      decisions: [decision("act"), decision("await-approval", "ecs:drain-instance")],
      receipts: [receipt("failed", "ecs:stop-task", `token=${secret}`)],
    });
    for (const one of [view({}), view({ receipts: [receipt("done")] }), view({ workload: null, alert: null, decisions: [] }), hostile])
      for (const { detail, detailType } of renderEvents(one, NOW, () => false)) {
        expect([valid(JSON.parse(detail)), valid.errors]).toEqual([true, null]);
        expect(
          busRefuses({
            kind: "bus",
            busArn: "arn:aws:events:eu-west-1:123456789012:event-bus/x",
            events: [{ detail, detailType, atMs: 0 }],
          }),
        ).toBeNull();
        expect(detail).not.toContain(secret);
      }
    expect(valid({ ...events(view({}))[0], surprise: 1 })).toBe(false);
  });

  test("a notice is an event, too", () => {
    const notice = { kind: "paused", subject: "fleet", severity: "critical", title: "Paused", lines: ["by ana"], remedy: null } as const;
    const { detail, detailType } = renderNoticeEvent({ notice, atMs: NOW, stage: "prod" }, "once");
    expect(detailType).toBe("Notice");
    expect([valid(JSON.parse(detail)), valid.errors]).toEqual([true, null]);
    expect(JSON.parse(detail)).toMatchObject({ kind: "Notice", notice: "paused", stage: "prod" });
  });
});
