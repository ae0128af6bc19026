import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ACTIONS, fits } from "#shared/domain/action.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { PodWorkload, TaskWorkload } from "#shared/domain/workload.ts";
import { stopReason } from "#shared/playbooks/ecs/stop-task.ts";
import { playbooks, resolve } from "#shared/playbooks/index.ts";
import type { Params, Plan, Planning, Reach } from "#shared/playbooks/playbook.ts";
import { fakeAccess, type Given } from "../fakes/cluster-access.ts";
import { FakeKubernetes } from "../fakes/kubernetes.ts";
import { FakeEcs } from "../fakes/tasks.ts";
import { ecsCluster, entry, found, keepsNothing, kubeCluster, NOW, never, testClock } from "./builders.ts";
import { EcsStage } from "./ecs-stage.ts";

const reachIn = (cluster: Cluster, given: Given): Reach => ({
  cluster,
  access: fakeAccess(given),
  protection: () => null,
  nodeProtection: () => null,
  keep: keepsNothing,
  nowMs: () => NOW,
});

const occasion = { incident: "01J0000000000000000000000", rule: "shell in container" };
const stop = playbooks["ecs:stop-task"];
const terminate = playbooks["kubernetes:terminate"];

async function taskWorld() {
  const ecs = new FakeEcs();
  const [task, neighbour] = ecs.service("web", { family: "web", instance: ecs.instance("i-0123456789abcdef0"), tags: {}, desired: 2 });
  if (task === undefined || neighbour === undefined) throw new Error("no tasks");
  const reach = reachIn(ecsCluster, { tasks: ecs });
  const fields = { "container.label[com.amazonaws.ecs.task-arn]": task.taskArn };
  const accusation = entry(ecsCluster, { containerId: (task.containers[0]?.runtimeId ?? "").slice(0, 12), fields });
  const workload = found(await resolve(accusation, ecsCluster, reach.access, testClock(), never)) as TaskWorkload;
  return { ecs, task, neighbour, reach, workload, plan: planned(stop.plan(workload, {}, occasion)) };
}

async function podWorld(kind = "Deployment") {
  const kube = new FakeKubernetes();
  const controller = kind === "none" ? null : kind === "Deployment" ? kube.deployment("web") : kube.controller(kind, "web");
  const pod = kube.run({ name: "web-0", controller });
  const neighbour = kube.run({ name: "web-1", controller });
  const reach = reachIn(kubeCluster, { kubernetes: kube });
  const fields = { "k8s.ns.name": pod.namespace, "k8s.pod.name": pod.name };
  const accusation = entry(kubeCluster, { containerId: (pod.containers[0]?.id ?? "").slice(0, 12), fields });
  const workload = found(await resolve(accusation, kubeCluster, reach.access, testClock(), never)) as PodWorkload;
  return { kube, pod, neighbour, reach, workload, plan: planned(terminate.plan(workload, {}, occasion)) };
}

function planned(planning: Planning): Plan {
  if (planning.kind === "refused") throw new Error(planning.because);
  return planning.plan;
}

function because(planning: Planning): string {
  if (planning.kind === "planned") throw new Error("expected a refusal");
  return planning.because;
}

