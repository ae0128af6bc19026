import { expect, test } from "vitest";
import { POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { QUARANTINE } from "#shared/playbooks/kubernetes/marks.ts";
import { done } from "../done.ts";
import { ask, deliverOrders } from "./desk.ts";

const labelsOf = (world: Awaited<ReturnType<typeof done>>["world"], uid: string) =>
  world.kubernetes.all(POD).find(({ metadata }) => metadata.uid === uid)?.metadata.labels;

async function isolated(action: Parameters<typeof done>[0], params: Parameters<typeof done>[1] = {}) {
  const made = await done(action, params);
  const [{ incident = "" } = {}] = made.world.bodies<{ readonly incident: string }>("incident");
  const release = { verb: "release", incident, action: null, target: null } as const;
  return { ...made, release };
}

test("a quarantined pod is let go by a person alone, in words that say what it gets back and that nothing was repaired", async () => {
  const { world, pod, release } = await isolated("kubernetes:quarantine", { unproven: "allow" });
  expect(labelsOf(world, pod.uid)).toMatchObject({ [QUARANTINE]: pod.uid });
  expect(await ask(world, release)).toMatchObject({
    kind: "accepted",
    says: expect.stringMatching(/gives the pod its labels back.*accused by policy rule shell, go as it is: nothing in it was repaired/),
  });
  const told = world.table.ofType("note").length;
  await deliverOrders(world);
  expect(labelsOf(world, pod.uid)).toEqual({ app: "web" });
  // Never silently: whoever was told of the quarantine is told of its end.
  expect(world.table.ofType("note").length).toBeGreaterThan(told);
  expect(await ask(world, release)).toMatchObject({ kind: "refused", because: expect.stringContaining("taken back before") });
});

test("what holds nobody is not released but undone", async () => {
  const { world, pod, release } = await isolated("kubernetes:cordon");
  expect(await ask(world, release)).toMatchObject({ kind: "refused", because: expect.stringContaining("nothing holds anybody") });
  expect(world.orders).toEqual([]);
  expect(labelsOf(world, pod.uid)).toEqual({ app: "web" });
  expect(await ask(world, { ...release, verb: "undo" })).toMatchObject({ kind: "accepted" });
});
