import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CONFIG_MAP, DEPLOYMENT, NAMESPACE, NODE, POD, POD_DISRUPTION_BUDGET, RESOURCE_QUOTA } from "#shared/playbooks/kubernetes/kinds.ts";
import type { Kind, KubeObject, PatchOperation, PatchOptions } from "#shared/ports/kubernetes.ts";
import { controllersContract } from "./kubernetes-controllers.suite.ts";
import { isUp, type KubeWorld, NOBODY, signal, stage } from "./kubernetes-world.ts";

/** No matter what else is installed there. */
const UNSERVED: Kind = { group: "unserved.example.com", version: "v1", resource: "things", kind: "Thing", namespaced: true };

export function kubernetesContract(name: string, open: () => Promise<KubeWorld>): void {
  describe(`KubernetesApi: ${name}`, { timeout: 60_000 }, () => {
    let world: KubeWorld;
    beforeAll(async () => {
      world = await open();
    }, 120_000);
    afterAll(() => world?.close());
    objectsContract(() => world);
    podsContract(() => world);
    controllersContract(() => world);
  });
}

function objectsContract(world: () => KubeWorld): void {
  const { at, object, make, get, gone, soon } = stage(world);
  const patch = (of: Kind, called: string, operations: readonly PatchOperation[], options: PatchOptions = {}) =>
    world().api.patch(of, at(of, called), operations, options, signal);
  const remove = (of: Kind, called: string, uid: string, options: Parameters<KubeWorld["api"]["delete"]>[2] = {}) =>
    world().api.delete(of, { ...at(of, called), uid }, options, signal);

  test("kinds that are not served, and objects and namespaces that are not there, are data", async () => {
    const { api, namespace } = world();
    expect(await api.get(UNSERVED, namespace, "x", signal)).toBeNull();
    expect(await api.list(UNSERVED, {}, signal)).toBeNull();
    expect(await api.create(UNSERVED, object(UNSERVED, "x"), {}, signal)).toEqual({ kind: "gone" });
    expect(await patch(UNSERVED, "x", [])).toEqual({ kind: "gone" });
    expect(await remove(UNSERVED, "x", NOBODY)).toEqual({ kind: "gone" });
    expect(await get(CONFIG_MAP, "nobody")).toBeNull();
    expect(await api.list(CONFIG_MAP, { namespace: "nowhere" }, signal)).toEqual([]);
    const nowhere = { ...object(CONFIG_MAP, "x"), metadata: { name: "x", namespace: "nowhere" } };
    expect(await api.create(CONFIG_MAP, nowhere, {}, signal)).toEqual({ kind: "gone" });
    expect(await patch(CONFIG_MAP, "nobody", [])).toEqual({ kind: "gone" });
    expect(await remove(CONFIG_MAP, "nobody", NOBODY)).toEqual({ kind: "gone" });
    expect(await api.evict({ ...at(POD, "nobody"), uid: NOBODY }, {}, signal)).toEqual({ kind: "gone" });
    expect(await api.logs(at(POD, "nobody"), { container: "app", tailLines: 1, limitBytes: 9 }, signal)).toBeNull();
  });

  test("what is created is there once, whole, with uid and version; a dry run is not there", async () => {
    const { api } = world();
    const rest = { data: { a: "1" } };
    const dry = await api.create(CONFIG_MAP, object(CONFIG_MAP, "once", rest), { dryRun: true }, signal);
    expect(dry).toMatchObject({ kind: "created", object: { metadata: { name: "once" }, ...rest } });
    expect(await get(CONFIG_MAP, "once")).toBeNull();
    const made = await make(CONFIG_MAP, "once", rest, { labels: { app: "a" }, annotations: { note: "b" } });
    expect(made.metadata).toMatchObject({ uid: expect.stringMatching(/^[0-9a-f-]{36}$/), resourceVersion: expect.stringMatching(/^\d+$/) });
    expect(await get(CONFIG_MAP, "once")).toMatchObject({
      metadata: { name: "once", uid: made.metadata.uid, labels: { app: "a" }, annotations: { note: "b" } },
      ...rest,
    });
    expect(await api.create(CONFIG_MAP, object(CONFIG_MAP, "once"), {}, signal)).toEqual({ kind: "exists" });
  });

  test("what is in no namespace is got without one", async () => {
    expect(await get(NODE, world().node)).toMatchObject({ metadata: { name: world().node } });
    expect(await get(NAMESPACE, world().namespace)).toMatchObject({ metadata: { name: world().namespace } });
  });

  test("lists are whole however long, and cut to a namespace, labels and fields", async () => {
    const { api, namespace } = world();
    const names = Array.from({ length: 260 }, (_, n) => `page-${n}`);
    const tier = (n: number) => ({ labels: { list: "l", tier: `t${n % 3}`, ...(n === 0 ? { special: "" } : {}) } });
    await Promise.all(names.map((one, n) => make(CONFIG_MAP, one, {}, tier(n))));
    const count = async (labels: string, fields?: string) =>
      (await api.list(CONFIG_MAP, { namespace, labels, ...(fields === undefined ? {} : { fields }) }, signal))?.length;
    const all = await api.list(CONFIG_MAP, { labels: "list=l" }, signal);
    expect(all?.map(({ metadata }) => metadata.name).sort()).toEqual(names.sort());
    expect(await count("list=l,tier=t0")).toBe(87);
    expect(await count("list=l,tier!=t0")).toBe(173);
    expect(await count("list=l,tier in (t0,t1)")).toBe(174);
    expect(await count("list=l,tier notin (t0,t1)")).toBe(86);
    expect(await count("list=l,special")).toBe(1);
    expect(await count("list=l,!special")).toBe(259);
    expect(await count("list=l", "metadata.name=page-7")).toBe(1);
    expect(await count("list=other")).toBe(0);
  });

  test("a patch is done whole, or not at all", async () => {
    const { metadata } = await make(CONFIG_MAP, "patched", { data: { a: "1", "x.z": "0" } }, { labels: { keep: "k" } });
    const test_ = (path: string, value: unknown) => ({ op: "test", path, value }) as const;
    const add = { op: "add", path: "/metadata/labels/new", value: "n" } as const;
    expect(await patch(CONFIG_MAP, "patched", [test_("/metadata/uid", NOBODY), add])).toEqual({ kind: "conflict" });
    expect(await patch(CONFIG_MAP, "patched", [add, test_("/metadata/resourceVersion", "1")])).toEqual({ kind: "conflict" });
    expect(await patch(CONFIG_MAP, "patched", [add, { op: "remove", path: "/data/b" }])).toEqual({ kind: "conflict" });
    expect(await patch(CONFIG_MAP, "patched", [{ op: "add", path: "/metadata/annotations/a", value: "1" }])).toEqual({ kind: "conflict" });
    expect(await get(CONFIG_MAP, "patched")).toMatchObject({ metadata: { resourceVersion: metadata.resourceVersion } });
    const dry = await patch(CONFIG_MAP, "patched", [add], { dryRun: true });
    expect(dry).toMatchObject({ kind: "patched", object: { metadata: { labels: { new: "n" } } } });
    expect((await get(CONFIG_MAP, "patched"))?.metadata).toEqual(expect.objectContaining({ labels: { keep: "k" } }));
    const done = await patch(CONFIG_MAP, "patched", [
      test_("/metadata/uid", metadata.uid),
      test_("/metadata/resourceVersion", metadata.resourceVersion),
      add,
      { op: "add", path: "/metadata/annotations", value: {} },
      { op: "add", path: "/metadata/annotations/a.b~1c", value: "~1" },
      { op: "replace", path: "/data/x.z", value: "2" },
      { op: "remove", path: "/data/a" },
    ]);
    expect(done).toMatchObject({
      kind: "patched",
      object: { metadata: { labels: { keep: "k", new: "n" }, annotations: { "a.b/c": "~1" } }, data: { "x.z": "2" } },
    });
    expect(await get(CONFIG_MAP, "patched")).toMatchObject({ data: { "x.z": "2" } });
    expect(await patch(CONFIG_MAP, "patched", [test_("/metadata/resourceVersion", metadata.resourceVersion)])).toEqual({
      kind: "conflict",
    });
  });

  test("what is not there is null to a test, and may be replaced", async () => {
    await make(CONFIG_MAP, "lax");
    const absent = [
      { op: "test", path: "/metadata/labels", value: null },
      { op: "add", path: "/metadata/labels", value: {} },
      { op: "replace", path: "/metadata/labels/a", value: "1" },
    ] as const;
    expect(await patch(CONFIG_MAP, "lax", absent)).toMatchObject({ kind: "patched", object: { metadata: { labels: { a: "1" } } } });
    expect(await patch(CONFIG_MAP, "lax", absent)).toEqual({ kind: "conflict" });
  });

  test("a patch that changes nothing makes no new version", async () => {
    const { metadata } = await make(CONFIG_MAP, "same", {}, { labels: { a: "1" } });
    const same = await patch(CONFIG_MAP, "same", [{ op: "replace", path: "/metadata/labels/a", value: "1" }]);
    expect(same).toMatchObject({ kind: "patched", object: { metadata: { resourceVersion: metadata.resourceVersion } } });
    const other = await patch(CONFIG_MAP, "same", [{ op: "replace", path: "/metadata/labels/a", value: "2" }]);
    expect(other.kind === "patched" && other.object.metadata.resourceVersion).not.toBe(metadata.resourceVersion);
  });

  test("a delete needs the uid, and the version where it is given; a dry run deletes nothing", async () => {
    const { uid, resourceVersion } = (await make(CONFIG_MAP, "deleted")).metadata;
    expect(await remove(CONFIG_MAP, "deleted", NOBODY)).toEqual({ kind: "conflict" });
    expect(await remove(CONFIG_MAP, "deleted", uid, { resourceVersion: "1" })).toEqual({ kind: "conflict" });
    expect(await remove(CONFIG_MAP, "deleted", uid, { dryRun: true })).toEqual({ kind: "accepted" });
    expect((await get(CONFIG_MAP, "deleted"))?.metadata).toMatchObject({ uid, resourceVersion });
    expect(await remove(CONFIG_MAP, "deleted", uid, { resourceVersion })).toEqual({ kind: "accepted" });
    expect(await get(CONFIG_MAP, "deleted")).toBeNull();
    expect(await remove(CONFIG_MAP, "deleted", uid)).toEqual({ kind: "gone" });
    await make(CONFIG_MAP, "deleted");
    expect(await remove(CONFIG_MAP, "deleted", uid)).toEqual({ kind: "conflict" });
  });

  test("a finalizer holds what is deleted until somebody takes it away", async () => {
    const { uid } = (await make(CONFIG_MAP, "held", {}, { finalizers: ["falco-responder.io/test"] })).metadata;
    expect(await remove(CONFIG_MAP, "held", uid)).toEqual({ kind: "accepted" });
    await world().wait();
    expect((await get(CONFIG_MAP, "held"))?.metadata).toMatchObject({ uid, deletionTimestamp: expect.any(String) });
    expect(await remove(CONFIG_MAP, "held", uid)).toEqual({ kind: "accepted" });
    expect(await patch(CONFIG_MAP, "held", [{ op: "remove", path: "/metadata/finalizers" }])).toMatchObject({ kind: "patched" });
    expect(await get(CONFIG_MAP, "held")).toBeNull();
  });

  test.each([
    ["Background", false],
    ["Orphan", true],
  ] as const)("what an owner owned goes with it by %s: not = %s", async (propagation, stays) => {
    const owner = await make(CONFIG_MAP, `owner-${propagation.toLowerCase()}`);
    const reference = { apiVersion: "v1", kind: "ConfigMap", name: owner.metadata.name, uid: owner.metadata.uid };
    const owned = `owned-${propagation.toLowerCase()}`;
    await make(CONFIG_MAP, owned, {}, { ownerReferences: [reference] });
    // The collector hears of owners and owned ones a moment later than the server.
    expect(await remove(CONFIG_MAP, owner.metadata.name, owner.metadata.uid, { propagation })).toEqual({ kind: "accepted" });
    await gone(CONFIG_MAP, owner.metadata.name);
    if (stays) await soon(async () => (await get(CONFIG_MAP, owned))?.metadata.ownerReferences === undefined);
    else await gone(CONFIG_MAP, owned);
    expect((await get(CONFIG_MAP, owned)) !== null).toBe(stays);
  });

  test("what admission rejects is told apart, in its words, and nothing is changed", async () => {
    const { api } = world();
    const rejected = { kind: "rejected", because: expect.stringContaining("not here") };
    expect(await api.create(CONFIG_MAP, object(CONFIG_MAP, "forbidden-new"), {}, signal)).toEqual(rejected);
    expect(await api.create(CONFIG_MAP, object(CONFIG_MAP, "forbidden-new"), { dryRun: true }, signal)).toEqual(rejected);
    const { uid, resourceVersion } = (await make(CONFIG_MAP, "forbidden-old")).metadata;
    const label = [{ op: "add", path: "/metadata/labels", value: { a: "1" } }] as const;
    expect(await patch(CONFIG_MAP, "forbidden-old", label)).toEqual(rejected);
    expect(await patch(CONFIG_MAP, "forbidden-old", label, { dryRun: true })).toEqual(rejected);
    expect(await remove(CONFIG_MAP, "forbidden-old", uid)).toEqual(rejected);
    expect((await get(CONFIG_MAP, "forbidden-old"))?.metadata).toMatchObject({ uid, resourceVersion });
    await make(CONFIG_MAP, "allowed");
    expect(await patch(CONFIG_MAP, "allowed", label)).toMatchObject({ kind: "patched" });
  });

  test("a quota that is full rejects, and names itself", async () => {
    const { api } = world();
    const made = () => api.create(DEPLOYMENT, object(DEPLOYMENT, "one-more", { spec: deployment("one-more") }), { dryRun: true }, signal);
    expect(await made()).toMatchObject({ kind: "created" });
    await make(RESOURCE_QUOTA, "full", { spec: { hard: { "count/deployments.apps": "0" } } });
    await soon(async () => {
      const answer = await made();
      return answer.kind === "rejected" && answer.because.includes("exceeded quota: full");
    });
    const { uid } = (await get(RESOURCE_QUOTA, "full"))?.metadata ?? { uid: NOBODY };
    expect(await remove(RESOURCE_QUOTA, "full", uid)).toEqual({ kind: "accepted" });
    await soon(async () => (await made()).kind === "created");
  });

  const deployment = (app: string) => ({ replicas: 0, selector: { matchLabels: { app } }, template: stage(world).template({ app }) });
}

