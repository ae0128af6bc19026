import { expect, test } from "vitest";
import { iamActor } from "#shared/domain/actor.ts";
import { operate } from "#shared/pipeline/operate.ts";
import { respond } from "#shared/pipeline/respond.ts";
import { sweep } from "#shared/pipeline/sweep.ts";
import { NETWORK_POLICY, NODE, POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { INCIDENT, MANAGED_BY, QUARANTINE, TARGET } from "#shared/playbooks/kubernetes/marks.ts";
import { encodeOrder } from "#shared/wire/order.ts";
import type { World } from "../fakes/world.ts";
import { done } from "./done.ts";

const signal = new AbortController().signal;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const ALICE = "arn:aws:iam::111122223333:user/alice";
const NOBODY = "11111111-2222-4333-8444-555555555555";
const QUIET = { unproven: "allow", expires_after: "700h" };

/** What the next search, which is due by then, finds. */
async function left(world: World, afterMs = 2 * HOUR): Promise<number> {
  world.later(afterMs);
  return (await sweep(world.sweepPorts(), signal)).leftovers;
}

/** A policy that bears our marks, made for the pod of this uid, so long ago. */
function policyFor(world: World, target: string, ageMs = 24 * HOUR, owner?: { readonly name: string; readonly uid: string }): void {
  world.kubernetes.put(NETWORK_POLICY, {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: {
      name: "falco-responder-old",
      namespace: "shop",
      uid: "0-0-0-0-1",
      resourceVersion: "1",
      creationTimestamp: new Date(world.clock.now() - ageMs).toISOString(),
      labels: { [MANAGED_BY.key]: MANAGED_BY.value, [TARGET]: target },
      ...(owner === undefined ? {} : { ownerReferences: [{ apiVersion: "v1", kind: "Pod", ...owner }] }),
    },
    spec: { podSelector: { matchLabels: { [QUARANTINE]: target } } },
  });
}

test("what an action stands for is none; what nothing stands for is found, counted and not touched", async () => {
  const { world, pod } = await done("kubernetes:quarantine", QUIET);
  expect(await left(world)).toBe(0);
  policyFor(world, NOBODY);
  expect(await left(world)).toBe(1);
  expect(world.kubernetes.all(NETWORK_POLICY)).toHaveLength(2);
  expect(world.counts.get("Leftovers")).toBe(1);
  expect(world.kubernetes.all(POD).find(({ metadata }) => metadata.uid === pod.uid)).toBeDefined();
});

test("each cluster is searched once an hour", async () => {
  const { world } = await done("kubernetes:cordon");
  expect(await left(world)).toBe(0);
  policyFor(world, NOBODY);
  expect(await left(world, HOUR - 1)).toBe(0);
  expect(await left(world, 1)).toBe(1);
});

test("what was made a moment ago may have a claim that is not settled yet", async () => {
  const young = await done("kubernetes:cordon");
  policyFor(young.world, NOBODY, 15 * MINUTE);
  expect(await left(young.world, 0)).toBe(0);
  const old = await done("kubernetes:cordon");
  policyFor(old.world, NOBODY, 15 * MINUTE + 1);
  expect(await left(old.world, 0)).toBe(1);
});

test("a policy that outlives its pod is one, even while the claim on the pod stands", async () => {
  const { world, pod } = await done("kubernetes:quarantine", QUIET);
  policyFor(world, pod.uid, 24 * HOUR, pod);
  expect(await left(world)).toBe(0);
  // As when garbage collection is off: another pod has the name.
  policyFor(world, pod.uid, 24 * HOUR, { name: pod.name, uid: NOBODY });
  expect(await left(world)).toBe(1);
});

test("an action that does not isolate stands for no policy of its target", async () => {
  const { world, pod } = await done("kubernetes:log");
  policyFor(world, pod.uid);
  expect(await left(world)).toBe(1);
  const isolated = await done("kubernetes:quarantine", QUIET);
  policyFor(isolated.world, isolated.pod.uid);
  expect(await left(isolated.world)).toBe(0);
});

test("an isolation that was taken back stands for nothing", async () => {
  const { world, pod } = await done("kubernetes:quarantine", QUIET);
  await takeBack(world, "kubernetes:quarantine");
  policyFor(world, pod.uid);
  expect(await left(world)).toBe(1);
});

test("a node that bears our mark and no receipt is one; one with its receipt is not", async () => {
  const { world } = await done("kubernetes:cordon");
  expect(await left(world)).toBe(0);
  world.kubernetes.node("node-3", { annotations: { "falco-responder.io/cordoned": "0123456789abcdef" } });
  expect(await left(world)).toBe(1);
});

test("a node that bears the mark of a cordon that was taken back is one", async () => {
  const { world } = await done("kubernetes:cordon");
  const marked = world.kubernetes.object(NODE, null, "node-1");
  await takeBack(world, "kubernetes:cordon");
  expect(await left(world)).toBe(0);
  if (marked !== null) world.kubernetes.put(NODE, marked);
  expect(await left(world)).toBe(1);
});

test("what is no key of ours is not looked for in the ledger", async () => {
  const { world } = await done("kubernetes:cordon");
  policyFor(world, "NOT a uid");
  world.kubernetes.node("node-3", { annotations: { "falco-responder.io/cordoned": "../x", [INCIDENT]: "?" } });
  expect(await left(world)).toBe(2);
});

test("a cluster that cannot be asked costs the run nothing else", async () => {
  const { world } = await done("kubernetes:cordon");
  world.kubernetes.list = () => Promise.reject(new Error("away"));
  expect(await left(world)).toBe(0);
});

async function takeBack(world: World, action: string): Promise<void> {
  const [{ incident = "" } = {}] = world.bodies<{ readonly incident: string }>("incident");
  const ports = { ...world.respondPorts(), ...world.sweepPorts() };
  expect((await operate({ verb: "undo", incident, action, target: null }, iamActor(ALICE), ports, signal)).kind).toBe("accepted");
  for (let next = world.orders.shift(); next !== undefined; next = world.orders.shift())
    await respond({ body: encodeOrder(next.order), receiveCount: 1 }, world.respondPorts(), signal);
}
