import { expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import { SWITCH } from "#shared/ledger/keys.ts";
import { respond } from "#shared/pipeline/respond.ts";
import { Crash } from "../fakes/table.ts";
import { FORMER, isolate, MACHINE, of, QUARANTINE, receiptsOf, signal, stageOf } from "./stage.ts";

/** The wide lane dies right after its claim, before it has prepared anything: its order, to be delivered again. */
async function claimedOnly() {
  const stage = stageOf([isolate]);
  const { world, send, deliver } = stage;
  await send();
  const [order] = world.orders;
  if (order === undefined) throw new Error("not handed over");
  world.table.trouble = { crashAfter: world.table.writes + 1 };
  await expect(deliver(["wide"])).rejects.toBeInstanceOf(Crash);
  world.table.trouble = {};
  world.later(31_000);
  const again = () => {
    world.orders.push(order);
    return deliver(["wide"]);
  };
  return { ...stage, again };
}

test("a claim whose owner died before it prepared is waited for, given up after a quarter of an hour, and told", async () => {
  const { world, swept, heard, groups } = await claimedOnly();
  world.later(10_000);
  expect(await swept()).toMatchObject({ claims: { waiting: 1 }, troubles: 0 });
  world.later(16 * 60_000);
  expect(await swept()).toMatchObject({ claims: { failed: 1 }, troubles: 0 });
  expect(receiptsOf(world)).toMatchObject([{ outcome: "failed", because: expect.stringContaining("nothing was touched") }]);
  world.later(60_000);
  await swept();
  expect(heard().at(-1)).toContain("FAILED to isolate the EC2 instance");
  expect(groups()).toEqual(FORMER);
});

test("the kill switch stops whoever takes such a claim over; without it the machine is isolated", async () => {
  for (const paused of [true, false]) {
    const { world, again, groups } = await claimedOnly();
    if (paused) world.table.seed({ ...SWITCH, type: "switch", version: 1, at: "", paused });
    expect(await again()).toMatchObject([{ acted: [paused ? "refused" : "done"] }]);
    expect(groups()).toEqual(paused ? FORMER : [QUARANTINE]);
  }
});

test("an action that waits in the wide lane is not done to whom a later deploy protects; its twin is", async () => {
  for (const services of [["web"], ["api"]]) {
    const { world, send, deliver } = stageOf([of("ecs:revoke-role-sessions")]);
    world.aws.definitions.define("web", { taskRoleArn: world.aws.roles.role("web-task") });
    world.registry = { ...world.registry, clusters: world.registry.clusters.map((one) => ({ ...one, taskRoles: ["web-*"] })) };
    await send();
    world.policy = { ...world.policy, protect: { ...world.policy.protect, services } };
    expect(await deliver(["wide"])).toMatchObject([{ acted: [services.includes("web") ? "held" : "done"] }]);
    expect(world.aws.roles.policies("web-task").size).toBe(services.includes("web") ? 0 : 1);
  }
});

test("a task that stands alone on a drained machine is not ended by that: its alerts are told, though ECS cannot be asked", async () => {
  const { world, alert, swept, heard } = stageOf([of("ecs:drain-instance")]);
  const alone = world.ecs.run({ family: "batch", containerInstanceArn: world.ecs.instance(MACHINE) });
  const tell = async (): Promise<string[]> => {
    await respond({ body: JSON.stringify(alert({}, alone)), receiveCount: 5 }, world.respondPorts(), signal);
    world.later(60_000);
    await swept();
    return heard();
  };
  expect(await tell()).toHaveLength(1);
  for (let n = 0; n < 5; n++) world.ecs.fail("describe", new PipelineError("aws_denied", "ECS cannot be asked"));
  expect(await tell()).toEqual([expect.stringContaining("Held")]);
});
