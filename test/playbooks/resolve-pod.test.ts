import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Fields } from "#shared/domain/alert.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Resolution } from "#shared/domain/workload.ts";
import { look as lookAgain, resolve } from "#shared/playbooks/index.ts";
import type { PodFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { fakeAccess } from "../fakes/cluster-access.ts";
import { FakeKubernetes } from "../fakes/kubernetes.ts";
import { type Accusation, entry, found, kubeCluster, never, testClock } from "./builders.ts";

function world() {
  const kube = new FakeKubernetes();
  const controller = kube.deployment("web");
  const offender = kube.run({ name: "web-a", controller, labels: { app: "web" } });
  const neighbour = kube.run({ name: "web-b", controller });
  const elsewhere = kube.run({ name: "web-c", controller, node: "node-2" });
  return { kube, offender, neighbour, elsewhere, id: idOf(offender) };
}

const idOf = (pod: PodFacts, length = 12): string => (pod.containers[0]?.id ?? "").slice(0, length);
const named = (pod: PodFacts, more: Fields = {}): Fields => ({ "k8s.ns.name": pod.namespace, "k8s.pod.name": pod.name, ...more });

const look = (kube: FakeKubernetes, accusation: Accusation, clock = testClock()): Promise<Resolution> =>
  resolve(entry(kubeCluster, accusation), kubeCluster, fakeAccess({ kubernetes: kube }), clock, never);

async function refusal(kube: FakeKubernetes, accusation: Accusation): Promise<string> {
  const resolution = await look(kube, accusation);
  if (resolution.kind !== "unverified") throw new Error(`expected a refusal, got ${resolution.kind}`);
  return resolution.because;
}

describe("by the names in the alert", () => {
  test("the named pod is found when its containerID begins with the alert's container id", async () => {
    const { kube, offender, id } = world();
    const workload = found(await look(kube, { containerId: id, fields: named(offender), hostname: "node-1" }));
    expect(workload).toMatchObject({
      kind: "pod",
      uid: offender.uid,
      namespace: "shop",
      name: "web-a",
      node: "node-1",
      owner: { kind: "Deployment", name: "web" },
      labels: { app: "web" },
      container: { name: "app", id: offender.containers[0]?.id },
      mirror: false,
      deleting: false,
    });
  });

  test("a StatefulSet's successor of the same name is innocent", async () => {
    const { kube } = world();
    const controller = kube.controller("StatefulSet", "db");
    const first = kube.run({ name: "db-0", controller });
    expect(found(await look(kube, { containerId: idOf(first), fields: named(first) })).uid).toBe(first.uid);
    await kube.delete(POD, first, {});
    kube.tick();
    expect(kube.running().find(({ name }) => name === "db-0")?.uid).not.toBe(first.uid);
    expect(await refusal(kube, { containerId: idOf(first), fields: named(first) })).toContain("a successor of that name");
    expect(await refusal(kube, { containerId: idOf(first), fields: named(first, { "k8s.pod.uid": first.uid }) })).toContain("uid is not");
  });

  test.each(["k8s.pod.uid", "k8s.pod.id"])("%s must be the pod's", async (field) => {
    const { kube, offender, neighbour, id } = world();
    const claim = (uid: string) => ({ containerId: id, fields: named(offender, { [field]: uid }) });
    expect(await refusal(kube, claim(neighbour.uid))).toContain("another uid");
    expect(found(await look(kube, claim(offender.uid))).uid).toBe(offender.uid);
  });

  test("two uids that disagree hold, even when one of them is right", async () => {
    const { kube, offender, neighbour, id } = world();
    const fields = named(offender, { "k8s.pod.uid": offender.uid, "k8s.pod.id": neighbour.uid });
    expect(await refusal(kube, { containerId: id, fields })).toContain("disagree");
  });

  test("a pod named by a forger has not the accusing container", async () => {
    const { kube, offender, neighbour, id } = world();
    expect(await refusal(kube, { containerId: id, fields: named(neighbour) })).toContain("has no container");
    expect(found(await look(kube, { containerId: id, fields: named(offender) })).uid).toBe(offender.uid);
  });

  test("a pod on another node than the sensor holds", async () => {
    const { kube, offender, id } = world();
    expect(await refusal(kube, { containerId: id, fields: named(offender), hostname: "node-2" })).toContain("FALCO_HOSTNAME");
    for (const hostname of ["node-1", "NODE-1", null, ""])
      expect(found(await look(kube, { containerId: id, fields: named(offender), hostname })).uid).toBe(offender.uid);
  });

  test("a host's short name is the node's long one; another host that begins alike is not", async () => {
    const { kube } = world();
    const pod = kube.run({ node: "ip-10-0-0-1.eu-west-1.compute.internal" });
    const accusation = { containerId: idOf(pod), fields: named(pod) };
    expect(found(await look(kube, { ...accusation, hostname: "ip-10-0-0-1" })).uid).toBe(pod.uid);
    expect(await refusal(kube, { ...accusation, hostname: "ip-10-0-0-11" })).toContain("is on node");
    expect(await refusal(kube, { ...accusation, hostname: "ip-10-0-0" })).toContain("is on node");
  });

  test("Falco's own pod name as its hostname is no claim about a node", async () => {
    const { kube, offender, id } = world();
    const accusation = { containerId: id, fields: named(offender), hostname: "falco-x7k2p" };
    expect(found(await look(kube, { ...accusation, sensor: { pod: "falco/falco-x7k2p" } })).uid).toBe(offender.uid);
    expect(found(await look(kube, { ...accusation, sensor: { pod: "falco-x7k2p" } })).uid).toBe(offender.uid);
    expect(await refusal(kube, { ...accusation, sensor: { pod: "falco-other" } })).toContain("is on node");
  });

  test("the node of Falco's own pod stands in for a hostname that is none", async () => {
    const { kube, offender, elsewhere, id } = world();
    kube.run({ namespace: "falco", name: "falco-x7k2p", node: "node-1" });
    for (const hostname of ["falco-x7k2p", null]) {
      const accusation = { hostname, sensor: { pod: "falco/falco-x7k2p" } };
      expect(found(await look(kube, { ...accusation, containerId: id, fields: named(offender) })).uid).toBe(offender.uid);
      expect(found(await look(kube, { ...accusation, containerId: id })).uid).toBe(offender.uid);
      expect(await refusal(kube, { ...accusation, containerId: idOf(elsewhere), fields: named(elsewhere) })).toContain("is on node node-2");
    }
    expect(await refusal(kube, { containerId: id, sensor: { pod: "falco/../x" } })).toContain("neither its pod nor its node");
  });

  test("an unscheduled pod holds", async () => {
    const { kube, offender, id } = world();
    kube.change(offender, { node: null });
    expect(await refusal(kube, { containerId: id, fields: named(offender) })).toContain("on no node");
  });

  test("a pod that is not there holds", async () => {
    const { kube, offender, id } = world();
    kube.remove(offender);
    expect(await refusal(kube, { containerId: id, fields: named(offender) })).toContain("no pod shop/web-a");
  });

  test("the container before the last restart does not count", async () => {
    const { kube, offender } = world();
    const [container] = offender.containers;
    if (container === undefined) throw new Error("no container");
    kube.change(offender, { containers: [{ ...container, id: "f".repeat(64) }] });
    expect(await refusal(kube, { containerId: idOf(offender), fields: named(offender) })).toContain("a restarted container");
    expect(found(await look(kube, { containerId: "f".repeat(12), fields: named(offender) })).uid).toBe(offender.uid);
  });

  test("the container before the last restart counts when the alert's uid is the pod's, and it is said so", async () => {
    const { kube, offender, neighbour } = world();
    const [container] = offender.containers;
    if (container === undefined) throw new Error("no container");
    kube.change(offender, { containers: [{ ...container, id: "f".repeat(64), lastId: container.id }] });
    const accused = (fields: Fields) => ({ containerId: idOf(offender), fields: named(offender, fields) });
    expect(await refusal(kube, accused({}))).toContain("before its restart, and the alert says no uid");
    expect(await refusal(kube, accused({ "k8s.pod.uid": neighbour.uid }))).toContain("another uid");
    const resolution = await look(kube, accused({ "k8s.pod.uid": offender.uid }));
    expect(resolution).toMatchObject({
      kind: "found",
      how: "the pod that the alert names: the uid is the alert's; the container has restarted since",
      workload: { uid: offender.uid, container: { id: container.id } },
    });
    const current = await look(kube, { containerId: "f".repeat(12), fields: named(offender) });
    expect(current).toMatchObject({ how: "the pod that the alert names: its containerID begins with the alert's container id" });
  });

  test.each(["initContainerStatuses", "ephemeralContainerStatuses"])("a container in %s counts", async (statuses) => {
    const { kube, offender } = world();
    const object = kube.object(POD, offender.namespace, offender.name);
    if (object === null) throw new Error("no pod");
    const debug = { name: "debug", image: "busybox", containerID: `containerd://${"e".repeat(64)}`, state: { running: {} } };
    expect(await refusal(kube, { containerId: "e".repeat(12), fields: named(offender) })).toContain("has no container");
    kube.put(POD, { ...object, status: { ...object.status, [statuses]: [debug] } });
    const workload = found(await look(kube, { containerId: "e".repeat(12), fields: named(offender) }));
    expect(workload).toMatchObject({ uid: offender.uid, container: { name: "debug" } });
  });

  test.each(["k8s.pod.sandbox_id", "k8s.pod.full_sandbox_id"])("the sandbox of %s is no container", async (field) => {
    const { kube, offender, id } = world();
    const sandbox = (value: string, containerId = id) => ({ containerId, fields: named(offender, { [field]: value }), ageMs: 500 });
    for (const value of ["d".repeat(12), "d".repeat(64)])
      expect(await refusal(kube, sandbox(value, "d".repeat(12)))).toContain("is its pod's sandbox");
    expect(kube.calls).toEqual([]);
    expect(found(await look(kube, sandbox("d".repeat(12)))).uid).toBe(offender.uid);
  });

  test.each<[string, Fields]>([
    ["a slash", { "k8s.ns.name": "shop", "k8s.pod.name": "web-a/status" }],
    ["dots that climb", { "k8s.ns.name": "..", "k8s.pod.name": "web-a" }],
    ["a query", { "k8s.ns.name": "shop", "k8s.pod.name": "web-a?x=1" }],
    ["upper case", { "k8s.ns.name": "Shop", "k8s.pod.name": "web-a" }],
    ["a line break", { "k8s.ns.name": "shop", "k8s.pod.name": "web-a\n" }],
    ["a number", { "k8s.ns.name": "shop", "k8s.pod.name": 7 }],
    ["a list", { "k8s.ns.name": ["shop"], "k8s.pod.name": "web-a" }],
  ])("names with %s never reach the API server", async (_, fields) => {
    const { kube, offender, id } = world();
    expect((await look(kube, { containerId: id, fields })).kind).toBe("unverified");
    expect(kube.calls).toEqual([]);
    expect(found(await look(kube, { containerId: id, fields: named(offender) })).uid).toBe(offender.uid);
  });
});

describe("by the node", () => {
  test("the only pod on the node with that container is found", async () => {
    const { kube, offender, id } = world();
    expect(found(await look(kube, { containerId: id, hostname: "node-1" })).uid).toBe(offender.uid);
    expect(
      found(await look(kube, { containerId: id, hostname: "node-1", fields: { "k8s.pod.name": "<NA>", "k8s.ns.name": null } })).uid,
    ).toBe(offender.uid);
  });

  test("a pod on another node is not looked at", async () => {
    const { kube, elsewhere } = world();
    const containerId = idOf(elsewhere);
    expect(await refusal(kube, { containerId, hostname: "node-1" })).toContain("no pod on the alert's node");
    expect(found(await look(kube, { containerId, hostname: "node-2" })).uid).toBe(elsewhere.uid);
  });

  test("neither pod nor node, or a hostname that is none, holds", async () => {
    const { kube, id } = world();
    expect(await refusal(kube, { containerId: id })).toContain("neither its pod nor its node");
    expect(await refusal(kube, { containerId: id, hostname: "falco-x7k2p", sensor: { pod: "falco-x7k2p" } })).toContain("neither");
    expect(await refusal(kube, { containerId: id, hostname: "node-1,metadata.name=x" })).toContain("no node name");
    expect(kube.calls).toEqual([]);
  });

  test("a claim beside the node must be true of the pod", async () => {
    const { kube, offender, id } = world();
    const half = (fields: Fields) => ({ containerId: id, hostname: "node-1", fields });
    expect(await refusal(kube, half({ "k8s.ns.name": "bank" }))).toContain("another namespace");
    expect(await refusal(kube, half({ "k8s.pod.name": "web-z" }))).toContain("another name");
    expect(await refusal(kube, half({ "k8s.pod.uid": "u" }))).toContain("another uid");
    expect(found(await look(kube, half({ "k8s.ns.name": "shop" }))).uid).toBe(offender.uid);
    expect(found(await look(kube, half({ "k8s.pod.name": "web-a" }))).uid).toBe(offender.uid);
    expect(found(await look(kube, half({ "k8s.pod.uid": offender.uid }))).uid).toBe(offender.uid);
  });

  test("two containers with that id hold", async () => {
    const { kube, offender, id } = world();
    const twin = kube.run({ containers: offender.containers });
    expect(await refusal(kube, { containerId: id, hostname: "node-1" })).toContain("more than one");
    kube.remove(twin);
    expect(found(await look(kube, { containerId: id, hostname: "node-1" })).uid).toBe(offender.uid);
  });
});

describe("what the control plane says", () => {
  test.each<[string, Partial<PodFacts>]>([
    ["being deleted", { deletionTimestamp: "2026-03-01T12:00:00Z" }],
    ["Succeeded", { phase: "Succeeded" }],
    ["Failed", { phase: "Failed" }],
  ])("a pod that is %s is gone", async (_, facts) => {
    const { kube, offender, id } = world();
    kube.change(offender, facts);
    expect(await look(kube, { containerId: id, fields: named(offender) })).toMatchObject({ kind: "gone", workload: { uid: offender.uid } });
  });

  test("a static pod, which the kubelet knows by another uid than the API, says what to do", async () => {
    const { kube, offender, id } = world();
    const accusation = { containerId: id, fields: named(offender, { "k8s.pod.uid": "0123456789abcdef0123456789abcdef" }) };
    expect(await refusal(kube, accusation)).toContain("another uid");
    kube.change(offender, { annotations: { "kubernetes.io/config.mirror": "0123456789abcdef0123456789abcdef" } });
    expect(await refusal(kube, accusation)).toContain("remove its manifest on its node");
    expect(found(await look(kube, { containerId: id, fields: named(offender) }))).toMatchObject({ mirror: true });
  });

  test("a pod in its host's network is marked as one", async () => {
    const { kube, offender, id } = world();
    expect(found(await look(kube, { containerId: id, fields: named(offender) }))).toMatchObject({ hostNetwork: false });
    kube.change(offender, { hostNetwork: true });
    expect(found(await look(kube, { containerId: id, fields: named(offender) }))).toMatchObject({ hostNetwork: true });
  });

  test("a pod is looked at again by its uid and its container, which may have restarted since", async () => {
    const { kube, offender, id } = world();
    const former = found(await look(kube, { containerId: id, fields: named(offender) }));
    const again = () => lookAgain(former, kubeCluster, fakeAccess({ kubernetes: kube }), never);
    const [container] = offender.containers;
    if (container === undefined) throw new Error("no container");
    expect(await again()).toMatchObject({ kind: "found" });
    kube.change(offender, { containers: [{ ...container, id: "f".repeat(64), lastId: container.id }] });
    expect(await again()).toMatchObject({ kind: "found", how: expect.stringContaining("has restarted since") });
    kube.change(offender, { uid: "11111111-2222-4333-8444-555555555555" });
    expect(await again()).toMatchObject({ kind: "unverified", because: "the pod is gone" });
  });

  test("a static pod's mirror is marked as one", async () => {
    const { kube, offender, id } = world();
    kube.change(offender, { annotations: { "kubernetes.io/config.mirror": "hash" } });
    expect(found(await look(kube, { containerId: id, fields: named(offender) }))).toMatchObject({ mirror: true });
  });

  test("a look that fails is an error, never a verdict", async () => {
    const { kube, offender, id } = world();
    kube.fail("get", new PipelineError("kube_unreachable", "away"));
    await expect(look(kube, { containerId: id, fields: named(offender) })).rejects.toMatchObject({ code: "kube_unreachable" });
  });

  test("a container that the kubelet has not reported yet is looked for again, if the alert is young", async () => {
    const { kube } = world();
    const pod = kube.run();
    const [container] = pod.containers;
    if (container === undefined) throw new Error("no container");
    const accusation = { containerId: idOf(pod), fields: named(pod), ageMs: 500 };
    const hide = () => kube.change(pod, { containers: [{ ...container, id: null }] });
    const clock = testClock((nth) => nth === 1 && kube.change(pod, { containers: pod.containers }));
    hide();
    expect(found(await look(kube, accusation, clock)).uid).toBe(pod.uid);
    hide();
    expect((await look(kube, { ...accusation, ageMs: 300_000 })).kind).toBe("unverified");
  });
});

test("whatever the alert says, only the pod with that container is ever found", async () => {
  const { kube, offender, neighbour, elsewhere, id } = world();
  const pods = [offender, neighbour, elsewhere];
  const accusation = fc.record({
    containerId: fc.constantFrom(id, idOf(neighbour), "0".repeat(12), "zz"),
    ns: fc.option(fc.constantFrom("shop", "bank", "", "<NA>")),
    name: fc.option(fc.constantFrom(...pods.map(({ name }) => name), "web-z")),
    uid: fc.option(fc.constantFrom(...pods.map(({ uid }) => uid))),
    hostname: fc.option(fc.constantFrom("node-1", "node-2", "x")),
  });
  await fc.assert(
    fc.asyncProperty(accusation, async ({ containerId, ns, name, uid, hostname }) => {
      const fields = { "k8s.ns.name": ns, "k8s.pod.name": name, "k8s.pod.uid": uid };
      const resolution = await look(kube, { containerId, fields, hostname });
      if (resolution.kind === "unverified") return;
      const { workload } = resolution;
      expect(workload.container?.id.startsWith(containerId)).toBe(true);
      if (uid !== null) expect(workload.uid).toBe(uid);
      if (hostname !== null) expect(workload).toMatchObject({ node: hostname });
    }),
  );
});
