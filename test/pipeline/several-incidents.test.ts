import { expect, test } from "vitest";
import { respond } from "#shared/pipeline/respond.ts";
import { FORMER, isolate, of, QUARANTINE, receiptsOf, signal, stageOf } from "./stage.ts";

type Stage = ReturnType<typeof stageOf>;

/** The next alert about the same task, by another rule of the policy: another incident, of the same generation number. */
async function byAnother(stage: Stage): Promise<void> {
  const { world } = stage;
  world.policy = { ...world.policy, rules: world.policy.rules.map((rule) => ({ ...rule, name: "other" })) };
  await respond({ body: JSON.stringify({ ...stage.alert(), rules: ["other"] }), receiveCount: 1 }, world.respondPorts(), signal);
  await stage.deliver();
}

async function closed(stage: Stage): Promise<void> {
  stage.world.later(35 * 60_000);
  await stage.swept();
}

const outcomes = (stage: Stage) => receiptsOf(stage.world).map(({ outcome }) => outcome);

test("sessions are revoked again for another rule when the first incident is over; while it is open, that one's act is enough", async () => {
  for (const over of [true, false]) {
    const stage = stageOf([of("ecs:revoke-role-sessions")]);
    const { world } = stage;
    world.aws.definitions.define("web", { taskRoleArn: world.aws.roles.role("web-task") });
    world.registry = { ...world.registry, clusters: world.registry.clusters.map((one) => ({ ...one, taskRoles: ["web-*"] })) };
    await stage.send();
    await stage.deliver();
    const before = [...world.aws.roles.policies("web-task").values()].join();
    world.later(60_000);
    if (over) await closed(stage);
    await byAnother(stage);
    const after = [...world.aws.roles.policies("web-task").values()].join();
    expect(outcomes(stage).sort()).toEqual(over ? ["done", "done"] : ["done", "skipped"]);
    expect(after !== before).toBe(over);
  }
});

test("what the first incident did is still its own to take back, and nothing is done twice by it", async () => {
  const stage = stageOf([isolate]);
  await stage.send();
  await stage.deliver();
  const first = stage.incident();
  await closed(stage);
  await byAnother(stage);
  expect(outcomes(stage).sort()).toEqual(["done", "skipped"]);
  expect(stage.groups()).toEqual([QUARANTINE]);
  expect(await stage.say("undo", { incident: first })).toMatchObject({ kind: "accepted" });
  await stage.deliver();
  expect(stage.groups()).toEqual(FORMER);
  expect(await stage.say("undo", { incident: first })).toMatchObject({ because: expect.stringContaining("taken back before") });
});

test("an alert about a target that we have ended is not told again while that incident is open; when it is over, it opens one and is told", async () => {
  for (const over of [true, false]) {
    const stage = stageOf([of("ecs:stop-task")]);
    const late = stage.alert();
    await stage.send();
    await stage.swept();
    stage.world.later(60_000);
    if (over) await closed(stage);
    stage.world.later(60_000);
    await stage.swept();
    stage.heard();
    await stage.send(late);
    stage.world.later(60_000);
    await stage.swept();
    expect(stage.world.table.ofType("incident")).toHaveLength(over ? 2 : 1);
    expect(stage.heard()).toHaveLength(over ? 1 : 0);
  }
});
