import { expect, test } from "vitest";
import { policyOf, World } from "../../fakes/world.ts";
import { ALICE, ask, deliver, HOUR, offender } from "./desk.ts";

const pause = { verb: "pause", scope: "fleet", reason: "mesh deploy", untilMs: null } as const;
const resume = { verb: "resume", scope: "fleet", reason: null, untilMs: null } as const;

test("paused, nothing is done, and status says by whom and why; resumed, the next alert is acted on", async () => {
  const world = new World(policyOf());
  const { alert } = offender(world, "web");
  expect(await ask(world, pause)).toMatchObject({ kind: "accepted", pauses: [{ source: "fleet", paused: true }] });
  await deliver(world, alert());
  expect(world.ecs.stopped.size).toBe(0);
  expect(await ask(world, { verb: "status" })).toMatchObject({
    kind: "status",
    paused: true,
    pauses: expect.arrayContaining([
      expect.objectContaining({ source: "fleet", because: expect.stringMatching(new RegExp(`by ${ALICE}: mesh deploy$`)) }),
    ]),
  });
  expect(await ask(world, resume)).toMatchObject({ kind: "accepted", pauses: [] });
  expect(await ask(world, { verb: "status" })).toMatchObject({ paused: false });
  await deliver(world, alert());
  expect(world.ecs.stopped.size).toBe(1);
});

test("a cluster that falco-responder.yml does not name cannot be paused; its twin can, and the rest goes on", async () => {
  const world = new World(policyOf());
  const [ecs, kubernetes] = world.registry.clusters;
  expect(await ask(world, { ...pause, scope: "cluster/nowhere" })).toMatchObject({
    kind: "refused",
    because: expect.stringContaining("known:"),
  });
  expect(await ask(world, { ...pause, scope: `cluster/${kubernetes?.name}` })).toMatchObject({ kind: "accepted" });
  await deliver(world, offender(world, "web").alert());
  expect(world.ecs.stopped.size).toBe(1);
  expect(await ask(world, { ...pause, scope: `cluster/${ecs?.name}` })).toMatchObject({ kind: "accepted" });
  await deliver(world, offender(world, "api").alert());
  expect(world.ecs.stopped.size).toBe(1);
});

test("a reminder in the past is refused; its twin to come is taken", async () => {
  const world = new World(policyOf());
  const nowMs = world.clock.now();
  expect(await ask(world, { ...pause, untilMs: nowMs })).toMatchObject({ kind: "refused" });
  expect(await ask(world, { ...pause, untilMs: nowMs + HOUR })).toMatchObject({ kind: "accepted" });
});
