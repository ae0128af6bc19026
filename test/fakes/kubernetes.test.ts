import { describe, expect, test } from "vitest";
import { DEPLOYMENT, NAMESPACE, POD, RESOURCE_QUOTA } from "#shared/playbooks/kubernetes/kinds.ts";
import { kubernetesContract } from "../contracts/kubernetes.suite.ts";
import { FakeKubernetes } from "./kubernetes.ts";

kubernetesContract("the fake", () => {
  const kube = new FakeKubernetes();
  const namespace = "contract";
  kube.namespacesGone.add("nowhere");
  kube.put(NAMESPACE, { metadata: { name: namespace } });
  kube.node("node-1", { labels: { "kubernetes.io/hostname": "node-1" } });
  kube.node("node-2", { labels: { "kubernetes.io/hostname": "node-2" } });
  kube.admit = (verb, _kind, { metadata: { name } }) => {
    const isDenied = name.startsWith("forbidden-new") || (verb !== "create" && name.startsWith("forbidden"));
    return isDenied ? "denied request: not here" : null;
  };
  const wait = () => Promise.resolve(kube.tick());
  return Promise.resolve({ api: kube, namespace, node: "node-1", wait, close: () => Promise.resolve() });
});

describe("what only the fake can show", () => {
  test("the last lines of a log, of now and of before the last restart, cut to so many bytes", async () => {
    const kube = new FakeKubernetes();
    const pod = kube.run();
    kube.log(pod, "app", "one\ntwo\nthree");
    kube.log(pod, "app", "before", true);
    const logs = (more: object = {}) => kube.logs(pod, { container: "app", tailLines: 2, limitBytes: 100, ...more });
    expect(await logs()).toBe("two\nthree");
    expect(await logs({ limitBytes: 5 })).toBe("two\nt");
    expect(await logs({ previous: true })).toBe("before");
    expect(await logs({ container: "other" })).toBeNull();
  });

  test("each call is recorded as RBAC judges it", async () => {
    const kube = new FakeKubernetes();
    const pod = kube.run({ controller: kube.deployment("web") });
    const at = { namespace: pod.namespace, name: pod.name };
    await kube.get(POD, "shop", pod.name);
    await kube.list(POD, {});
    await kube.logs(at, { container: "app", tailLines: 1, limitBytes: 1 });
    await kube.patch(DEPLOYMENT, { namespace: "shop", name: "web" }, [], { subresource: "scale" });
    await kube.evict({ ...at, uid: pod.uid }, { dryRun: true });
    await kube.delete(POD, { ...at, uid: pod.uid }, {});
    expect(kube.requests.map(({ verb, group, resource, namespace }) => `${verb} ${group}/${resource} ${namespace}`)).toEqual([
      "get /pods shop",
      "list /pods null",
      "get /pods/log shop",
      "patch apps/deployments/scale shop",
      "create /pods/eviction shop",
      "delete /pods shop",
    ]);
    expect(kube.calls).toEqual(["get", "list", "logs", "patch", "evict", "delete"]);
    expect(kube.deleted).toEqual(new Map([[pod.uid, 1]]));
  });

  test("a quota keeps controllers from replacing a pod", async () => {
    const kube = new FakeKubernetes();
    const pod = kube.run({ controller: kube.deployment("web"), labels: { app: "web" } });
    kube.put(RESOURCE_QUOTA, { metadata: { name: "full" }, spec: { hard: { pods: "1" } } } as never);
    const alone = [{ op: "replace", path: "/metadata/labels", value: { alone: "yes" } }] as const;
    await kube.patch(POD, { namespace: "shop", name: pod.name }, alone, {});
    for (let tick = 0; tick < 3; tick++) kube.tick();
    expect(kube.running().map(({ name }) => name)).toEqual([pod.name]);
    kube.remove(pod);
    kube.tick();
    expect(kube.running().map(({ controller }) => controller?.kind)).toEqual(["ReplicaSet"]);
  });

  test("whoever puts labels back does it with every write", async () => {
    const kube = new FakeKubernetes();
    const pod = kube.run({ labels: { app: "web" } });
    kube.onWrite = (_, object) => ({ ...object, metadata: { ...object.metadata, labels: { app: "web" } } });
    const alone = [{ op: "replace", path: "/metadata/labels", value: { alone: "yes" } }] as const;
    expect(await kube.patch(POD, { namespace: "shop", name: pod.name }, alone, {})).toMatchObject({
      object: { metadata: { labels: { app: "web" } } },
    });
  });

  test("a call that is to fail fails once", async () => {
    const kube = new FakeKubernetes();
    kube.fail("get", new Error("away"));
    await expect(kube.get(POD, "shop", "x")).rejects.toThrow("away");
    expect(await kube.get(POD, "shop", "x")).toBeNull();
  });
});
