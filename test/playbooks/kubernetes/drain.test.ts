import { describe, expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import { NODE, POD } from "#shared/playbooks/kubernetes/kinds.ts";
import type { Params } from "#shared/playbooks/playbook.ts";
import { NOW } from "../builders.ts";
import { planned } from "../ecs-stage.ts";
import { MARK, NodeStage, OTHER_NODE, SHIELDS } from "./node-stage.ts";
import { declared, NODE_NAME, OCCASION } from "./traffic-stage.ts";

const DRAIN = "kubernetes:drain";
const MIRROR = { "kubernetes.io/config.mirror": "x" };
const later = (stage: NodeStage, seconds: number): void => {
  stage.nowMs = NOW + seconds * 1_000;
};

describe(DRAIN, () => {
  test("cordons the offender's node, evicts its pods and is done when they are gone; what stays is said", async () => {
    const stage = new NodeStage();
    const step = stage.action(DRAIN);
    const { kept, remarks } = await step.ready();
    expect(remarks.join(" ")).toMatch(
      /2 pods of the node evicted.*On the node stay 1 of DaemonSets\..*same image and hole.*cuts no network/,
    );
    expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: false });
    const executed = await step.execute(kept);
    expect(executed).toMatchObject({ kind: "accepted", because: expect.stringContaining("eviction of 2 pods") });
    expect(stage.nodeNow()).toMatchObject({ unschedulable: true, annotations: { ...MARK, ...SHIELDS } });
    expect(await step.verify(kept)).toMatchObject({
      kind: "pending",
      begun: true,
      partly: true,
      because: expect.stringContaining("2 pods left: 2 terminating"),
    });
    stage.kube.tick();
    stage.kube.tick();
    expect(await step.verify(executed.kept ?? kept)).toEqual({
      kind: "done",
      because: "node node-1 is cordoned and no pod is left that was to go; there stay 1 of DaemonSets",
    });
    expect(stage.here()).toEqual(["agent-1"]);
    expect(stage.kube.running().filter(({ node }) => node === OTHER_NODE)).toHaveLength(2);
    expect([...stage.kube.deleted.values()]).toEqual([1, 1]);
  });

  test("pods of other nodes are not touched", async () => {
    const stage = new NodeStage();
    const there = stage.run({ name: "web-3", node: OTHER_NODE });
    await stage.action(DRAIN).done();
    expect(stage.kube.deleted.has(there.uid)).toBe(false);
    expect(stage.kube.deleted.size).toBe(2);
  });

  test("executing twice evicts nobody twice", async () => {
    const stage = new NodeStage();
    const step = stage.action(DRAIN);
    const { kept } = await step.done();
    expect(await step.execute(kept)).toMatchObject({ kind: "accepted", because: expect.stringContaining("eviction of 0 pods") });
    expect([...stage.kube.deleted.values()]).toEqual([1, 1]);
  });

  test("it uses the rights that it declares, and no others", async () => {
    const used = new Set<string>();
    for (const owner of ["Deployment", "StatefulSet", "DaemonSet", "CronJob"]) {
      const stage = new NodeStage();
      const controller = { Deployment: stage.web, CronJob: stage.kube.cronJob("job") }[owner] ?? stage.kube.controller(owner, "own");
      for (const name of ["own-1", "own-2"]) stage.run({ name, controller, labels: { app: "own" } });
      stage.budget("own", 0, { app: "own" });
      const step = stage.action(DRAIN, { min_healthy_replicas: 0, max_wait_period: 0 });
      const { kept } = await step.done();
      await step.verify(kept);
      await step.undo(kept);
      for (const right of stage.rights) used.add(right);
    }
    // A floor counts the pods of DaemonSets for others who use it; the adapter looks at a pod whose eviction was refused.
    const elsewhere = ["get apps/daemonsets", "get /pods"];
    expect([...used].toSorted()).toEqual(declared(DRAIN).filter((right) => !elsewhere.includes(right)));
  });
});

