import { describe, expect, test } from "vitest";
import type { AlertBody } from "#shared/ledger/incident.ts";
import { pack } from "#shared/ledger/items.ts";
import { muteId, muteKey } from "#shared/ledger/keys.ts";
import { policyOf, shellRule, World } from "../../fakes/world.ts";
import { ALICE, ask, DAY, deliver, HOUR, incidentIn, MINUTE, muteOf, offender } from "./desk.ts";

const observed = () => new World(policyOf([{ ...shellRule, mode: "observe" }]));

/** An incident that was only observed; from here on the policy enforces. */
async function known() {
  const world = observed();
  const one = offender(world, "web");
  const incident = incidentIn(await deliver(world, one.alert()));
  world.policy = policyOf();
  return { world, incident, ...one };
}

const last = (world: World, alert: string): AlertBody | undefined =>
  world.bodies<AlertBody>("alert").find((body) => body.alert.id === alert);
const notes = (world: World): number => world.table.ofType("note").length;

describe("mute", () => {
  test("what is muted is recorded and counted, held with the reason, and nobody is told; after its time it is acted on", async () => {
    const { world, incident, alert, task } = await known();
    const told = notes(world);
    const answer = await ask(world, muteOf({ incident }));
    expect(answer).toMatchObject({ kind: "accepted", mute: { state: "active", rule: "shell", by: ALICE, reason: "penetration test" } });
    const entry = alert();
    expect(await deliver(world, entry)).toMatchObject({ kind: "recorded", decisions: ["hold"] });
    expect(world.ecs.stopped.size).toBe(0);
    expect(last(world, entry.alert.id)).toMatchObject({
      channels: [],
      decisions: [
        { kind: "hold", because: expect.stringMatching(/^muted by arn:aws:iam::111122223333:user\/alice until 20.*: penetration test$/) },
      ],
    });
    expect(notes(world)).toBe(told);
    expect(await ask(world, { verb: "show", incident, action: null, target: null })).toMatchObject({ summary: { count: 2 } });

    world.later(4 * HOUR);
    await deliver(world, alert());
    expect([...world.ecs.stopped]).toEqual([[task.taskArn, 1]]);
    expect(notes(world)).toBeGreaterThan(told);
  });

  test("another workload, and the same one accused by another rule, are acted on all the same", async () => {
    const { world, incident, alert } = await known();
    await ask(world, muteOf({ incident }));
    const other = offender(world, "api");
    await deliver(world, other.alert());
    expect([...world.ecs.stopped.keys()]).toEqual([other.task.taskArn]);

    world.policy = policyOf([shellRule, { ...shellRule, name: "second", notify: ["oncall"] }]);
    const entry = { ...alert(), rules: ["shell", "second"] };
    const told = notes(world);
    await deliver(world, entry);
    expect(world.ecs.stopped.size).toBe(2);
    expect(last(world, entry.alert.id)).toMatchObject({ channels: ["oncall"], decisions: [{ kind: "act", rule: "second" }] });
    expect(notes(world)).toBeGreaterThan(told);
  });

  test("can be named by cluster, rule and workload, and a cluster that nobody registered is refused", async () => {
    const { world, incident, alert } = await known();
    const shown = await ask(world, { verb: "show", incident, action: null, target: null });
    if (shown.kind !== "shown") throw new Error("not shown");
    const { who } = shown.summary;
    const named = { cluster: shown.summary.cluster, rule: "shell", who };
    expect(await ask(world, muteOf({ ...named, cluster: "nowhere" }))).toMatchObject({
      kind: "refused",
      because: expect.stringContaining(`names no cluster nowhere; it has ${named.cluster}`),
    });
    expect(await ask(world, muteOf(named))).toMatchObject({ kind: "accepted" });
    await deliver(world, alert());
    expect(world.ecs.stopped.size).toBe(0);
  });

  test("is ended before its time by unmute, once; an unknown one is refused", async () => {
    const { world, incident, alert } = await known();
    const muted = await ask(world, muteOf({ incident }));
    const mute = muted.kind === "accepted" ? (muted.mute?.mute ?? "") : "";
    expect(await ask(world, { verb: "unmute", mute: "0".repeat(16) })).toMatchObject({
      kind: "refused",
      because: expect.stringContaining("no mute"),
    });
    expect(await ask(world, { verb: "unmute", mute })).toMatchObject({ kind: "accepted", mute: { state: "ended" } });
    expect(await ask(world, { verb: "unmute", mute })).toMatchObject({ kind: "refused", because: expect.stringContaining("over already") });
    await deliver(world, alert());
    expect(world.ecs.stopped.size).toBe(1);
  });

  test("two at once: one is taken, the other is told so", async () => {
    const { world, incident } = await known();
    const both = await Promise.all([
      ask(world, muteOf({ incident })),
      ask(world, muteOf({ incident, seconds: 60 }), "arn:aws:iam::111122223333:user/bob"),
    ]);
    expect(both.map(({ kind }) => kind).sort()).toEqual(["accepted", "refused"]);
  });

  test("prolonged it keeps its beginning, and is one mute", async () => {
    const { world, incident } = await known();
    await ask(world, muteOf({ incident, seconds: 600 }));
    world.later(5 * MINUTE);
    await ask(world, muteOf({ incident, seconds: 3_600 }));
    const answer = await ask(world, { verb: "mutes" });
    expect(answer).toMatchObject({ kind: "mutes", mutes: [{ state: "active" }] });
    if (answer.kind !== "mutes") throw new Error("no mutes");
    const [{ sinceMs, untilMs } = { sinceMs: 0, untilMs: 0 }] = answer.mutes;
    expect((untilMs ?? 0) - (sinceMs ?? 0)).toBe(5 * MINUTE + HOUR);
  });

  test("an unreadable mute holds what it is about and keeps nobody from being told; unmute ends it", async () => {
    const { world, incident, alert } = await known();
    const shown = await ask(world, { verb: "show", incident, action: null, target: null });
    if (shown.kind !== "shown") throw new Error("not shown");
    const id = muteId(shown.summary.cluster ?? "", "shell", shown.summary.who);
    world.table.seed({ ...pack(muteKey(id), "mute", 1, world.clock.now(), {}), schema: "falco-responder/mute/99" });
    const told = notes(world);
    const entry = alert();
    await deliver(world, entry);
    expect(world.ecs.stopped.size).toBe(0);
    expect(last(world, entry.alert.id)).toMatchObject({
      channels: ["oncall"],
      decisions: [{ kind: "hold", because: expect.stringContaining("cannot be read") }],
    });
    expect(notes(world)).toBeGreaterThan(told);
    expect(await ask(world, { verb: "status" })).toMatchObject({ mutes: [{ mute: id, state: "unreadable" }] });
    expect(await ask(world, { verb: "unmute", mute: id })).toMatchObject({ kind: "accepted" });
    await deliver(world, alert());
    expect(world.ecs.stopped.size).toBe(1);
  });

  test("what is told for itself (a torn or forged line) is never muted, whatever people said of its incident", async () => {
    const { world, alert } = await known();
    const torn = () => ({ ...alert(), tell: "possible evasion" });
    const incident = incidentIn(await deliver(world, torn()));
    expect(await ask(world, muteOf({ incident }))).toMatchObject({ kind: "accepted" });
    const entry = torn();
    expect(incidentIn(await deliver(world, entry))).toBe(incident);
    expect(last(world, entry.alert.id)?.channels).toEqual(["oncall"]);
  });

  test("an alert that was recorded before the mute goes on when it is delivered again", async () => {
    const { world, alert, incident } = await known();
    const entry = alert();
    await deliver(world, entry);
    await ask(world, muteOf({ incident }));
    expect(await deliver(world, entry)).toMatchObject({ repeated: true, acted: ["already"] });
    expect(world.ecs.stopped.size).toBe(1);
  });

  test("status shows the active ones, mutes also those that are over", async () => {
    const { world, incident } = await known();
    await ask(world, muteOf({ incident, seconds: 60 }));
    expect(await ask(world, { verb: "status" })).toMatchObject({ mutes: [{ state: "active" }] });
    world.later(MINUTE);
    expect(await ask(world, { verb: "status" })).toMatchObject({ mutes: [] });
    expect(await ask(world, { verb: "mutes" })).toMatchObject({ mutes: [{ state: "over" }] });
    world.later(DAY);
  });
});
