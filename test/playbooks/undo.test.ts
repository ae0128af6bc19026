import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ActionName } from "#shared/domain/action.ts";
import type { Params } from "#shared/playbooks/playbook.ts";
import { NOW } from "./builders.ts";
import { EcsStage, MACHINE, QUARANTINE } from "./ecs-stage.ts";

const HOUR = 3_600_000;
const POLICY = "falco-responder-revoke-sessions";

interface Undoable {
  readonly action: ActionName;
  readonly params?: Params;
  /** How the world may be before. */
  readonly given?: (stage: EcsStage) => void;
  /** How long after it may be taken back. */
  readonly afterMs?: number;
  /** Somebody changes what we made of it. */
  readonly changed: (stage: EcsStage) => void;
  /** A day later there may be nothing left to take back. */
  readonly late?: "undone" | "nothing";
}

const CASES: readonly (readonly [string, Undoable])[] = [
  ["ecs:tag-task, no former tag", { action: "ecs:tag-task", changed: retagged }],
  ["ecs:tag-task, over another value", { action: "ecs:tag-task", given: (stage) => tagged(stage, "before"), changed: retagged }],
  [
    "ecs:protect-task",
    {
      action: "ecs:protect-task",
      params: { minutes: 60 },
      late: "nothing",
      changed: ({ aws, offender }) => aws.ecs.protections.set(offender.taskArn, NOW + 5 * HOUR),
    },
  ],
  ["ecs:scale-service-to-zero", { action: "ecs:scale-service-to-zero", changed: (stage) => desired(stage, 5) }],
  [
    "ecs:scale-service-to-zero, partly suspended before",
    {
      action: "ecs:scale-service-to-zero",
      given: ({ aws }) => aws.services.scale("web", { suspended: { in: true, out: false, scheduled: true } }),
      changed: (stage) => desired(stage, 1),
    },
  ],
  [
    "ecs:scale-service-to-zero, not scaled automatically",
    { action: "ecs:scale-service-to-zero", given: ({ aws }) => aws.services.scalings.clear(), changed: (stage) => desired(stage, 1) },
  ],
  ["ecs:drain-instance", { action: "ecs:drain-instance", changed: ({ aws, here }) => status(aws, here, "DEREGISTERING") }],
  [
    "ecs:isolate-instance",
    {
      action: "ecs:isolate-instance",
      params: { security_group: QUARANTINE },
      changed: ({ aws, primary }) => aws.network.regroup(primary.id, [QUARANTINE, "sg-00000000000000003"]),
    },
  ],
  [
    "ecs:revoke-role-sessions, nothing before",
    { action: "ecs:revoke-role-sessions", afterMs: 12 * HOUR, changed: ({ aws }) => aws.roles.policies("web-task").set(POLICY, "{}") },
  ],
  [
    "ecs:revoke-role-sessions, over the deny of an earlier incident",
    {
      action: "ecs:revoke-role-sessions",
      afterMs: 12 * HOUR,
      given: ({ aws }) => aws.roles.policies("web-task").set(POLICY, deny("FalcoResponderearlier", "2026-02-01T00:00:00Z")),
      changed: ({ aws }) => aws.roles.policies("web-task").set(POLICY, deny("FalcoResponderlater", "2026-03-02T00:00:00Z")),
    },
  ],
];

/** Tasks that were stopped or moved do not come back: of those, how many of each service live is compared. */
function stateOf({ aws }: EcsStage) {
  const { tasks, ...state } = aws.snapshot();
  const living = Object.values(tasks).filter(({ lastStatus }) => lastStatus !== "STOPPED");
  return {
    ...state,
    living: Object.fromEntries(
      Map.groupBy(living, ({ group }) => String(group))
        .entries()
        .map(([group, some]) => [group, some.length]),
    ),
    tags: living.map(({ tags }) => tags).filter((tags) => Object.keys(tags).length > 0),
  };
}

async function acted({ action, params = {}, given, afterMs = 60_000 }: Undoable) {
  const stage = new EcsStage();
  given?.(stage);
  const before = stateOf(stage);
  const step = stage.action(action, params);
  const { kept, prepared } = await step.done();
  stage.tick();
  expect((await step.verify(kept)).kind).toBe("done");
  expect((await step.verify(prepared)).kind).toBe("done");
  expect(stateOf(stage)).not.toEqual(before);
  stage.later(afterMs);
  return { stage, step, before, kept, prepared };
}

