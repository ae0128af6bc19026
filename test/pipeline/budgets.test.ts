import { describe, expect, test } from "vitest";
import type { Notice } from "#shared/domain/notice.ts";
import type { Budgets } from "#shared/domain/policy.ts";
import { respond } from "#shared/pipeline/respond.ts";
import { DEPLOYMENT } from "#shared/playbooks/kubernetes/kinds.ts";
import { podEntry, policyOf, shellRule, taskEntry, World } from "../fakes/world.ts";
import { apart, atOnce } from "./at-once.ts";
import { receiptsOf, signal } from "./stage.ts";

const WIDE: Budgets = { windowSeconds: 600, owner: 100, cluster: 100, fleet: 200 };
const worldOf = (budgets: Partial<Budgets>) => new World(policyOf([shellRule], { budgets: { ...WIDE, ...budgets } }));

function serviceIn(world: World, desired: number, name = "web") {
  const tasks = world.ecs.service(name, { family: name, instance: world.ecs.instance(`i-${name}`), tags: {}, desired });
  const entry = (n: number, more: Parameters<typeof taskEntry>[2] = {}) => {
    const task = tasks[n];
    return taskEntry(world, { taskArn: task?.taskArn ?? "", containerId: task?.containers[0]?.runtimeId ?? "" }, more);
  };
  const send = async (n: number) => {
    const answer = await respond({ body: JSON.stringify(entry(n)), receiveCount: 1 }, world.respondPorts(), signal);
    return answer.kind === "recorded" ? answer.acted[0] : answer.kind;
  };
  return { tasks, entry, send };
}

const noticesOf = (world: World): readonly Notice[] =>
  world.table
    .ofType("note")
    .filter(({ schema }) => schema === "falco-responder/notice/1")
    .map(({ body }) => JSON.parse(String(body)) as Notice);

const because = (world: World): readonly string[] =>
  receiptsOf(world)
    .filter(({ outcome }) => outcome === "refused")
    .map((receipt) => receipt.because);