describe("every playbook", () => {
  test("stands under its own name, and says its rights and what can be taken back, or why not", () => {
    expect(Object.keys(playbooks).sort()).toEqual([...ACTIONS].sort());
    for (const [name, playbook] of Object.entries(playbooks)) {
      expect(playbook.name).toBe(name);
      const rights = playbook.needs.iam.length + playbook.needs.rbac.length;
      // What never acts needs no right.
      expect(rights === 0).toBe(playbook.never !== undefined);
      expect(playbook.undo.possible ? playbook.undo.says : playbook.undo.because).toMatch(/\S/);
      // What is undone was kept before anything was touched.
      if (playbook.undo.possible) expect(playbook.prepare, playbook.name).toBeDefined();
    }
    const undoable = Object.values(playbooks).filter(({ undo }) => undo.possible);
    expect(undoable.map(({ name }) => name).sort()).toEqual([
      "calico:networkpolicy",
      "cilium:networkpolicy",
      "ecs:drain-instance",
      "ecs:isolate-instance",
      "ecs:protect-task",
      "ecs:revoke-role-sessions",
      "ecs:scale-service-to-zero",
      "ecs:tag-task",
      "kubernetes:annotation",
      "kubernetes:cordon",
      "kubernetes:drain",
      "kubernetes:label",
      "kubernetes:networkpolicy",
      "kubernetes:quarantine",
      "kubernetes:scale-to-zero",
      "kubernetes:suspend",
    ]);
  });

  test("refuses a kind of target that it is not for, and every refusal of its plan has words", async () => {
    const { workload: task } = await taskWorld();
    const { workload: pod } = await podWorld();
    for (const [name, playbook] of Object.entries(playbooks)) {
      for (const workload of [task, pod]) {
        const planning = playbook.plan(workload, {}, occasion);
        if (!fits(playbook.name, workload.kind)) expect(because(planning), name).toContain(`the target is a ${workload.kind}`);
        if (planning.kind === "refused") expect(planning.because, name).toMatch(/\S/);
      }
    }
  });

  test("refuses a target of the other kind, and a parameter that it does not know", async () => {
    const { workload: task } = await taskWorld();
    const { workload: pod } = await podWorld();
    expect(because(stop.plan(pod, {}, occasion))).toContain("the target is a pod");
    expect(because(terminate.plan(task, {}, occasion))).toContain("the target is a task");
    expect(because(stop.plan(task, { force: true }, occasion))).toContain('"force" is not known');
    expect(because(terminate.plan(pod, { ignore_daemonset: true }, occasion))).toContain('"ignore_daemonset" is not known');
  });

  test("survives a round through JSON between plan and execution", async () => {
    const { ecs, task, plan, reach } = await taskWorld();
    expect((await stop.execute(JSON.parse(JSON.stringify(plan)) as Plan, {}, reach, never)).kind).toBe("accepted");
    expect(ecs.stopped).toEqual(new Map([[task.taskArn, 1]]));
  });

  test("does not act on a plan of another playbook", async () => {
    const { plan } = await taskWorld();
    const { reach, kube } = await podWorld();
    await expect(terminate.execute(plan, {}, reach, never)).rejects.toThrow("holds a task");
    expect(kube.deleteCalls).toEqual([]);
  });
});

