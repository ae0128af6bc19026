import { expect, test } from "vitest";
import type { AlertBody, ReceiptBody } from "#shared/ledger/incident.ts";
import { respond } from "#shared/pipeline/respond.ts";
import type { PodFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { podEntry, World } from "../fakes/world.ts";

const signal = new AbortController().signal;
const containerOf = (pod: PodFacts): string => pod.containers[0]?.id ?? "";

async function accuse(world: World, pod: PodFacts, containerId = containerOf(pod)) {
  const entry = podEntry(world, { ...pod, containerId });
  return await respond({ body: JSON.stringify(entry), receiveCount: 1 }, world.respondPorts(), signal);
}
const reasons = (world: World) => world.bodies<AlertBody>("alert").flatMap(({ decisions }) => decisions.map(({ because }) => because));

test.each([
  ["kube-system", "hold", 0],
  ["shop", "act", 1],
])("a pod in namespace %s: %s", async (namespace, kind, deleted) => {
  const world = new World();
  const result = await accuse(world, world.kubernetes.run({ namespace }));
  expect(result).toMatchObject({ decisions: [kind] });
  expect(world.kubernetes.deleted.size).toBe(deleted);
});

test("a pod that only has the name of the accused one is not touched; its twin with the container is", async () => {
  const world = new World();
  const pod = world.kubernetes.run();
  expect(await accuse(world, pod, "f".repeat(64))).toMatchObject({ decisions: ["hold"] });
  expect(reasons(world)[0]).toContain("could not be verified");
  expect(world.kubernetes.deleted.size).toBe(0);
  expect(await accuse(world, pod)).toMatchObject({ decisions: ["act"], acted: ["done"] });
});

test("a pod that was replaced under the same name between the look and the delete is not touched, and the receipt says so", async () => {
  const world = new World();
  const pod = world.kubernetes.run();
  const real = world.kubernetes.delete.bind(world.kubernetes);
  world.kubernetes.delete = (kind, target, options) => {
    if (options.dryRun !== true) world.kubernetes.change(pod, { uid: "11111111-2222-4333-8444-555555555555" });
    return real(kind, target, options);
  };
  expect(await accuse(world, pod)).toMatchObject({ decisions: ["act"], acted: ["refused"] });
  expect(world.kubernetes.deleted.size).toBe(0);
  expect(world.bodies<ReceiptBody>("receipt")).toMatchObject([{ receipt: { outcome: "refused" } }]);
});

test("a mirror of a static pod is held; its twin is deleted", async () => {
  for (const [annotations, deleted] of [
    [{ "kubernetes.io/config.mirror": "x" }, 0],
    [{}, 1],
  ] as const) {
    const world = new World();
    await accuse(world, world.kubernetes.run({ annotations }));
    expect(world.kubernetes.deleted.size).toBe(deleted);
  }
});

test("Falco's own pod is never the target; a neighbour of the same owner is", async () => {
  const world = new World();
  const controller = world.kubernetes.deployment("falco");
  const pod = world.kubernetes.run({ controller });
  const about = { ...pod, containerId: containerOf(pod) };
  for (const [sensorPod, deleted] of [
    [pod.name, 0],
    ["another", 1],
  ] as const) {
    const entry = podEntry(world, about, { sensor: { taskArn: null, ecsCluster: null, ec2InstanceId: null, pod: sensorPod } });
    await respond({ body: JSON.stringify(entry), receiveCount: 1 }, world.respondPorts(), signal);
    expect(world.kubernetes.deleted.size).toBe(deleted);
  }
});

test("evidence of a pod has what the API server says of it, its node and its owners", async () => {
  const world = new World();
  world.kubernetes.node("node-1");
  const pod = world.kubernetes.run({ controller: world.kubernetes.deployment("web"), node: "node-1" });
  expect(await accuse(world, pod)).toMatchObject({ acted: ["done"] });
  const [kept = "{}"] = world.evidence.values();
  expect(JSON.parse(kept)).toMatchObject({
    workload: { uid: pod.uid },
    world: {
      pod: { metadata: { uid: pod.uid }, spec: { nodeName: "node-1" } },
      node: { metadata: { name: "node-1" } },
      owners: [{ kind: "ReplicaSet" }, { kind: "Deployment", metadata: { name: "web" } }],
    },
  });
});