function podsContract(world: () => KubeWorld): void {
  const { at, make, get, pod, gone, soon } = stage(world);
  const place = ({ metadata: { name, uid } }: KubeObject, other?: string) => ({ ...at(POD, name), uid: other ?? uid });

  test("a pod runs on its node, with the id of its container, and is listed there", async () => {
    const { api, node } = world();
    const made = await pod("runs", { app: "runs" });
    expect(made.status).toMatchObject({
      phase: "Running",
      containerStatuses: [{ name: "app", containerID: expect.stringMatching(/^containerd:\/\/[0-9a-f]{64}$/), state: { running: {} } }],
    });
    expect(made.spec).toMatchObject({ nodeName: node, serviceAccountName: "default" });
    const there = await api.list(POD, { fields: `spec.nodeName=${node}`, labels: "app=runs" }, signal);
    expect(there?.map(({ metadata }) => metadata.uid)).toEqual([made.metadata.uid]);
    expect(await api.list(POD, { fields: "spec.nodeName=nowhere" }, signal)).toEqual([]);
    expect(await api.logs(at(POD, "runs"), { container: "other", tailLines: 1, limitBytes: 9 }, signal)).toBeNull();
  });

  test("a pod is deleted by its uid alone, terminates, and goes; another of its name is not", async () => {
    const { api } = world();
    const first = await pod("again");
    expect(await api.delete(POD, place(first, NOBODY), { graceSeconds: 1 }, signal)).toEqual({ kind: "conflict" });
    expect(await api.delete(POD, place(first), { graceSeconds: 1, dryRun: true }, signal)).toEqual({ kind: "accepted" });
    expect(isUp(await get(POD, "again"))).toBe(true);
    expect(await api.delete(POD, place(first), { graceSeconds: 1 }, signal)).toEqual({ kind: "accepted" });
    await gone(POD, "again");
    expect(await api.delete(POD, place(first), { graceSeconds: 1 }, signal)).toEqual({ kind: "gone" });
    const second = await pod("again");
    expect(await api.delete(POD, place(first), { graceSeconds: 1 }, signal)).toEqual({ kind: "conflict" });
    expect((await get(POD, "again"))?.metadata.uid).toBe(second.metadata.uid);
  });

  test("a finalizer keeps a deleted pod's object, terminating", async () => {
    const { api } = world();
    const held = await pod("held", {}, { finalizers: ["falco-responder.io/test"] });
    expect(await api.delete(POD, place(held), { graceSeconds: 1 }, signal)).toEqual({ kind: "accepted" });
    for (let look = 0; look < 8; look++) await world().wait();
    expect((await get(POD, "held"))?.metadata.deletionTimestamp).toEqual(expect.any(String));
    await api.patch(POD, at(POD, "held"), [{ op: "remove", path: "/metadata/finalizers" }], {}, signal);
    await gone(POD, "held");
  });

  test("an eviction obeys the budget, is rehearsed, and needs the uid; one that fails on it has spent the budget", async () => {
    const { api } = world();
    const [one, two, three] = await Promise.all(["budget-1", "budget-2", "budget-3"].map((name) => pod(name, { app: "budget" })));
    if (one === undefined || two === undefined || three === undefined) throw new Error("no pods");
    const selector = { matchLabels: { app: "budget" } };
    await make(POD_DISRUPTION_BUDGET, "most", { spec: { minAvailable: 1, selector } });
    const allowed = (count: number) =>
      soon(async () => (await get(POD_DISRUPTION_BUDGET, "most"))?.status?.["disruptionsAllowed"] === count);
    await allowed(2);
    expect(await api.evict(place(one), { dryRun: true }, signal)).toEqual({ kind: "accepted" });
    expect(isUp(await get(POD, "budget-1"))).toBe(true);
    await allowed(2);
    expect(await api.evict(place(one, NOBODY), { dryRun: true }, signal)).toEqual({ kind: "conflict" });
    expect(await api.evict(place(one, NOBODY), {}, signal)).toEqual({ kind: "conflict" });
    expect(isUp(await get(POD, "budget-1"))).toBe(true);
    await allowed(1);
    expect(await api.evict(place(two), { graceSeconds: 1 }, signal)).toEqual({ kind: "accepted" });
    await gone(POD, "budget-2");
    await allowed(0);
    const most = { kind: "budget", because: expect.stringContaining("most") };
    expect(await api.evict(place(three), {}, signal)).toEqual(most);
    expect(await api.evict(place(three), { dryRun: true }, signal)).toEqual(most);
    expect(await api.evict(place(three, NOBODY), {}, signal)).toEqual({ kind: "conflict" });
    await make(POD_DISRUPTION_BUDGET, "more", { spec: { maxUnavailable: 0, selector } });
    await soon(async () => (await api.evict(place(three), { dryRun: true }, signal)).kind === "budgets");
    expect(isUp(await get(POD, "budget-3"))).toBe(true);
    // A delete asks no budget.
    expect(await api.delete(POD, place(three), { graceSeconds: 1 }, signal)).toEqual({ kind: "accepted" });
    await gone(POD, "budget-3");
  });

  test("an eviction and a delete that admission rejects leave the pod", async () => {
    const { api } = world();
    const forbidden = await pod("forbidden-pod");
    const rejected = { kind: "rejected", because: expect.stringContaining("not here") };
    expect(await api.evict(place(forbidden), {}, signal)).toEqual(rejected);
    expect(await api.delete(POD, place(forbidden), { graceSeconds: 1 }, signal)).toEqual(rejected);
    expect(isUp(await get(POD, "forbidden-pod"))).toBe(true);
  });
}
