import { describe, expect, test } from "vitest";
import type { Notice } from "#shared/domain/notice.ts";
import { iso } from "#shared/ledger/items.ts";
import { type SwitchScope, switchKey } from "#shared/ledger/switch.ts";
import { type Switched, setSwitch } from "#shared/pipeline/switch/set.ts";
import type { World } from "../fakes/world.ts";
import { ecsCluster } from "../playbooks/builders.ts";
import { of, receiptsOf, signal, stageOf } from "./stage.ts";

const HOUR = 3_600_000;
const stop = of("ecs:stop-task");

function stage(actions = [stop]) {
  const base = stageOf(actions);
  const { world } = base;
  const set = (paused: boolean, more: { readonly scope?: SwitchScope; readonly why?: string; readonly untilMs?: number } = {}) => {
    const { scope = "fleet", why = null, untilMs = null } = more;
    const { table, clock, registry, switchParameter } = world.respondPorts();
    return setSwitch({ scope, paused, who: "alice", why, untilMs }, { table, clock, registry, switchParameter }, signal);
  };
  /** As `aws dynamodb put-item` leaves it. */
  const byHand = (paused: unknown, more: object = {}, scope: SwitchScope = "fleet") =>
    world.table.seed({ ...switchKey(scope), type: "switch", ...more, paused } as never);
  const stops = () => [...world.ecs.stopped.values()].reduce((sum, count) => sum + count, 0);
  return { ...base, set, byHand, stops, notices: () => noticesOf(world) };
}

const noticesOf = (world: World): readonly (Notice & { readonly at: string })[] =>
  world.table
    .ofType("note")
    .filter(({ schema }) => schema === "falco-responder/notice/1")
    .map((item) => ({ ...(JSON.parse(String(item["body"])) as Notice), at: item.at }))
    .sort((a, b) => (a.at < b.at ? -1 : 1));

const titles = (world: World) => noticesOf(world).map(({ title }) => title);

describe("a pause stops new actions", () => {
  test.each<[string, (on: ReturnType<typeof stage>, paused: boolean) => unknown, RegExp]>([
    [
      "the parameter",
      ({ world }, paused) => Object.assign(world, paused ? { parameter: { says: "pause", because: "it says pause" } } : {}),
      /it says pause/,
    ],
    ["the fleet's item", ({ byHand }, paused) => byHand(paused, { who: "bob", why: "a storm" }), /paused by bob: a storm/],
    ["the item of the cluster", ({ byHand }, paused) => byHand(paused, {}, `cluster/${ecsCluster.name}`), /is on for cluster/],
    ["an item that says something else", ({ byHand }, paused) => byHand(paused ? "yes" : false), /cannot be read, which counts as paused/],
  ])("by %s; its twin that says run does not", async (_title, pause, because) => {
    for (const paused of [true, false]) {
      const on = stage();
      pause(on, paused);
      expect(await on.send()).toMatchObject({ acted: [paused ? "held" : "done"] });
      expect(on.stops()).toBe(paused ? 0 : 1);
      if (paused) expect(receiptsOf(on.world)[0]?.because).toMatch(/^the kill switch is on/);
      if (paused) expect(receiptsOf(on.world)[0]?.because).toMatch(because);
      // Evidence is kept all the same.
      expect(on.world.evidence.size).toBeGreaterThan(0);
    }
  });

  test("of another cluster alone it stops nothing here", async () => {
    const on = stage();
    on.byHand(true, {}, "cluster/another");
    expect(await on.send()).toMatchObject({ acted: ["done"] });
  });

  test("also when it is set between the first look and the claim: the items are conditions of the claim itself", async () => {
    for (const scope of ["fleet", null] as const) {
      const on = stage();
      on.world.table.meanwhile = (writes) => {
        if (writes.some(({ op }) => op === "check")) on.byHand(true, {}, scope ?? `cluster/${ecsCluster.name}`);
      };
      expect(await on.send()).toMatchObject({ acted: ["held"] });
      expect(on.stops()).toBe(0);
    }
  });

  test("that was claimed and prepared, and not begun: the twin that is not paused meanwhile goes on", async () => {
    for (const paused of [true, false]) {
      const on = stage([of("ecs:scale-service-to-zero")]);
      on.world.table.meanwhile = (writes) => {
        const isPrepared = writes.some(
          (write) => write.op === "put" && write.item.type === "claim" && String(write.item["body"]).includes('"kept":{'),
        );
        if (isPrepared && paused) on.byHand(true);
      };
      expect(await on.send()).toMatchObject({ acted: [paused ? "refused" : expect.stringMatching(/done|requested/)] });
      if (paused) expect(receiptsOf(on.world)[0]?.because).toMatch(/the kill switch is on.*; nothing was done$/);
      expect(on.world.table.ofType("held")).toHaveLength(paused ? 1 : 0);
    }
  });

  test("that a person approved; and the question is asked again by the next alert", async () => {
    const on = stage([of("ecs:scale-service-to-zero", { mode: "approve" })]);
    await on.send();
    await on.set(true);
    expect(await on.say("approve")).toMatchObject({ kind: "accepted" });
    await on.deliver();
    expect(receiptsOf(on.world)).toMatchObject([
      { outcome: "refused", because: expect.stringMatching(/^approved at .*, and not done: the kill switch is on/) },
    ]);
    await on.set(false);
    expect(await on.send()).toMatchObject({ decisions: ["await-approval"] });
    await on.say("approve");
    await on.deliver();
    expect(receiptsOf(on.world)[0]?.outcome).toMatch(/done|requested/);
  });
});

