import { describe, expect, test } from "vitest";
import type { Owner } from "#shared/domain/workload.ts";
import { controllerOf } from "#shared/playbooks/kubernetes/facts.ts";
import { REPLICA_SET } from "#shared/playbooks/kubernetes/kinds.ts";
import { ownersOf, topOwner } from "#shared/playbooks/kubernetes/owner.ts";
import { FakeKubernetes } from "../../fakes/kubernetes.ts";
import { never } from "../builders.ts";

function owned(by: (kube: FakeKubernetes) => Owner | null) {
  const kube = new FakeKubernetes();
  const pod = kube.run({ controller: by(kube) });
  kube.calls.splice(0);
  return {
    kube,
    pod,
    top: () => topOwner(pod.controller, pod.namespace, kube, never),
    hops: async () =>
      (await ownersOf(pod.controller, pod.namespace, kube, never)).map(({ owner, object }) => [owner.kind, object !== null]),
  };
}

describe("the owner that a person calls the workload by", () => {
  test.each<[string, (kube: FakeKubernetes) => Owner, string, readonly string[]]>([
    ["a Deployment's pod", (kube) => kube.deployment("web"), "Deployment", ["ReplicaSet", "Deployment"]],
    ["a bare ReplicaSet's", (kube) => kube.controller("ReplicaSet", "web"), "ReplicaSet", ["ReplicaSet"]],
    ["a StatefulSet's", (kube) => kube.controller("StatefulSet", "db"), "StatefulSet", ["StatefulSet"]],
    ["a DaemonSet's", (kube) => kube.controller("DaemonSet", "agent"), "DaemonSet", ["DaemonSet"]],
    ["a Job's", (kube) => kube.controller("Job", "once"), "Job", ["Job"]],
    ["a CronJob's", (kube) => kube.cronJob("nightly"), "CronJob", ["Job", "CronJob"]],
    ["a foreign controller's, which is reported as it is", (kube) => kube.controller("Workflow", "w"), "Workflow", ["Workflow"]],
    [
      "a ReplicaSet's of a foreign controller (an Argo Rollout)",
      (kube) => kube.controller("ReplicaSet", "r", kube.controller("Rollout", "r")),
      "Rollout",
      ["ReplicaSet", "Rollout"],
    ],
  ])("%s", async (_, by, kind, walked) => {
    const { top, hops } = owned(by);
    expect((await top())?.kind).toBe(kind);
    expect((await hops()).map(([hop]) => hop)).toEqual(walked);
  });

  test("a standalone pod has none, and nothing is asked for", async () => {
    const { kube, top, hops } = owned(() => null);
    expect(await top()).toBeNull();
    expect(await hops()).toEqual([]);
    expect(kube.calls).toEqual([]);
  });

  test("a kind of a known name in another group is foreign", async () => {
    const { kube, pod } = owned((one) => one.deployment("web"));
    const stranger = { kind: "ReplicaSet", name: "web-5d4f", uid: pod.controller?.uid ?? "", apiVersion: "apps.example.com/v1" };
    expect(await topOwner(stranger, pod.namespace, kube, never)).toEqual(stranger);
    expect(kube.calls).toEqual([]);
    expect(await topOwner({ ...stranger, apiVersion: "apps/v1" }, pod.namespace, kube, never)).toMatchObject({ kind: "Deployment" });
  });

  test("another object of the owner's name is not followed, nor is one that is gone", async () => {
    const { kube, pod, top, hops } = owned((one) => one.deployment("web"));
    const set = kube.object(REPLICA_SET, pod.namespace, "web-5d4f");
    if (set === null) throw new Error("no ReplicaSet");
    expect(await top()).toMatchObject({ kind: "Deployment" });
    kube.put(REPLICA_SET, { ...set, metadata: { ...set.metadata, uid: "99999999-9999-4999-8999-999999999999" } });
    expect(await top()).toMatchObject({ kind: "ReplicaSet", uid: set.metadata.uid });
    expect(await hops()).toEqual([["ReplicaSet", false]]);
    kube.objects.clear();
    expect(await top()).toMatchObject({ kind: "ReplicaSet", uid: set.metadata.uid });
  });

  test("whoever owns itself is left after five hops", async () => {
    const { kube, pod } = owned((one) => one.controller("ReplicaSet", "loop"));
    const set = kube.object(REPLICA_SET, pod.namespace, "loop");
    if (set === null || pod.controller === null) throw new Error("no ReplicaSet");
    const { kind, name, uid } = pod.controller;
    const ownerReferences = [{ apiVersion: "apps/v1", kind, name, uid: uid ?? "", controller: true }];
    kube.put(REPLICA_SET, { ...set, metadata: { ...set.metadata, ownerReferences } });
    expect(await topOwner(pod.controller, pod.namespace, kube, never)).toMatchObject({ kind: "ReplicaSet" });
    expect(kube.calls).toHaveLength(5);
  });
});

test("of several owners only the controller counts", () => {
  const other = { apiVersion: "v1", kind: "ConfigMap", name: "c", uid: "u1" };
  const metadata = { name: "p", uid: "u", resourceVersion: "1" };
  expect(controllerOf({ metadata: { ...metadata, ownerReferences: [other] } })).toBeNull();
  const both = [other, { ...other, kind: "ReplicaSet", uid: "u2", controller: true }];
  expect(controllerOf({ metadata: { ...metadata, ownerReferences: both } })).toMatchObject({ kind: "ReplicaSet", uid: "u2" });
});