describe("who is not evicted", () => {
  const spared: readonly (readonly [string, RegExp, (stage: NodeStage, name: string) => unknown, Params])[] = [
    ["a DaemonSet's", /of DaemonSets/, (stage, name) => stage.run({ name, controller: stage.kube.controller("DaemonSet", "d") }), {}],
    ["a static", /1 static \(shop\/spared\)/, (stage, name) => stage.run({ name, annotations: MIRROR }), {}],
    ["a completed", /1 ended already/, (stage, name) => stage.run({ name, phase: "Succeeded" }), {}],
    ["a failed", /1 ended already/, (stage, name) => stage.run({ name, phase: "Failed" }), {}],
    [
      "a standalone",
      /1 that no controller would make again \(shop\/spared\)/,
      (stage, name) => stage.run({ name, controller: null, labels: { app: "alone" } }),
      {},
    ],
    [
      "a protected",
      /1 protected \(shop\/spared\)/,
      (stage, name) => {
        stage.protection = (workload) => (workload.labels["keep"] === "yes" ? "the label keep protects it" : null);
        stage.run({ name, labels: { app: "web", keep: "yes" } });
      },
      {},
    ],
    [
      "a pod of an excluded namespace",
      /1 in excluded namespaces \(bank\/spared\)/,
      (stage, name) => stage.run({ name, namespace: "bank" }),
      { excluded_namespaces: ["bank", "kube-system"] },
    ],
    [
      "a StatefulSet's, when asked",
      /1 of StatefulSets \(shop\/spared\)/,
      (stage, name) => stage.run({ name, controller: stage.kube.controller("StatefulSet", "s") }),
      { ignore_statefulsets: true },
    ],
  ];

  test.each(spared)("%s pod stays and is said; its siblings go", async (_what, says, put, params) => {
    const stage = new NodeStage();
    put(stage, "spared");
    const step = stage.action(DRAIN, params);
    expect((await step.ready()).remarks.join(" ")).toMatch(says);
    const { kept } = await step.done();
    expect(stage.kube.all(POD).find(({ metadata }) => metadata.name === "spared")?.metadata.deletionTimestamp).toBeUndefined();
    expect(stage.kube.deleted.size).toBe(2);
    stage.kube.tick();
    stage.kube.tick();
    expect(await step.verify(kept)).toMatchObject({ kind: "done", because: expect.stringMatching(says) });
  });

  test.each<[string, (stage: NodeStage, name: string) => unknown]>([
    ["a StatefulSet's, when nobody asked", (stage, name) => stage.run({ name, controller: stage.kube.controller("StatefulSet", "s") })],
    ["one that runs", (stage, name) => stage.run({ name })],
    ["one of another namespace", (stage, name) => stage.run({ name, namespace: "bank" })],
    ["one of a foreign controller", (stage, name) => stage.run({ name, controller: stage.kube.controller("Rollout", "r") })],
  ])("the twin, %s, is evicted", async (_what, put) => {
    const stage = new NodeStage();
    put(stage, "spared");
    await stage.action(DRAIN).done();
    expect(stage.kube.all(POD).find(({ metadata }) => metadata.name === "spared")?.metadata.deletionTimestamp).toBeDefined();
  });

  test("an offender that stands alone stays, and what ends it is said", async () => {
    const stage = new NodeStage();
    stage.edit(({ metadata: { ownerReferences: _, ...metadata } }) => ({ metadata }));
    const step = stage.action(DRAIN);
    expect((await step.ready()).remarks.join(" ")).toContain("The offender itself stays: kubernetes:terminate ends it.");
    await step.done();
    expect(stage.pod.deletionTimestamp).toBeNull();
  });

  test("what pods keep on the node is lost: said", async () => {
    const stage = new NodeStage();
    expect((await stage.action(DRAIN).ready()).remarks.join(" ")).not.toContain("emptyDir");
    stage.edit(({ spec }) => ({ spec: { ...spec, volumes: [{ name: "cache", emptyDir: {} }] } }));
    expect((await stage.action(DRAIN).ready()).remarks.join(" ")).toContain("1 pod lose what they keep on the node (emptyDir)");
  });
});

