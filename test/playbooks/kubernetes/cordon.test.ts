import { describe, expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import { cordon } from "#shared/playbooks/kubernetes/cordon.ts";
import { NODE } from "#shared/playbooks/kubernetes/kinds.ts";
import { because, planned } from "../ecs-stage.ts";
import { MARK, NodeStage, OTHER_NODE, SHIELDS } from "./node-stage.ts";
import { declared, NODE_NAME } from "./traffic-stage.ts";

const CORDON = "kubernetes:cordon";

describe(CORDON, () => {
  test("keeps new pods from the offender's node alone, marked and shielded from autoscalers, and stops nothing", async () => {
    const stage = new NodeStage();
    const step = stage.action(CORDON);
    const { kept, remarks } = await step.ready();
    expect(remarks.join(" ")).toMatch(/Nothing that runs on node node-1 stops.*1 of 1 other node take/);
    expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: false });
    expect((await step.execute(kept)).kind).toBe("accepted");
    expect(await step.verify(kept)).toMatchObject({ kind: "done" });
    expect(stage.nodeNow()).toMatchObject({ unschedulable: true, annotations: { ...MARK, ...SHIELDS } });
    expect(stage.nodeNow(OTHER_NODE)).toMatchObject({ unschedulable: false, annotations: {} });
    expect(stage.here()).toHaveLength(3);
    expect(stage.writes).toEqual(["patch /nodes"]);
  });

  test("it uses the rights that it declares, and no others", async () => {
    const stage = new NodeStage();
    const step = stage.action(CORDON);
    const { kept } = await step.done();
    await step.undo(kept);
    expect([...new Set(stage.rights)].toSorted()).toEqual(declared(CORDON));
  });

  test("executing twice is one cordon", async () => {
    const stage = new NodeStage();
    const step = stage.action(CORDON);
    const { kept } = await step.done();
    expect((await step.execute(kept)).kind).toBe("accepted");
    expect(stage.writes).toEqual(["patch /nodes"]);
  });

  test("taking it back restores the node as it was, twice and late", async () => {
    const stage = new NodeStage();
    stage.node(NODE_NAME, { annotations: { "karpenter.sh/do-not-disrupt": "false", owner: "team" } });
    const step = stage.action(CORDON);
    const { kept } = await step.done();
    stage.nowMs += 30 * 24 * 3_600_000;
    expect(await step.undo(kept)).toMatchObject({ kind: "undone", because: "node node-1 takes pods again" });
    expect(stage.nodeNow()).toMatchObject({
      unschedulable: false,
      annotations: { "karpenter.sh/do-not-disrupt": "false", owner: "team" },
    });
    expect((await step.undo(kept)).kind).toBe("nothing");
  });

  test("what others changed since stands: another shield, a cordon of theirs, a node that takes pods already", async () => {
    const stage = new NodeStage();
    const step = stage.action(CORDON);
    const { kept } = await step.done();
    stage.touch(({ annotations }) => ({ annotations: { ...annotations, "karpenter.sh/do-not-disrupt": "false" } }));
    expect(await step.undo(kept)).toMatchObject({ kind: "undone", because: expect.stringContaining("do-not-disrupt since: it stands") });
    expect(stage.nodeNow().annotations).toEqual({ "karpenter.sh/do-not-disrupt": "false" });

    await step.execute(kept);
    stage.touch(() => ({ annotations: {} }));
    expect(await step.verify(kept)).toMatchObject({ kind: "unknown" });
    expect((await step.undo(kept)).kind).toBe("changed");
    expect(stage.nodeNow().unschedulable).toBe(true);
  });

  test("somebody who uncordoned it is not fought, and our annotations are taken off", async () => {
    const stage = new NodeStage();
    const step = stage.action(CORDON);
    const { kept } = await step.done();
    stage.touch(() => ({ spec: {} }));
    expect(await step.verify(kept)).toMatchObject({ kind: "unknown" });
    expect(await step.execute(kept)).toMatchObject({ kind: "conflict" });
    expect(stage.nodeNow().unschedulable).toBe(false);
    expect((await step.undo(kept)).because).toContain("somebody made node node-1 schedulable before");
    expect(stage.nodeNow().annotations).toEqual({});
  });

  test.each<[string, Parameters<NodeStage["node"]>[1], RegExp]>([
    [
      "of the control plane by its label",
      { labels: { "node-role.kubernetes.io/control-plane": "" } },
      /control plane.*next best: kubernetes:terminate/,
    ],
    ["of an old control plane", { labels: { "node-role.kubernetes.io/master": "" } }, /control plane/],
    [
      "of the control plane by its taint",
      { spec: { taints: [{ key: "node-role.kubernetes.io/control-plane", effect: "NoSchedule" }] } },
      /control plane/,
    ],
    ["of Fargate", { labels: { "eks.amazonaws.com/compute-type": "fargate" } }, /Fargate/],
    ["virtual", { labels: { type: "virtual-kubelet" } }, /virtual/],
  ])("a node %s is refused, and its twin without that is cordoned", async (_what, shape, why) => {
    const stage = new NodeStage();
    stage.node(NODE_NAME, shape);
    expect(await stage.action(CORDON).refusal()).toMatch(why);
    stage.node(NODE_NAME, {
      labels: { type: "worker", "eks.amazonaws.com/compute-type": "ec2" },
      spec: { taints: [{ key: "gpu", effect: "NoSchedule" }] },
    });
    expect((await stage.action(CORDON).prepare()).kind).toBe("ready");
  });

  test("a protected node is refused by its name, its labels and its annotations together", async () => {
    const stage = new NodeStage();
    stage.nodeProtection = (name, marks) =>
      name === NODE_NAME && marks["a"] === "1" && marks["b"] === "2" ? "the label a protects it" : null;
    stage.node(NODE_NAME, { labels: { a: "1" }, annotations: { b: "2" } });
    expect(await stage.action(CORDON).refusal()).toContain("the label a protects it");
    stage.node(NODE_NAME, { labels: { a: "1" } });
    expect((await stage.action(CORDON).prepare()).kind).toBe("ready");
  });

  test.each<[string, Parameters<NodeStage["node"]>[1]]>([
    ["cordoned", { spec: { unschedulable: true } }],
    ["not ready", { ready: false }],
    ["tainted", { spec: { taints: [{ key: "gpu", value: "a", effect: "NoExecute" }] } }],
    ["Fargate's", { labels: { "eks.amazonaws.com/compute-type": "fargate" } }],
  ])("the last node that takes pods is refused when the other one is %s, and its twin is not", async (_what, shape) => {
    const stage = new NodeStage();
    stage.node(OTHER_NODE, shape);
    expect(await stage.action(CORDON).refusal()).toMatch(/of 1 other node none takes pods/);
    stage.node(OTHER_NODE, { spec: { taints: [{ key: "gpu", effect: "PreferNoSchedule" }] } });
    expect((await stage.action(CORDON).prepare()).kind).toBe("ready");
  });

  test("when another cordon takes the last other node meanwhile, ours is taken back at once", async () => {
    const stage = new NodeStage();
    const step = stage.action(CORDON);
    const { kept } = await step.ready();
    stage.node(OTHER_NODE, { spec: { unschedulable: true } });
    expect(await step.execute(kept)).toMatchObject({ kind: "conflict", because: expect.stringContaining("made schedulable again") });
    expect(stage.nodeNow()).toMatchObject({ unschedulable: false, annotations: {} });
  });

  test("a node that is cordoned already is left as it is, whoever did it", async () => {
    const stage = new NodeStage();
    stage.node(NODE_NAME, { spec: { unschedulable: true } });
    expect(await stage.action(CORDON).prepare()).toEqual({ kind: "nothing", because: "node node-1 is cordoned already" });
    stage.node(NODE_NAME, { spec: { unschedulable: true }, annotations: { "falco-responder.io/cordoned": "ffffffffffffffff" } });
    expect((await stage.action(CORDON).prepare()).kind).toBe("nothing");
    stage.node(NODE_NAME, { spec: { unschedulable: true }, annotations: { "falco-responder.io/cordoned": "<script>" } });
    expect(JSON.stringify(await stage.action(CORDON).prepare())).not.toContain("script");
  });

  test("somebody who cordons it between preparing and executing is not overwritten", async () => {
    const stage = new NodeStage();
    const step = stage.action(CORDON);
    const { kept } = await step.ready();
    stage.node(NODE_NAME, { spec: { unschedulable: true } });
    expect((await step.execute(kept)).kind).toBe("conflict");
    expect(stage.nodeNow().annotations).toEqual({});
  });

  test("a node of the same name that has come since is another one", async () => {
    const stage = new NodeStage();
    const step = stage.action(CORDON);
    const { kept } = await step.ready();
    stage.remove(NODE, NODE_NAME);
    expect((await step.prepare()).kind).toBe("nothing");
    stage.node(NODE_NAME);
    expect((await step.execute(kept)).kind).toBe("gone");
    expect((await step.verify(kept)).kind).toBe("unknown");
    expect((await step.undo(kept)).kind).toBe("nothing");
    expect(stage.nodeNow().unschedulable).toBe(false);
  });

  test("what the API server refuses has failed, with its reason", async () => {
    const stage = new NodeStage();
    const step = stage.action(CORDON);
    const { kept } = await step.ready();
    stage.kube.admit = () => "a webhook says no";
    expect(await step.execute(kept)).toMatchObject({ kind: "failed", because: expect.stringContaining("a webhook says no") });
    stage.kube.admit = () => null;
    await step.execute(kept);
    stage.kube.admit = () => "a webhook says no";
    expect(await step.undo(kept)).toMatchObject({ kind: "changed" });
  });

  test("a broken world is an error that passes through", async () => {
    const stage = new NodeStage();
    stage.kube.fail("get", new PipelineError("kube_unreachable", "away"));
    await expect(stage.action(CORDON).prepare()).rejects.toMatchObject({ code: "kube_unreachable" });
  });

  test.each<[Parameters<NodeStage["planning"]>[1], RegExp]>([
    [{ expires: "1h" }, /not known/],
    [{ expires_after: "1d" }, /expires_after/],
    [{ expires_after: "721h" }, /720h/],
  ])("refuses %j", (params, why) => {
    expect(because(new NodeStage().planning(CORDON, params))).toMatch(why);
  });

  test("it lasts until somebody undoes it, or as long as asked", () => {
    const stage = new NodeStage();
    expect(cordon.expiry?.by).toBe("undo");
    expect(cordon.expiry?.afterMs(planned(stage.planning(CORDON)))).toBeNull();
    expect(cordon.expiry?.afterMs(planned(stage.planning(CORDON, { expires_after: "2h" })))).toBe(7_200_000);
  });

  test("a pod on no node is refused, and so is what is no pod", () => {
    const stage = new NodeStage();
    expect(because(stage.planning(CORDON, {}, { node: null }))).toContain("on no node");
    expect(because(cordon.plan({ ...stage.workload(), kind: "task" } as never, {}, { incident: "i", rule: "r" }))).toContain(
      "target is a task",
    );
  });
});