describe("ecs:stop-task", () => {
  test("stops that task alone; it is done when ECS says STOPPED, and the service starts another", async () => {
    const { ecs, task, neighbour, plan, reach } = await taskWorld();
    expect(await stop.verify(plan, {}, reach, never)).toMatchObject({ kind: "pending", begun: false });
    expect((await stop.execute(plan, {}, reach, never)).kind).toBe("accepted");
    expect(await stop.verify(plan, {}, reach, never)).toMatchObject({ kind: "pending", begun: true });
    ecs.tick();
    expect(await stop.verify(plan, {}, reach, never)).toMatchObject({ kind: "done" });
    const running = ecs.running().map(({ taskArn }) => taskArn);
    expect(running).toContain(neighbour.taskArn);
    expect(running).not.toContain(task.taskArn);
    expect(running).toHaveLength(2);
  });

  test("stopping again changes nothing more", async () => {
    const { ecs, task, plan, reach } = await taskWorld();
    await stop.execute(plan, {}, reach, never);
    await stop.execute(plan, {}, reach, never);
    ecs.tick();
    await stop.execute(plan, {}, reach, never);
    expect(ecs.stopped).toEqual(new Map([[task.taskArn, 1]]));
    expect(ecs.running()).toHaveLength(2);
  });

  test("a task that ECS has forgotten is gone, and that is done", async () => {
    const { ecs, task, plan, reach } = await taskWorld();
    ecs.forget(task.taskArn);
    expect((await stop.execute(plan, {}, reach, never)).kind).toBe("gone");
    expect((await stop.verify(plan, {}, reach, never)).kind).toBe("done");
  });

  test("an answer that neither describes the task nor calls it missing proves nothing", async () => {
    const { plan, ecs, reach } = await taskWorld();
    ecs.describe = () => Promise.resolve({ tasks: [], missing: [] });
    expect(await stop.verify(plan, {}, reach, never)).toMatchObject({ kind: "pending", begun: true });
    ecs.describe = (arns) => Promise.resolve({ tasks: [], missing: [...arns] });
    expect(await stop.verify(plan, {}, reach, never)).toMatchObject({ kind: "done" });
  });

  test("a disconnected agent is told once hearing of the stop would have taken too long; done with the true time when it is back", async () => {
    const stage = new EcsStage();
    const step = stage.action("ecs:stop-task");
    const instance = stage.aws.instances.at(stage.here);
    instance.agentConnected = false;
    const { kept = {} } = await step.execute({});
    stage.tick();
    const before = await step.verify(kept);
    expect(before).toMatchObject({ kind: "pending", begun: true });
    expect(before.because).not.toContain("disconnected");
    stage.later(40_000);
    expect(await step.verify(kept)).toMatchObject({
      kind: "pending",
      begun: true,
      because: expect.stringMatching(/agent .* disconnected: the container may run on; next best: ecs:isolate-instance or terminate/),
    });
    instance.agentConnected = true;
    expect((await step.verify(kept)).because).not.toContain("disconnected");
    stage.later(1_500);
    stage.tick();
    stage.later(60_000);
    expect(await step.verify(kept)).toMatchObject({ kind: "done", because: "ECS reports the task STOPPED, 41.5 s after StopTask" });
    // The note of the request was lost with its owner: no time is made up.
    expect((await step.verify({})).because).toBe("ECS reports the task STOPPED at 2026-03-01T12:00:41Z");
  });

  test("where container instances cannot be asked about, or ECS does not answer, what is known is told", async () => {
    const stage = new EcsStage();
    const step = stage.action("ecs:stop-task");
    stage.aws.instances.at(stage.here).agentConnected = false;
    await step.execute({});
    stage.aws.instances.fail("describe", new PipelineError("aws_denied", "no"));
    expect((await step.verify({})).because).toContain("the agent reports RUNNING");
    const reach = { ...stage.reach, access: fakeAccess({ tasks: stage.aws.ecs }) };
    expect((await stop.verify(step.plan, {}, reach, never)).because).toContain("the agent reports RUNNING");
    expect((await step.verify({})).because).toContain("disconnected");
  });

  test("a task whose agent does not stop it is pending, never done", async () => {
    const { ecs, plan, reach } = await taskWorld();
    ecs.ticksToStop = Number.POSITIVE_INFINITY;
    await stop.execute(plan, {}, reach, never);
    ecs.tick();
    expect(await stop.verify(plan, {}, reach, never)).toMatchObject({
      kind: "pending",
      begun: true,
      because: expect.stringContaining("RUNNING"),
    });
  });

  test("a broken world is an error", async () => {
    const { ecs, plan, reach } = await taskWorld();
    ecs.fail("stop", new PipelineError("aws_throttled", "slow"));
    await expect(stop.execute(plan, {}, reach, never)).rejects.toMatchObject({ code: "aws_throttled" });
    ecs.fail("describe", new PipelineError("aws_unreachable", "away"));
    await expect(stop.verify(plan, {}, reach, never)).rejects.toMatchObject({ code: "aws_unreachable" });
  });

  test("the reason names incident and policy rule, within what ECS shows", () => {
    expect(stopReason(occasion)).toBe("falco-responder: incident 01J0000000000000000000000, policy rule shell in container");
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 400 }), (rule) => {
        expect(stopReason({ incident: "i", rule })).toMatch(/^[ -~]{1,255}$/);
      }),
    );
  });
});

