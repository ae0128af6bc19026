import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { hashOfValue } from "#shared/audit/canonical.ts";
import { nameOf } from "#shared/audit/object.ts";
import type { AuditRecord } from "#shared/audit/record.ts";
import { isRecorded, RECORDED, typeOf } from "#shared/audit/recorded.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { PolicyAction } from "#shared/domain/policy.ts";
import { SWITCH } from "#shared/ledger/keys.ts";
import { policyOf, shellRule } from "../fakes/world.ts";
import { ALICE, isolate, of, stageOf } from "../pipeline/stage.ts";
import { Recorder } from "./recorder.ts";

const stop = of("ecs:stop-task");
const scale = of("ecs:scale-service-to-zero", { mode: "approve" });

/** The stage, its record, and what both say at the end. */
function story(actions: readonly PolicyAction[], observe = false) {
  const stage = stageOf(actions);
  if (observe) stage.world.policy = policyOf([{ ...shellRule, actions, mode: "observe" }], { mode: "observe" });
  const recorder = new Recorder(stage.world);
  const minutes = async (count: number): Promise<void> => {
    for (let minute = 0; minute < count; minute++) {
      stage.world.later(60_000);
      await stage.swept();
      await stage.deliver();
    }
  };
  const end = async () => {
    await minutes(2);
    await recorder.record();
    const report = await recorder.report(stage.incident(), true);
    if (report === null) throw new Error("no report");
    expect(valid(report), JSON.stringify(valid.errors)).toBe(true);
    const records = await recorder.records();
    return {
      report,
      records,
      kinds: records.map(({ type, action, state, by }) => [type, action, state, by].filter((part) => part !== null).join(" ")),
    };
  };
  return { ...stage, recorder, minutes, end };
}

const schema = JSON.parse(readFileSync("infra/schemas/report.json", "utf8")) as object;
const valid = new Ajv2020({ strict: false }).compile(schema);

/** What holds at the end of every story. */
async function complete({ recorder, world }: ReturnType<typeof story>, records: readonly AuditRecord[]): Promise<void> {
  const recorded = new Map(records.map((record) => [nameOf(record), record.sha256]));
  const due = world.table.all().filter(isRecorded);
  expect(due.length).toBeGreaterThan(2);
  for (const item of due) expect(recorded.get(nameOf(item)), nameOf(item)).toBe(hashOfValue(item));
  // Of every item that is always recorded, each version: one that lacked would leave a hole in the numbers.
  const versions = Object.groupBy(records, ({ pk, sk }) => `${pk} ${sk}`);
  for (const [name, of = []] of Object.entries(versions)) {
    const [first] = of;
    if (first === undefined || RECORDED[first.type as keyof typeof RECORDED]?.kind !== "always" || first.version === null) continue;
    expect(
      of.map(({ version }) => version),
      name,
    ).toEqual(of.map((_, at) => at + 1));
  }
  // Each object says its own hash, and the index says it too.
  expect((await recorder.report(String(world.table.ofType("incident")[0]?.pk).slice(9), true))?.record.notRecorded).toEqual([]);
}

