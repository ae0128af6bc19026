import { expect, test } from "vitest";
import type { Owner } from "#shared/domain/workload.ts";
import { replicasOf } from "#shared/playbooks/replicas.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";
import { podOf, taskOf } from "../policy/samples.ts";
import { ecsCluster, kubeCluster, never } from "./builders.ts";

const owner = (kind: string, apiVersion: string): Owner => ({ kind, apiVersion, name: "web", uid: "u1" });

/** An API server that has one owner. */
const having = (object: object | null): Pick<ClusterAccess, "services" | "kubernetes"> =>
  ({ kubernetes: () => Promise.resolve({ get: () => Promise.resolve(object) }) }) as never;
const ecs = (facts: object | null): Pick<ClusterAccess, "services" | "kubernetes"> =>
  ({ services: () => Promise.resolve({ describe: () => Promise.resolve(facts) }) }) as never;

test.each<[string, Owner, object, object]>([
  ["Deployment", owner("Deployment", "apps/v1"), { spec: { replicas: 4 }, status: { readyReplicas: 3 } }, { running: 3, desired: 4 }],
  ["a count that is left out", owner("Deployment", "apps/v1"), { spec: {}, status: {} }, { running: 0, desired: 1 }],
  ["StatefulSet", owner("StatefulSet", "apps/v1"), { spec: { replicas: 2 }, status: { readyReplicas: 2 } }, { running: 2, desired: 2 }],
  ["ReplicaSet", owner("ReplicaSet", "apps/v1"), { spec: { replicas: 2 }, status: { readyReplicas: 1 } }, { running: 1, desired: 2 }],
  ["DaemonSet", owner("DaemonSet", "apps/v1"), { status: { numberReady: 5, desiredNumberScheduled: 6 } }, { running: 5, desired: 6 }],
  ["Job", owner("Job", "batch/v1"), { spec: { parallelism: 3 }, status: { active: 2 } }, { running: 2, desired: 3 }],
  ["CronJob", owner("CronJob", "batch/v1"), { status: { active: [{}, {}] } }, { running: 2, desired: null }],
])("of a %s", async (_title, of, object, replicas) => {
  const whole = { metadata: { name: "web", uid: "u1" }, ...object };
  expect(await replicasOf(podOf({ owner: of }), kubeCluster, having(whole), never)).toEqual(replicas);
  // Another one has its name by now.
  const another = { ...whole, metadata: { name: "web", uid: "u2" } };
  expect(await replicasOf(podOf({ owner: of }), kubeCluster, having(another), never)).toEqual({ because: `its ${of.kind} is gone` });
});

test("of a kind that nobody here knows it is said; of a pod or task that nobody owns there is nothing to count", async () => {
  const rollout = podOf({ owner: owner("Rollout", "argoproj.io/v1alpha1") });
  expect(await replicasOf(rollout, kubeCluster, having(null), never)).toEqual({ because: "nobody here knows how many pods a Rollout has" });
  expect(await replicasOf(podOf({ owner: null }), kubeCluster, having(null), never)).toBeNull();
  expect(await replicasOf(taskOf({ service: null }), ecsCluster, ecs(null), never)).toBeNull();
});

test("of an ECS service; one that ECS does not know is said", async () => {
  expect(await replicasOf(taskOf(), ecsCluster, ecs({ runningCount: 3, desiredCount: 4 }), never)).toEqual({ running: 3, desired: 4 });
  expect(await replicasOf(taskOf(), ecsCluster, ecs(null), never)).toEqual({ because: "ECS does not know its service" });
});