describe("kubernetes:terminate", () => {
  test("deletes that pod alone, with its uid; it is done when it is gone, and its controller makes another", async () => {
    const { kube, pod, neighbour, plan, reach } = await podWorld();
    expect(await terminate.verify(plan, {}, reach, never)).toMatchObject({ kind: "pending", begun: false });
    expect((await terminate.execute(plan, {}, reach, never)).kind).toBe("accepted");
    expect(await terminate.verify(plan, {}, reach, never)).toMatchObject({ kind: "pending", begun: true });
    kube.tick();
    expect((await terminate.verify(plan, {}, reach, never)).kind).toBe("done");
    expect(kube.deleteCalls).toEqual([{ uid: pod.uid, graceSeconds: 1 }]);
    const running = kube.running().map(({ uid }) => uid);
    expect(running).toContain(neighbour.uid);
    expect(running).not.toContain(pod.uid);
    expect(running).toHaveLength(2);
  });

  test("a successor of the same name is not touched: conflict, and the accused is gone", async () => {
    const { kube, plan, reach } = await podWorld("StatefulSet");
    await terminate.execute(plan, {}, reach, never);
    kube.tick();
    expect((await terminate.execute(plan, {}, reach, never)).kind).toBe("conflict");
    expect(kube.deleteCalls).toHaveLength(1);
    expect(await terminate.verify(plan, {}, reach, never)).toMatchObject({ kind: "done", because: expect.stringContaining("another pod") });
  });

  test("a pod that is gone before is gone", async () => {
    const { kube, pod, plan, reach } = await podWorld();
    kube.remove(pod);
    expect((await terminate.execute(plan, {}, reach, never)).kind).toBe("gone");
  });

  test("deleting twice is one delete", async () => {
    const { kube, pod, plan, reach } = await podWorld();
    await terminate.execute(plan, {}, reach, never);
    await terminate.execute(plan, {}, reach, never);
    expect(kube.deleted).toEqual(new Map([[pod.uid, 1]]));
  });

  test("a finalizer is told from a container that still runs", async () => {
    const { kube, pod, plan, reach } = await podWorld();
    kube.ticksToGo = Number.POSITIVE_INFINITY;
    await terminate.execute(plan, {}, reach, never);
    expect((await terminate.verify(plan, {}, reach, never)).because).toContain("still runs");
    kube.change(pod, { containers: pod.containers.map((container) => ({ ...container, running: false })) });
    expect(await terminate.verify(plan, {}, reach, never)).toMatchObject({
      kind: "pending",
      because: expect.stringContaining("finalizer"),
    });
  });

  test.each<[string, string, string]>([
    ["ignore_daemonsets", "DaemonSet", "Deployment"],
    ["ignore_statefulsets", "StatefulSet", "DaemonSet"],
    ["ignore_standalone_pods", "none", "StatefulSet"],
  ])("%s spares a pod of %s and no other", async (key, spared, other) => {
    const { workload } = await podWorld(spared);
    expect(because(terminate.plan(workload, { [key]: true }, occasion))).toContain(`${key} is set`);
    expect(terminate.plan(workload, { [key]: false }, occasion).kind).toBe("planned");
    expect(terminate.plan((await podWorld(other)).workload, { [key]: true }, occasion).kind).toBe("planned");
    expect(because(terminate.plan(workload, { [key]: "true" }, occasion))).toContain("true or false");
  });

  test("a mirror pod is refused", async () => {
    const { workload } = await podWorld();
    expect(because(terminate.plan({ ...workload, mirror: true }, {}, occasion))).toContain("static pod");
  });

  test.each<[Params[string], number]>([
    [1, 1],
    ["30", 30],
    [300, 300],
  ])("a grace of %j is %i s", async (given, seconds) => {
    const { kube, reach, workload } = await podWorld();
    await terminate.execute(planned(terminate.plan(workload, { grace_period_seconds: given }, occasion)), {}, reach, never);
    expect(kube.deleteCalls.map(({ graceSeconds }) => graceSeconds)).toEqual([seconds]);
  });

  test.each<[Params[string], string]>([
    [0, "forces"],
    ["0", "forces"],
    [-1, "at least 1"],
    [301, "at most 300"],
    [1.5, "whole number"],
    [Number.NaN, "whole number"],
    ["1 ", "whole number"],
    ["", "whole number"],
    [true, "whole number"],
  ])("a grace of %j is refused", async (given, why) => {
    const { workload } = await podWorld();
    expect(because(terminate.plan(workload, { grace_period_seconds: given }, occasion))).toContain(why);
  });
});