describe("the record and the report of a story are complete and true", () => {
  test("observe: what would have been done, and nothing else", async () => {
    const told = story([stop], true);
    await told.send();
    const { report, records, kinds } = await told.end();
    await complete(told, records);
    expect(kinds).toContain("alert would-act");
    expect(kinds.filter((kind) => kind.startsWith("claim") || kind.startsWith("receipt"))).toEqual([]);
    expect(report.actions).toEqual([]);
    expect(report.alerts[0]?.decisions).toMatchObject([{ kind: "would-act", action: "ecs:stop-task", rule: "shell" }]);
    expect(told.world.ecs.stopped.size).toBe(0);
  });

  test("act: alert, target, claim, receipt and who was told, with latencies from the syscall on", async () => {
    const acted = story([stop]);
    const entry = acted.alert();
    await acted.send(entry);
    const { report, records, kinds } = await acted.end();
    await complete(acted, records);
    expect(kinds).toEqual(
      expect.arrayContaining([
        "incident open",
        "alert act",
        "target",
        "claim ecs:stop-task executing",
        "claim ecs:stop-task done",
        "receipt ecs:stop-task done",
        "note sent",
      ]),
    );
    expect(report).toMatchObject({ state: "open", cluster: "shop-prod", rule: "shell", count: 1 });
    const [alert] = report.alerts;
    expect(alert?.accuser).toMatchObject({ verified: true, logGroup: entry.accuser.logGroup, eventId: entry.accuser.eventId });
    expect(alert?.under).toEqual({ policy: acted.world.policy.version, registry: null });
    const [action] = report.actions;
    expect(action).toMatchObject({ action: "ecs:stop-task", outcome: "done", target: acted.task.taskArn, evidence: { kind: "kept" } });
    const { latency } = action ?? {};
    expect(latency?.decidedToRequested).toBeGreaterThanOrEqual(0);
    expect(latency?.requestedToVerified).toBeGreaterThan(0);
    expect(latency?.verifiedToTold).toBeGreaterThanOrEqual(0);
    expect(report.targets).toMatchObject([{ uid: acted.task.taskArn, owner: "Service/web" }]);
    expect(report.policies).toMatchObject([{ name: "shell", rule: { name: "shell" }, from: `policy/${acted.world.policy.version}.json` }]);
    expect(report.timeline.map(({ what }) => what)).toEqual(
      expect.arrayContaining(["claimed: ecs:stop-task", "seen in the world: ecs:stop-task", "told oncall: outcome"]),
    );
    expect(report.timeline.map(({ at }) => at)).toEqual(report.timeline.map(({ at }) => at).toSorted());
    expect(report.record.verified?.every(({ result }) => result === "matches")).toBe(true);
    expect(new Set(report.record.verified?.map(({ what }) => what))).toEqual(new Set(["audit", "item", "evidence"]));
  });

  test("hold: the paused switch, set by hand without type or version, and the reason on the receipt", async () => {
    const held = story([stop]);
    const item = { ...SWITCH, paused: true, who: "bob", why: "night shift" };
    held.world.table.seed(item as never);
    held.recorder.changes.push({
      key: SWITCH,
      item: item as never,
      changedAt: new Date(held.world.clock.now()).toISOString(),
      by: "somebody",
    });
    await held.send();
    const { report, records, kinds } = await held.end();
    expect(kinds).toEqual(expect.arrayContaining(["switch paused bob", "receipt ecs:stop-task refused"]));
    expect(records.find(({ type }) => type === "switch")).toMatchObject({
      version: null,
      incident: null,
      by: "bob",
      because: "night shift",
    });
    expect(report.actions).toMatchObject([{ outcome: "refused", because: expect.stringContaining("kill switch"), claimedAt: null }]);
    expect(held.world.ecs.stopped.size).toBe(0);
  });

  test("approve and undo: each question and answer, by whom", async () => {
    const asked = story([scale]);
    await asked.send();
    await asked.say("approve");
    await asked.deliver();
    await asked.minutes(1);
    const undone = await asked.say("undo");
    expect(undone).toMatchObject({ kind: "accepted" });
    await asked.deliver();
    const { report, records, kinds } = await asked.end();
    await complete(asked, records);
    expect(kinds).toEqual(
      expect.arrayContaining([
        "alert await-approval",
        "order ecs:scale-service-to-zero awaiting",
        `order ecs:scale-service-to-zero given ${ALICE}`,
        `order ecs:scale-service-to-zero carried ${ALICE}`,
        "receipt ecs:scale-service-to-zero done",
        "claim ecs:scale-service-to-zero undone",
      ]),
    );
    expect(report.questions).toMatchObject([
      { verb: "approve", state: "carried", by: ALICE },
      { verb: "undo", by: ALICE },
    ]);
    expect(report.actions.map(({ undoing, outcome }) => [undoing, outcome])).toEqual([
      [false, "done"],
      [true, "done"],
    ]);
    expect(report.timeline.map(({ what }) => what)).toContain(`undo asked for: ecs:scale-service-to-zero, by ${ALICE}`);
  });

  test("deny: nothing is done, and the no has a name", async () => {
    const denied = story([scale]);
    await denied.send();
    await denied.say("deny");
    const { report, records, kinds } = await denied.end();
    await complete(denied, records);
    expect(kinds).toContain(`order ecs:scale-service-to-zero denied ${ALICE}`);
    expect(kinds.filter((kind) => kind.startsWith("claim"))).toEqual([]);
    expect(report.questions).toMatchObject([{ state: "denied", by: ALICE }]);
  });

  test("expire: nobody answered, and that is on record", async () => {
    const expired = story([scale]);
    await expired.send();
    expired.world.later(14_400_000);
    const { report, records, kinds } = await expired.end();
    await complete(expired, records);
    expect(kinds).toContain("order ecs:scale-service-to-zero expired");
    expect(report.questions).toMatchObject([{ state: "expired", by: null }]);
    expect(report.actions).toMatchObject([{ outcome: "refused", because: expect.stringContaining("nobody approved it") }]);
  });

  test("failed: what AWS refused, in its words", async () => {
    const failed = story([isolate]);
    failed.world.aws.network.fail("setGroups", new PipelineError("aws_denied", "no right to change interfaces"));
    await failed.send();
    await failed.deliver();
    const { report, records } = await failed.end();
    await complete(failed, records);
    expect(report.actions).toMatchObject([
      { action: "ecs:isolate-instance", outcome: "failed", because: expect.stringContaining("no right"), verifiedAt: null },
    ]);
  });

  test("unknown: a stop that never ends is said to be one, and every look at it is a version on record", async () => {
    const unknown = story([stop]);
    unknown.world.ecs.ticksToStop = Number.POSITIVE_INFINITY;
    await unknown.send();
    await unknown.minutes(20);
    const { report, records, kinds } = await unknown.end();
    await complete(unknown, records);
    expect(kinds).toEqual(expect.arrayContaining(["receipt ecs:stop-task requested", "receipt ecs:stop-task unknown"]));
    expect(report.actions).toMatchObject([{ outcome: "unknown", verifiedAt: null, latency: { requestedToVerified: null } }]);
  });

  test("closed: the end of the story is recorded, its growth is not", async () => {
    const closed = story([stop]);
    await closed.send();
    await closed.send(closed.alert());
    await closed.minutes(45);
    const { report, records } = await closed.end();
    await complete(closed, records);
    expect(report).toMatchObject({ state: "closed", count: 2 });
    expect(records.filter(({ type }) => type === "incident").map(({ state }) => state)).toEqual(["open", "closed"]);
  });
});

test("every type of item that the stories left in the ledger is recorded, or has its reason not to be", async () => {
  const all = story([of("ecs:tag-task"), stop, scale]);
  await all.send();
  await all.say("approve");
  await all.deliver();
  await all.end();
  const types = new Set(all.world.table.all().map(typeOf));
  expect(types.size).toBeGreaterThan(8);
  for (const type of types) expect(RECORDED, type).toHaveProperty(type);
});