describe("the share of an owner's replicas", () => {
  test.each([
    ["half of four: two are stopped, the third is held", 4, 50, ["done", "done", "held"]],
    ["three quarters of four: three are", 4, 75, ["done", "done", "done", "held"]],
    ["of one always one", 1, 10, ["done"]],
    ["without a share: all", 4, undefined, ["done", "done", "done", "done"]],
  ])("%s", async (_title, desired, percent, acted) => {
    const world = worldOf(percent === undefined ? {} : { replicasPercent: percent });
    const { send } = serviceIn(world, desired);
    const seen: unknown[] = [];
    for (let n = 0; n < acted.length; n++) seen.push(await send(n));
    expect(seen).toEqual(acted);
    if (acted.includes("held"))
      expect(because(world)[0]).toMatch(/of this owner's 4 replicas were acted on, and \d+% of them, \d, may be within 600 s/);
  });

  test("is of its own owner: another one's replicas do not count, and the window passes", async () => {
    const world = worldOf({ replicasPercent: 50 });
    const web = serviceIn(world, 2);
    const api = serviceIn(world, 2, "api");
    expect([await web.send(0), await web.send(1), await api.send(0)]).toEqual(["done", "held", "done"]);
    world.later(600_001);
    expect(await web.send(1)).toBe("done");
  });

  test("cannot be counted: held; what may pass comes again instead", async () => {
    const world = worldOf({ replicasPercent: 50 });
    const { send } = serviceIn(world, 4);
    const access = world.respondPorts().access;
    const lost = {
      ...access,
      services: async (cluster: Parameters<typeof access.services>[0]) => ({
        ...(await access.services(cluster)),
        describe: () => Promise.resolve(null),
      }),
    };
    const { entry } = serviceIn(world, 4, "api");
    const answer = await respond({ body: JSON.stringify(entry(0)), receiveCount: 1 }, { ...world.respondPorts(), access: lost }, signal);
    expect(answer).toMatchObject({ acted: ["held"] });
    expect(because(world)).toEqual(["the policy bounds the share of an owner's replicas, and ECS does not know its service"]);
    expect(await send(0)).toBe("done");
  });

  test("of pods of a Deployment: half of four ready ones, and of two one", async () => {
    for (const [ready, acted] of [
      [4, ["done", "done", "held"]],
      [2, ["done", "held"]],
    ] as const) {
      const world = worldOf({ replicasPercent: 50 });
      const { kubernetes } = world;
      kubernetes.ticksByItself = true;
      const controller = kubernetes.deployment("web");
      const pods = Array.from({ length: acted.length }, () => kubernetes.run({ controller, labels: { app: "web" } }));
      const found = kubernetes.object(DEPLOYMENT, "shop", "web");
      if (found === null) throw new Error("no Deployment");
      kubernetes.put(DEPLOYMENT, { ...found, spec: { ...found.spec, replicas: ready }, status: { readyReplicas: ready } });
      const seen: unknown[] = [];
      for (const pod of pods) {
        const entry = podEntry(world, { ...pod, containerId: pod.containers[0]?.id ?? "" });
        const answer = await respond({ body: JSON.stringify(entry), receiveCount: 1 }, world.respondPorts(), signal);
        seen.push(answer.kind === "recorded" ? answer.acted[0] : answer);
      }
      expect(seen, String(ready)).toEqual(acted);
    }
  });
});

describe("a budget that is exceeded", () => {
  test("is told loudly once per window, however many actions it holds; within it is not told", async () => {
    const world = worldOf({ owner: 2 });
    const { send } = serviceIn(world, 8);
    expect([await send(0), await send(1)]).toEqual(["done", "done"]);
    expect(noticesOf(world)).toEqual([]);
    for (let n = 2; n < 8; n++) expect(await send(n)).toBe("held");
    expect(noticesOf(world)).toMatchObject([
      {
        kind: "budget-exceeded",
        severity: "critical",
        title: expect.stringMatching(/^A budget holds actions: .*Service\/web$/),
        lines: expect.arrayContaining(["the owner budget of 2 actions within 600 s is spent."]),
      },
    ]);
    world.later(600_001);
    expect([await send(2), await send(3), await send(4)]).toEqual(["done", "done", "held"]);
    expect(noticesOf(world)).toHaveLength(2);
  });

  test("each budget is told for itself", async () => {
    const world = worldOf({ cluster: 8, owner: 2 });
    const web = serviceIn(world, 4);
    for (let n = 0; n < 4; n++) await web.send(n);
    for (const name of ["a", "b", "c", "d", "e"]) {
      const other = serviceIn(world, 2, name);
      await other.send(0);
      await other.send(1);
    }
    expect(noticesOf(world).map(({ subject }) => subject.replace(/owner\/.*/, "owner"))).toEqual(
      expect.arrayContaining(["owner", expect.stringMatching(/^cluster\//)]),
    );
    expect(new Set(noticesOf(world).map(({ subject }) => subject)).size).toBe(noticesOf(world).length);
  });

  test("by recurrence is not told so: its ladder tells", async () => {
    const world = new World(policyOf([shellRule], { recurrence: { times: 1, windowSeconds: 600, ladder: [] } }));
    const { send } = serviceIn(world, 2);
    expect(await send(0)).toBe("done");
    await send(1);
    expect(noticesOf(world)).toEqual([]);
  });
});

test.each([
  ["an owner's", { owner: 3 }, 3],
  ["a cluster's: an owner takes no more than a quarter", { cluster: 12 }, 3],
  ["a fleet's: an owner takes no more than a quarter", { fleet: 20 }, 5],
  ["a tenth of the replicas", { replicasPercent: 10 }, 5],
])("50 responders at the same moment never exceed a budget, and none of them is lost: %s", async (_title, budgets, most) => {
  const world = worldOf(budgets);
  const { entry } = serviceIn(world, 50);
  const bodies = Array.from({ length: 50 }, (_, n) => JSON.stringify(entry(n)));
  const acted = await atOnce(bodies, () => ({ ...world.respondPorts(), table: apart(world.table) }));
  expect(acted.filter((one) => one === "done")).toHaveLength(most);
  expect(acted.filter((one) => one === "held")).toHaveLength(50 - most);
  expect([...world.ecs.stopped.values()].reduce((sum, count) => sum + count, 0)).toBe(most);
  expect(noticesOf(world)).toHaveLength(1);
});