describe.each(CASES)("taking back %s", (_, undoable) => {
  test.each(["kept", "prepared"] as const)(
    "restores the exact former state, with what was kept at the end or before (%s)",
    async (which) => {
      const { stage, step, before, ...known } = await acted(undoable);
      expect(await step.undo(known[which])).toMatchObject({ kind: "undone" });
      stage.tick();
      expect(stateOf(stage)).toEqual(before);
    },
  );

  test("twice changes nothing more, and says so", async () => {
    const { stage, step, before, kept } = await acted(undoable);
    await step.undo(kept);
    stage.tick();
    expect(await step.undo(kept)).toMatchObject({ kind: "nothing", because: expect.stringMatching(/\S/) });
    expect(stateOf(stage)).toEqual(before);
  });

  test("a day later", async () => {
    const { stage, step, before, kept } = await acted(undoable);
    stage.later(24 * HOUR);
    stage.tick();
    expect((await step.undo(kept)).kind).toBe(undoable.late ?? "undone");
    stage.tick();
    const state = stateOf(stage);
    // An expired protection is none, whether or not it is still noted.
    expect(undoable.late === "nothing" ? { ...state, protections: {} } : state).toEqual(before);
  });

  test.each(["kept", "prepared"] as const)("what somebody changed since stands (%s)", async (which) => {
    const { stage, step, ...known } = await acted(undoable);
    undoable.changed(stage);
    const changed = stateOf(stage);
    const undoing = await step.undo(known[which]);
    expect(undoing).toMatchObject({ kind: "changed", because: expect.stringMatching(/\S/) });
    const { interfaces: _now, scalings: _scalings, ...now } = stateOf(stage);
    const { interfaces: _then, scalings: _former, ...then } = changed;
    expect(now).toEqual(then);
  });

  test("what never happened is not taken back", async () => {
    const stage = new EcsStage();
    undoable.given?.(stage);
    const step = stage.action(undoable.action, undoable.params);
    const { kept } = await step.ready();
    const before = stage.aws.snapshot();
    stage.later(undoable.afterMs ?? 0);
    expect((await step.undo(kept)).kind).toBe("nothing");
    expect(stage.aws.snapshot()).toEqual(before);
  });

  test("executing again after the answer was lost is one action, and can be taken back", async () => {
    const stage = new EcsStage();
    undoable.given?.(stage);
    const before = stateOf(stage);
    const step = stage.action(undoable.action, undoable.params);
    const { kept } = await step.ready();
    await step.execute(kept);
    const once = stage.aws.snapshot();
    stage.later(2_000);
    const again = await step.execute(kept);
    expect(again.kind).toBe("accepted");
    expect(stage.aws.snapshot()).toEqual(once);
    stage.tick();
    stage.later(undoable.afterMs ?? 60_000);
    expect((await step.undo(again.kept ?? kept)).kind).toBe("undone");
    stage.tick();
    expect(stateOf(stage)).toEqual(before);
  });
});

test("the groups of each interface come back, whatever they were", async () => {
  const groups = fc.uniqueArray(fc.constantFrom("sg-00000000000000001", "sg-00000000000000002", "sg-00000000000000003", QUARANTINE), {
    minLength: 1,
  });
  await fc.assert(
    fc.asyncProperty(fc.array(groups, { minLength: 1, maxLength: 4 }), async (interfaces) => {
      const stage = new EcsStage();
      for (const some of interfaces) stage.aws.network.attach(MACHINE, some);
      const before = stage.aws.snapshot();
      const step = stage.action("ecs:isolate-instance", { security_group: QUARANTINE });
      const { kept } = await step.done();
      expect(stage.aws.network.own(MACHINE).every((one) => one.groups.join() === QUARANTINE)).toBe(true);
      expect((await step.undo(kept)).kind).toBe("undone");
      expect(stage.aws.snapshot()).toEqual(before);
    }),
    { numRuns: 50 },
  );
});

test("the count and every direction of scaling come back, whatever they were", async () => {
  const suspended = fc.record({ in: fc.boolean(), out: fc.boolean(), scheduled: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.nat(4), fc.option(suspended), async (count, before) => {
      const stage = new EcsStage();
      if (before === null) stage.aws.services.scalings.clear();
      else stage.aws.services.scale("web", { minCapacity: 0, suspended: before });
      desired(stage, count);
      const state = () => [stage.aws.ecs.services.get("web")?.desired, stage.aws.services.scalings.get("web")];
      const former = structuredClone(state());
      const step = stage.action("ecs:scale-service-to-zero");
      const { kept } = await step.done();
      stage.tick();
      expect(stage.aws.ecs.living("web")).toEqual([]);
      expect(["undone", "nothing"]).toContain((await step.undo(kept)).kind);
      expect(state()).toEqual(former);
    }),
    { numRuns: 50 },
  );
});

function tagged({ aws, offender }: EcsStage, value: string): void {
  aws.ecs.change(offender.taskArn, { tags: { "falco-responder/incident": value, team: "shop" } });
}

function retagged(stage: EcsStage): void {
  tagged(stage, "somebody's");
}

function desired({ aws }: EcsStage, count: number): void {
  const web = aws.ecs.services.get("web");
  if (web !== undefined) web.desired = count;
}

function status(aws: EcsStage["aws"], arn: string, now: string): void {
  aws.instances.at(arn).status = now;
}

function deny(sid: string, time: string): string {
  const condition = { DateLessThan: { "aws:TokenIssueTime": time } };
  const statement = { Sid: sid, Effect: "Deny", Action: "*", Resource: "*", Condition: condition };
  return JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
}
