import { describe, expect, test } from "vitest";
import { CRON_JOB, DAEMON_SET, DEPLOYMENT, JOB, POD, REPLICA_SET, STATEFUL_SET } from "#shared/playbooks/kubernetes/kinds.ts";
import type { Json, Kind, KubeObject } from "#shared/ports/kubernetes.ts";
import { controllerUid, isUp, type KubeWorld, signal, stage, uidsOf } from "./kubernetes-world.ts";

/** What controllers make of pods that are deleted, relabelled and scaled: the reason for half of what playbooks check. */
export function controllersContract(world: () => KubeWorld): void {
  const { at, make, get, up, template, gone, soon, remove } = stage(world);

  const owner = async (of: Kind, name: string, replicas = 2): Promise<readonly KubeObject[]> => {
    const selector = { matchLabels: { app: name } };
    const rest: Json = { template: template({ app: name }) };
    if (of === JOB) await make(of, name, { spec: { parallelism: replicas, completions: replicas, ...once(rest) } });
    else if (of === DAEMON_SET) await make(of, name, { spec: { selector, ...onNode(name) } });
    else await make(of, name, { spec: { replicas, selector, ...rest, ...(of === STATEFUL_SET ? { serviceName: name } : {}) } });
    return await up(`app=${name}`, of === DAEMON_SET ? 1 : replicas);
  };
  const once = (rest: Json) => ({ template: { ...(rest["template"] as Json), spec: { ...spec(rest), restartPolicy: "Never" } } });
  const spec = (rest: Json) => (rest["template"] as { readonly spec: Json }).spec;
  /** One pod, on the node of this world: its controller chooses nodes itself. */
  const onNode = (name: string) => {
    const { nodeName, ...more } = spec({ template: template({ app: name }) });
    return { template: { metadata: { labels: { app: name } }, spec: { ...more, nodeSelector: { "kubernetes.io/hostname": nodeName } } } };
  };

  const strip = async ({ metadata }: KubeObject) => {
    const operations = [
      { op: "test", path: "/metadata/uid", value: metadata.uid },
      { op: "replace", path: "/metadata/labels", value: { alone: metadata.name } },
    ] as const;
    expect(await world().api.patch(POD, at(POD, metadata.name), operations, {}, signal)).toMatchObject({ kind: "patched" });
  };
  const end = async ({ metadata: { name, uid } }: KubeObject) =>
    expect(await world().api.delete(POD, { ...at(POD, name), uid }, { graceSeconds: 1 }, signal)).toEqual({ kind: "accepted" });
  const first = ([pod]: readonly KubeObject[]): KubeObject => pod ?? expect.fail("no pod");

  test("a Deployment has a ReplicaSet, and that one the pods", async () => {
    const pods = await owner(DEPLOYMENT, "web");
    const sets = await world().api.list(REPLICA_SET, { namespace: world().namespace, labels: "app=web" }, signal);
    const [set] = sets ?? [];
    expect(set && controllerUid(set)).toBe((await get(DEPLOYMENT, "web"))?.metadata.uid);
    for (const pod of pods) expect(controllerUid(pod)).toBe(set?.metadata.uid);
    expect(pods[0]?.metadata.ownerReferences).toMatchObject([{ apiVersion: "apps/v1", kind: "ReplicaSet", controller: true }]);
  });

  describe.each([
    ["Deployment", DEPLOYMENT],
    ["ReplicaSet", REPLICA_SET],
    ["StatefulSet", STATEFUL_SET],
    ["DaemonSet", DAEMON_SET],
    ["Job", JOB],
  ] as const)("%s", (kindName, kind) => {
    const name = `del-${kindName.toLowerCase()}`;

    test("a deleted pod is replaced, its neighbours stay", async () => {
      const before = await owner(kind, name);
      const offender = first(before);
      await end(offender);
      await soon(async () => !uidsOf(await up(`app=${name}`, before.length)).includes(offender.metadata.uid));
      const after = await up(`app=${name}`, before.length);
      for (const neighbour of before.slice(1)) expect(uidsOf(after)).toContain(neighbour.metadata.uid);
      expect(after.some(({ metadata }) => metadata.name === offender.metadata.name)).toBe(kind === STATEFUL_SET);
    });

    test("a pod without its labels is released, stays, and is replaced unless its name is needed", async () => {
      const app = `rel-${kindName.toLowerCase()}`;
      const before = await owner(kind, app);
      const offender = first(before);
      await strip(offender);
      await soon(async () => controllerUid((await get(POD, offender.metadata.name)) ?? offender) === null);
      const left = kind === STATEFUL_SET ? before.length - 1 : before.length;
      const after = await up(`app=${app}`, left);
      expect(uidsOf(after)).not.toContain(offender.metadata.uid);
      const orphan = await get(POD, offender.metadata.name);
      expect(orphan?.metadata.uid).toBe(offender.metadata.uid);
      expect(isUp(orphan)).toBe(true);
      // Once the orphan is gone, its name is free.
      await end(offender);
      await gone2(offender);
      expect(await up(`app=${app}`, before.length)).toHaveLength(before.length);
    });
  });

  const gone2 = ({ metadata: { name, uid } }: KubeObject) => soon(async () => (await get(POD, name))?.metadata.uid !== uid);

  test("a pod that gets its labels back is adopted again, and one too many ends", async () => {
    const offender = first(await owner(REPLICA_SET, "adopt"));
    const set = (await get(REPLICA_SET, "adopt"))?.metadata.uid;
    await strip(offender);
    await soon(async () => controllerUid((await get(POD, offender.metadata.name)) ?? offender) === null);
    await up("app=adopt", 2);
    const labels = [{ op: "replace", path: "/metadata/labels", value: { app: "adopt" } }] as const;
    await world().api.patch(POD, at(POD, offender.metadata.name), labels, {}, signal);
    await soon(async () => (await up("app=adopt", 2)).every((pod) => controllerUid(pod) === set));
  });

  test.each([
    ["Deployment", DEPLOYMENT],
    ["ReplicaSet", REPLICA_SET],
    ["StatefulSet", STATEFUL_SET],
  ] as const)("a %s is scaled by its subresource, as long as it is as it was", async (kindName, kind) => {
    const name = `scale-${kindName.toLowerCase()}`;
    await owner(kind, name);
    const { uid } = (await get(kind, name))?.metadata ?? { uid: "" };
    const scale = (from: number | null, to: number, dryRun = false) =>
      world().api.patch(
        kind,
        at(kind, name),
        [
          { op: "test", path: "/metadata/uid", value: uid },
          { op: "test", path: "/spec/replicas", value: from },
          { op: "add", path: "/spec/replicas", value: to },
        ],
        { subresource: "scale", dryRun },
        signal,
      );
    expect(await scale(2, 0, true)).toMatchObject({ kind: "patched" });
    expect((await get(kind, name))?.spec?.["replicas"]).toBe(2);
    expect(await scale(2, 0)).toMatchObject({ kind: "patched", object: { kind: "Scale", metadata: { name, uid } } });
    await up(`app=${name}`, 0);
    expect((await get(kind, name))?.spec?.["replicas"]).toBe(0);
    expect(await scale(2, 0)).toEqual({ kind: "conflict" });
    // A Scale does not write the zero.
    expect(await scale(0, 1)).toEqual({ kind: "conflict" });
    expect(await scale(null, 1)).toMatchObject({ kind: "patched", object: { spec: { replicas: 1 } } });
    await up(`app=${name}`, 1);
  });

  test("what cannot be scaled has no such subresource", async () => {
    await owner(DAEMON_SET, "scale-daemonset");
    const zero = [{ op: "add", path: "/spec/replicas", value: 0 }] as const;
    expect(await world().api.patch(DAEMON_SET, at(DAEMON_SET, "scale-daemonset"), zero, { subresource: "scale" }, signal)).toEqual({
      kind: "gone",
    });
  });

  test("a ReplicaSet of a Deployment that is scaled behind its back is scaled back", async () => {
    const [pod] = await owner(DEPLOYMENT, "behind");
    const set = pod?.metadata.ownerReferences?.[0]?.name ?? "";
    const zero = [{ op: "replace", path: "/spec/replicas", value: 0 }] as const;
    expect(await world().api.patch(REPLICA_SET, at(REPLICA_SET, set), zero, { subresource: "scale" }, signal)).toMatchObject({
      kind: "patched",
    });
    await soon(async () => (await get(REPLICA_SET, set))?.spec?.["replicas"] === 2);
    await up("app=behind", 2);
  });

  test("a suspended Job's pods end, and come back when it goes on", async () => {
    await owner(JOB, "suspended");
    const suspend = (value: boolean) =>
      world().api.patch(JOB, at(JOB, "suspended"), [{ op: "add", path: "/spec/suspend", value }], {}, signal);
    expect(await suspend(true)).toMatchObject({ kind: "patched", object: { spec: { suspend: true } } });
    await up("app=suspended", 0);
    expect(await suspend(false)).toMatchObject({ kind: "patched" });
    await up("app=suspended", 2);
  });

  test("a suspended CronJob's Jobs go on", async () => {
    const spec = { schedule: "0 0 1 1 *", jobTemplate: { spec: once({ template: template({ app: "cron" }) }) } };
    const { uid } = (await make(CRON_JOB, "cron", { spec })).metadata;
    const ownerReferences = [{ apiVersion: "batch/v1", kind: "CronJob", name: "cron", uid, controller: true }];
    await make(JOB, "cron-1", { spec: { parallelism: 1, ...spec.jobTemplate.spec } }, { ownerReferences });
    const [pod] = await up("app=cron", 1);
    const suspended = [{ op: "add", path: "/spec/suspend", value: true }] as const;
    expect(await world().api.patch(CRON_JOB, at(CRON_JOB, "cron"), suspended, {}, signal)).toMatchObject({ kind: "patched" });
    await world().wait();
    expect(uidsOf(await up("app=cron", 1))).toEqual([pod?.metadata.uid]);
    await remove(CRON_JOB, "cron", { propagation: "Background" });
    await gone(JOB, "cron-1");
    await up("app=cron", 0);
  });

  test.each([
    ["Deployment", DEPLOYMENT, {}, 0],
    ["ReplicaSet", REPLICA_SET, {}, 0],
    ["StatefulSet", STATEFUL_SET, {}, 0],
    ["DaemonSet", DAEMON_SET, {}, 0],
    ["Job", JOB, { propagation: "Background" } as const, 0],
    // The server's own choice for Jobs, for the sake of old clients.
    ["Job", JOB, {}, 2],
    ["Deployment", DEPLOYMENT, { propagation: "Orphan" } as const, 2],
  ])("a deleted %s (%s, %o) leaves %i pods", async (kindName, kind, options, left) => {
    const name = `gc-${kindName.toLowerCase()}-${left}-${Object.keys(options).length}`;
    const before = await owner(kind, name);
    await remove(kind, name, options);
    await gone(kind, name);
    const after = await up(`app=${name}`, left);
    expect(uidsOf(after).every((uid) => uidsOf(before).includes(uid))).toBe(true);
  });
}
