import { describe, expect, test } from "vitest";
import type { Mode, Policy } from "#shared/domain/policy.ts";
import type { AlertBody } from "#shared/ledger/incident.ts";
import { switchKey } from "#shared/ledger/switch.ts";
import { respond } from "#shared/pipeline/respond.ts";
import { policyOf, registry, shellRule, taskEntry, World } from "../fakes/world.ts";
import { ecsCluster } from "../playbooks/builders.ts";
import { of, signal } from "./stage.ts";

function stage(mode: Mode, more: Partial<Policy> = {}, actions = shellRule.actions) {
  const world = new World(policyOf([{ ...shellRule, actions }], { mode, ...more }));
  const tasks = world.ecs.service("web", { family: "web", instance: world.ecs.instance("i-1"), tags: {}, desired: 3 });
  const send = (n = 0) => {
    const task = tasks[n];
    const entry = taskEntry(world, { taskArn: task?.taskArn ?? "", containerId: task?.containers[0]?.runtimeId ?? "" });
    return respond({ body: JSON.stringify(entry), receiveCount: 1 }, world.respondPorts(), signal);
  };
  const decisions = () => world.bodies<AlertBody>("alert").flatMap((body) => body.decisions);
  return { world, send, decisions };
}

describe("what is only observed says what the switch and the budgets would have said", () => {
  test("both would let it pass, and nothing is spent", async () => {
    const { world, send, decisions } = stage("observe", { budgets: { windowSeconds: 600, owner: 1, cluster: 100, fleet: 200 } });
    for (let n = 0; n < 3; n++) await send(n);
    expect(decisions().map(({ kind }) => kind)).toEqual(["would-act", "would-act", "would-act"]);
    for (const { because } of decisions()) expect(because).toContain("enforcing, switch and budgets would let it pass now");
    expect([world.table.ofType("budget").length, world.table.ofType("claim").length]).toEqual([0, 0]);
  });

  test("the budget is spent by what was really done; its twin with room would pass", async () => {
    for (const owner of [1, 2]) {
      const { world, send, decisions } = stage("enforce", { budgets: { windowSeconds: 600, owner, cluster: 100, fleet: 200 } });
      await send(0);
      world.policy = { ...world.policy, mode: "observe" };
      await send(1);
      expect(decisions().find(({ kind }) => kind === "would-act")?.because).toContain(
        owner === 1 ? "it would be held now: the owner budget of 1 actions within 600 s is spent" : "would let it pass now",
      );
    }
  });

  test("several actions of one alert spend one after the other", async () => {
    const actions = [of("ecs:scale-service-to-zero"), of("ecs:stop-task")];
    const { send, decisions } = stage("observe", { budgets: { windowSeconds: 600, owner: 1, cluster: 100, fleet: 200 } }, actions);
    await send();
    expect(decisions().map(({ because }) => /it would be held now|would let it pass/.exec(because)?.[0])).toEqual([
      "would let it pass",
      "it would be held now",
    ]);
  });

  test("the switch is on, by item or parameter", async () => {
    for (const by of ["item", "parameter"]) {
      const { world, send, decisions } = stage("observe");
      if (by === "item") world.table.seed({ ...switchKey("fleet"), type: "switch", version: 1, at: "", paused: true });
      else world.parameter = { says: "pause", because: "it says pause" };
      await send();
      expect(decisions()).toMatchObject([
        { kind: "would-act", because: expect.stringContaining("it would be held now: the kill switch is on") },
      ]);
    }
  });

  test("what enforcing would only ask about is not foreseen, and what acts costs no such read", async () => {
    const asks = stage("observe", {}, [of("ecs:stop-task", { mode: "approve" })]);
    await asks.send();
    expect(asks.decisions()).toMatchObject([{ kind: "would-act", would: "ask" }]);
    expect(asks.decisions()[0]?.because).not.toContain("would be held now");
    const acts = stage("enforce");
    let reads = 0;
    acts.world.table.onRead = ({ pk }) => {
      if (pk === "SWITCH") reads++;
    };
    await acts.send();
    expect(reads).toBe(0);
  });
});

describe("a cluster's mode", () => {
  const inCluster = async (mode: Mode | undefined) => {
    const { world, send } = stage("enforce");
    world.registry = { ...registry, clusters: [mode === undefined ? ecsCluster : { ...ecsCluster, mode }] };
    const answer = await send();
    return { answer, stops: world.ecs.stopped.size };
  };

  test.each([
    ["observe", "would-act", 0],
    ["approve", "await-approval", 0],
    ["enforce", "act", 1],
    [undefined, "act", 1],
  ] as const)("%s: %s", async (mode, kind, stops) => {
    expect(await inCluster(mode)).toMatchObject({ answer: { decisions: [kind] }, stops });
  });

  test.each([
    [
      "the cluster",
      (world: World) => Object.assign(world, { registry: { ...registry, clusters: [{ ...ecsCluster, mode: "observe" }] } }),
      0,
    ],
    ["the rule", (world: World) => Object.assign(world, { policy: policyOf([{ ...shellRule, mode: "approve" }]) }), 0],
    ["nobody", () => undefined, 1],
  ] as const)("narrowed by %s after the decision, and before the claim: it counts", async (_who, narrow, stops) => {
    const { world, send } = stage("enforce");
    world.lanes = ["kubernetes"];
    await send();
    narrow(world);
    world.lanes = ["ecs"];
    for (const { order } of world.orders) await respond({ body: JSON.stringify(order), receiveCount: 1 }, world.respondPorts(), signal);
    expect(world.ecs.stopped.size).toBe(stops);
  });
});