test("undo works while everything is paused", async () => {
  const on = stage([of("ecs:tag-task")]);
  expect(await on.send()).toMatchObject({ acted: ["done"] });
  await on.set(true);
  on.world.parameter = { says: "pause", because: "it says pause" };
  expect(await on.say("undo")).toMatchObject({ kind: "accepted" });
  await on.deliver();
  expect(receiptsOf(on.world).find(({ undoing }) => undoing === true)).toMatchObject({ outcome: "done" });
});

describe("people set it", () => {
  test("a pause is told at once, with who, why and how it ends; it is told once", async () => {
    const on = stage();
    expect(await on.set(true, { why: "a storm" })).toMatchObject({
      kind: "accepted",
      says: "everything is paused",
      pauses: [{ source: "fleet" }],
    });
    await on.swept();
    await on.set(true, { why: "still" });
    await on.swept();
    expect(on.notices()).toMatchObject([
      {
        kind: "paused",
        subject: "fleet",
        severity: "critical",
        title: "Paused: nothing is acted on everywhere",
        lines: [expect.stringMatching(/^The kill switch is on, paused since .* by alice: a storm\.$/), expect.any(String)],
        remedy: "npm run responder -- resume",
      },
    ]);
  });

  test("resuming tells what was held and ends the pause; an alert that comes again acts, one that is too old does not", async () => {
    const on = stage();
    await on.set(true);
    const held = on.alert();
    await on.send(held);
    on.world.later(60_000);
    expect(await on.set(false)).toMatchObject({ kind: "accepted", says: "everything is resumed", pauses: [] });
    expect(titles(on.world)).toEqual(["Paused: nothing is acted on everywhere", "Resumed: this pause is over everywhere"]);
    expect(on.notices()[1]?.lines).toEqual([
      "Resumed by alice. It was paused for 1 min.",
      `It held 1 action, in incidents ${on.incident()}.`,
      expect.stringContaining("not made up for"),
    ]);
    expect(on.stops()).toBe(0);
    expect(await on.send(held)).toMatchObject({ acted: ["done"] });

    const late = stage();
    await late.set(true);
    const old = late.alert();
    await late.send(old);
    late.world.later(HOUR);
    await late.set(false);
    expect(await late.send(old)).toMatchObject({ acted: ["held"] });
    expect(late.stops()).toBe(0);
  });

  test("a pause that was never told does not end unheard", async () => {
    const on = stage();
    on.byHand(true);
    await on.set(false);
    expect(titles(on.world)).toEqual(["Resumed: this pause is over everywhere"]);
    await stage().set(false);
    expect(titles(stage().world)).toEqual([]);
  });

  test("resuming one half says that the other still holds", async () => {
    const on = stage();
    on.world.parameter = { says: "pause", because: "it says pause" };
    await on.set(true);
    expect(await on.set(false)).toMatchObject({
      kind: "accepted",
      pauses: [{ source: "parameter", because: expect.stringContaining("it says pause") }],
    });
    expect(await on.send()).toMatchObject({ acted: ["held"] });
  });

  test("a cluster that is not registered is refused with those that are; its twin is paused alone", async () => {
    const on = stage();
    expect(await on.set(true, { scope: "cluster/nowhere" })).toMatchObject({
      kind: "refused",
      because: expect.stringContaining(ecsCluster.name),
    });
    expect(await on.set(true, { scope: `cluster/${ecsCluster.name}` })).toMatchObject({ kind: "accepted" });
    expect(on.notices()).toMatchObject([{ subject: `cluster/${ecsCluster.name}`, remedy: expect.stringContaining("--cluster") }]);
    expect(await on.send()).toMatchObject({ acted: ["held"] });
  });

  test("two who pause at once both succeed; whoever resumes what was paused anew meanwhile is refused", async () => {
    const on = stage();
    const both = await Promise.all([on.set(true), on.set(true)]);
    expect(both.map(({ kind }) => kind)).toEqual(["accepted", "accepted"]);
    on.world.table.meanwhile = (writes) => {
      if (!writes.some((write) => write.op === "put" && write.item.type === "switch" && write.item["paused"] === false)) return;
      on.world.table.meanwhile = null;
      on.byHand(true, { version: 77, who: "bob" });
    };
    const refused: Switched = await on.set(false);
    expect(refused).toMatchObject({ kind: "refused" });
    expect(await on.send()).toMatchObject({ acted: ["held"] });
  });

  test("a pause is set although its telling is in somebody's way, and sweep tells it", async () => {
    const on = stage();
    on.world.table.meanwhile = (writes) => {
      for (const write of writes) {
        if (write.op === "put" && write.item.type === "chore" && write.item.pk === "CHORE#switch")
          on.world.table.seed({
            ...write.item,
            version: write.item.version + 10,
            body: JSON.stringify({ paused: false, since: null, pausedAtMs: 0, toldAtMs: 0 }),
          });
      }
    };
    expect(await on.set(true)).toMatchObject({ kind: "accepted" });
    on.world.table.meanwhile = null;
    expect(await on.send()).toMatchObject({ acted: ["held"] });
    expect(titles(on.world)).toEqual([]);
    await on.swept();
    expect(titles(on.world)).toEqual(["Paused: nothing is acted on everywhere"]);
  });

  test("an item written by hand without a version is resumed, and without a readable answer too", async () => {
    for (const paused of [true, "yes"]) {
      const on = stage();
      on.byHand(paused);
      expect(await on.set(false)).toMatchObject({ kind: "accepted", pauses: [] });
      expect(await on.send()).toMatchObject({ acted: ["done"] });
    }
  });
});