describe("the node of a drain", () => {
  test.each<[string, (stage: NodeStage) => void, RegExp]>([
    ["protected", (stage) => (stage.nodeProtection = () => "node node-1 is protected"), /node node-1 is protected.*next best/],
    [
      "of the control plane",
      (stage) => stage.node(NODE_NAME, { labels: { "node-role.kubernetes.io/control-plane": "" } }),
      /control plane/,
    ],
    ["Fargate's", (stage) => stage.node(NODE_NAME, { labels: { "eks.amazonaws.com/compute-type": "fargate" } }), /Fargate/],
    ["the last that takes pods", (stage) => stage.remove(NODE, OTHER_NODE), /of 0 other nodes none takes pods/],
  ])("%s: refused, and nobody is evicted; its twin is drained", async (_what, make, why) => {
    const stage = new NodeStage();
    make(stage);
    expect(await stage.action(DRAIN).refusal()).toMatch(why);
    expect(stage.kube.deleted.size).toBe(0);
    await new NodeStage().action(DRAIN).done();
  });

  test("taking it back uncordons, brings nothing back, and is repeated at will", async () => {
    const stage = new NodeStage();
    const step = stage.action(DRAIN);
    const { kept } = await step.done();
    stage.kube.tick();
    later(stage, 1_000_000);
    expect(await step.undo(kept)).toEqual({ kind: "undone", because: "node node-1 takes pods again; what was moved does not come back" });
    expect(stage.nodeNow()).toMatchObject({ unschedulable: false, annotations: {} });
    expect((await step.undo(kept)).kind).toBe("nothing");
  });

  test("one that was cordoned before is drained, and stays cordoned when it is taken back", async () => {
    const stage = new NodeStage();
    stage.node(NODE_NAME, { spec: { unschedulable: true } });
    const step = stage.action(DRAIN);
    expect((await step.ready()).remarks.join(" ")).toContain("cordoned before: undo leaves it so");
    const { kept } = await step.done();
    expect(stage.kube.deleted.size).toBe(2);
    expect(stage.nodeNow().annotations).toEqual({});
    expect(await step.undo(kept)).toMatchObject({ kind: "nothing", because: expect.stringContaining("stays so") });
    expect(stage.nodeNow().unschedulable).toBe(true);
  });

  test("our own cordon of the same incident is its own to take back", async () => {
    const stage = new NodeStage();
    const cordoned = await stage.action("kubernetes:cordon").done();
    const step = stage.action(DRAIN);
    const { kept } = await step.done();
    expect((await step.undo(kept)).kind).toBe("nothing");
    expect(stage.nodeNow().unschedulable).toBe(true);
    expect(await stage.action("kubernetes:cordon").prepare()).toMatchObject({
      because: expect.stringContaining(`incident ${OCCASION.incident}`),
    });
    expect((await stage.steps(planned(stage.planning("kubernetes:cordon"))).undo(cordoned.kept)).kind).toBe("undone");
  });

  test("cordoned with nobody left to go, there is nothing to do; its twin with a pod there is drained", async () => {
    const stage = new NodeStage();
    stage.node(NODE_NAME, { spec: { unschedulable: true } });
    expect((await stage.action(DRAIN).prepare()).kind).toBe("ready");
    const step = stage.action(DRAIN, { excluded_namespaces: ["shop"] });
    expect(await step.prepare()).toMatchObject({
      kind: "nothing",
      because: expect.stringContaining("there stay 1 of DaemonSets, 2 in excluded namespaces"),
    });
  });

  test("somebody who uncordons it in the midst ends the drain", async () => {
    const stage = new NodeStage();
    stage.budget("web", 0);
    const step = stage.action(DRAIN);
    const { kept } = await step.ready();
    await expect(step.execute(kept)).rejects.toMatchObject({ code: "not_yet" });
    stage.touch(() => ({ spec: {} }));
    stage.budget("web", 1);
    expect(await step.execute(kept)).toMatchObject({
      kind: "accepted",
      because: expect.stringContaining("no pod is evicted from then on"),
    });
    expect(await step.verify(kept)).toMatchObject({ kind: "unknown" });
    expect(stage.nodeNow().unschedulable).toBe(false);
    expect(stage.kube.deleted.size).toBe(0);
  });

  test("a node that has left the cluster, or come anew under its name, is not looked for further", async () => {
    const stage = new NodeStage();
    const step = stage.action(DRAIN);
    const { kept } = await step.ready();
    stage.remove(NODE, NODE_NAME);
    expect((await step.prepare()).kind).toBe("nothing");
    stage.node(NODE_NAME);
    expect((await step.execute(kept)).kind).toBe("gone");
    expect((await step.verify(kept)).kind).toBe("unknown");
    expect((await step.undo(kept)).kind).toBe("nothing");
    expect(stage.kube.deleted.size).toBe(0);
  });

  test("a round ends before its claim's lease does, and goes on when the message comes again", async () => {
    const stage = new NodeStage();
    for (let n = 0; n < 30; n++) stage.run({ name: `more-${n}` });
    const step = stage.action(DRAIN, { max_wait_period: 0 });
    const { kept } = await step.ready();
    const evict = stage.kube.evict.bind(stage.kube);
    stage.kube.evict = (at, options) => {
      stage.nowMs += 1_000;
      return evict(at, options);
    };
    await expect(step.execute(kept)).rejects.toMatchObject({
      code: "not_yet",
      message: expect.stringMatching(/1\d pods evicted, \d+ pods not tried yet/),
    });
    stage.kube.evict = evict;
    await step.execute(kept);
    expect(stage.kube.deleted.size).toBe(32);
  });

  test("a broken world is an error, and the drain goes on when it comes again", async () => {
    const stage = new NodeStage();
    const step = stage.action(DRAIN);
    const { kept } = await step.ready();
    stage.kube.fail("evict", new PipelineError("kube_throttled", "slow"));
    await expect(step.execute(kept)).rejects.toMatchObject({ code: "kube_throttled" });
    await step.execute(kept);
    expect(stage.kube.deleted.size).toBe(2);
  });
});
