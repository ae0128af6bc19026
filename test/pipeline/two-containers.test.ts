import { expect, test } from "vitest";
import { respond } from "#shared/pipeline/respond.ts";
import { policyOf, shellRule, taskEntry, World } from "../fakes/world.ts";
import { receiptsOf, signal } from "./stage.ts";

test("what an alert of the other container does already is not told as held by the budget that it spent; of another task it is", async () => {
  for (const isSameTask of [true, false]) {
    const budgets = { windowSeconds: 600, cluster: 100, fleet: 200, owner: 1 };
    const world = new World(policyOf([shellRule], { budgets }));
    world.ecs.service("web", { family: "web", instance: null, tags: {}, desired: 0 });
    const [task, other] = [1, 2].map(() => world.ecs.run({ family: "web", group: "service:web", containerNames: ["app", "proxy"] }));
    const entryOf = (of: typeof task, container: number) =>
      JSON.stringify(taskEntry(world, { taskArn: of?.taskArn ?? "", containerId: of?.containers[container]?.runtimeId ?? "" }));
    const second = entryOf(isSameTask ? task : other, 1);
    const { stop } = world.ecs;
    const asked = Promise.withResolvers<void>();
    const goesOn = Promise.withResolvers<void>();
    world.ecs.stop = async (...args) => {
      asked.resolve();
      await goesOn.promise;
      return await stop.apply(world.ecs, args);
    };
    // The second looks, and finds no claim; while it keeps its evidence, the first makes one. It stands, and nothing is told yet.
    const ports = world.respondPorts();
    let first: Promise<unknown> = Promise.resolve();
    const put: typeof ports.evidence.put = async (...args) => {
      first = respond({ body: entryOf(task, 0), receiveCount: 1 }, world.respondPorts(), signal);
      await asked.promise;
      return await ports.evidence.put(...args);
    };
    await respond({ body: second, receiveCount: 1 }, { ...ports, evidence: { put } }, signal);
    goesOn.resolve();
    await first;
    const refused = receiptsOf(world).filter(({ outcome }) => outcome === "refused");
    expect(refused.map(({ because }) => because)).toEqual(isSameTask ? [] : [expect.stringContaining("budget of 1 actions")]);
    expect(
      receiptsOf(world)
        .filter(({ outcome }) => outcome === "done")
        .map(({ target }) => target),
    ).toEqual([task?.taskArn]);
    expect(world.table.ofType("note").filter(({ phase }) => phase === "outcome")).toHaveLength(isSameTask ? 1 : 2);
  }
});