describe("plain AWS means set it, and sweep tells", () => {
  test("of the parameter within a run, every four hours while it lasts, and when it ends: each once", async () => {
    const on = stage();
    await on.swept();
    on.world.parameter = { says: "pause", because: "the parameter /x says pause" };
    for (let minute = 0; minute < 9 * 60; minute++) {
      await on.swept();
      on.world.later(60_000);
    }
    on.world.parameter = { says: "run" };
    await on.swept();
    await on.swept();
    expect(titles(on.world)).toEqual([
      "Paused: nothing is acted on everywhere",
      "Still paused everywhere, for 4 h",
      "Still paused everywhere, for 8 h",
      "Resumed: this pause is over everywhere",
    ]);
    expect(on.notices()[0]?.remedy).toContain("aws ssm put-parameter");
  });

  test("of an item, with what whoever wrote it said; deleted by hand, it has ended and that is told too", async () => {
    const on = stage();
    on.byHand(true, { who: "carol", why: "maintenance", since: iso(on.world.clock.now()) });
    await on.swept();
    expect(on.notices()[0]?.lines[0]).toMatch(/by carol: maintenance\.$/);
    await on.world.table.transact([{ op: "delete", key: switchKey("fleet"), when: null }], signal);
    await on.swept();
    expect(on.notices()[1]).toMatchObject({
      kind: "resumed",
      lines: [expect.stringContaining("Its item was deleted"), "It held no action."],
    });
  });

  test("a new pause is told although the end of the last one was not seen", async () => {
    const on = stage();
    on.byHand(true, { since: iso(on.world.clock.now()) });
    await on.swept();
    on.world.later(60_000);
    on.byHand(true, { since: iso(on.world.clock.now()) });
    await on.swept();
    expect(titles(on.world)).toEqual(["Paused: nothing is acted on everywhere", "Paused: nothing is acted on everywhere"]);
  });

  test("when the time that was meant for it is over, people are reminded, and it stays paused", async () => {
    const on = stage();
    await on.set(true, { untilMs: on.world.clock.now() + HOUR });
    on.world.later(HOUR - 60_000);
    await on.swept();
    expect(titles(on.world)).toHaveLength(1);
    on.world.later(2 * 60_000);
    await on.swept();
    await on.swept();
    expect(titles(on.world)).toEqual([
      "Paused: nothing is acted on everywhere",
      "Still paused everywhere, and the time that was meant for it is over",
    ]);
    expect(await on.send()).toMatchObject({ acted: ["held"] });
  });

  test("of one answer that did not come nothing is told; of two in turn it is", async () => {
    for (const [answers, told] of [
      [1, 0],
      [2, 1],
    ] as const) {
      const on = stage();
      let asked = 0;
      const ports = on.world.sweepPorts();
      const { sweep } = await import("#shared/pipeline/sweep.ts");
      const read = () =>
        Promise.resolve(asked++ < answers ? ({ says: "pause", because: "no answer" } as const) : ({ says: "run" } as const));
      await sweep({ ...ports, switchParameter: { read } }, signal);
      expect(noticesOf(on.world)).toHaveLength(told);
    }
  });
});
