import { describe, expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import type { Policy } from "#shared/domain/policy.ts";
import { NODE, POD } from "#shared/playbooks/kubernetes/kinds.ts";
import type { Params } from "#shared/playbooks/playbook.ts";
import { nodeProtectionOf, protectionOf } from "#shared/policy/guards.ts";
import { because, planned } from "../ecs-stage.ts";
import { NodeStage } from "./node-stage.ts";
import { LABELS, NODE_NAME, OCCASION } from "./traffic-stage.ts";

const LABEL = "kubernetes:label";
const ANNOTATION = "kubernetes:annotation";
const INCIDENT = "falco-responder.io/incident";

describe.each([
  [LABEL, "labels"],
  [ANNOTATION, "annotations"],
] as const)("%s", (name, map) => {
  const others = map === "labels" ? LABELS : {};
  const of = (stage: NodeStage) => stage.pod[map];

  test("gives the pod alone the incident when nothing else is asked, and is done when the server shows it", async () => {
    const stage = new NodeStage();
    const step = stage.action(name);
    const { kept, remarks } = await step.ready();
    expect(remarks).toEqual([expect.stringContaining("stops nothing, and it goes with the pod")]);
    expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: false });
    expect((await step.execute(kept)).kind).toBe("accepted");
    expect(await step.verify(kept)).toMatchObject({ kind: "done" });
    expect(of(stage)).toEqual({ ...others, [INCIDENT]: OCCASION.incident });
    expect(stage.rehearsed).toEqual(["patch /pods"]);
    expect(stage.writes).toEqual(["patch /pods"]);
    expect(stage.kube.all(POD).filter(({ metadata }) => metadata[map]?.[INCIDENT] !== undefined)).toHaveLength(1);
  });

  test("of the node it is the node's, with its uid", async () => {
    const stage = new NodeStage();
    const step = stage.action(name, { level: "node", [map]: { suspect: "yes" } });
    const { kept } = await step.done();
    expect(kept["uid"]).toBe(stage.nodeNow().uid);
    expect(stage.nodeNow()[map]).toEqual({ suspect: "yes" });
    expect(of(stage)).toEqual(others);
    expect(await step.verify(kept)).toMatchObject({ kind: "done" });
    stage.remove(NODE, NODE_NAME);
    stage.node(NODE_NAME);
    expect((await step.execute(kept)).kind).toBe("gone");
    expect((await step.verify(kept)).kind).toBe("unknown");
    expect((await step.undo(kept)).kind).toBe("nothing");
    expect(stage.nodeNow()[map]).toEqual({});
  });

  test("sets, replaces and takes away at once, and gives each back as it was; again and late it finds nothing to do", async () => {
    const stage = new NodeStage();
    const before = { ...others, old: "was", away: "there" };
    stage.edit(({ metadata }) => ({ metadata: { ...metadata, [map]: before } }));
    const step = stage.action(name, { [map]: { fresh: "a", old: "b", away: "" } });
    expect((await step.ready()).remarks.join(" ")).toContain("It changes or takes away what the pod had there: old, away.");
    const { kept } = await step.done();
    expect(of(stage)).toEqual({ ...others, fresh: "a", old: "b" });
    expect(await step.verify(kept)).toMatchObject({ kind: "done" });
    stage.nowMs += 30 * 24 * 3_600_000;
    expect((await step.undo(kept)).kind).toBe("undone");
    expect(of(stage)).toEqual(before);
    expect((await step.undo(kept)).kind).toBe("nothing");
  });

  test("executing twice is one write", async () => {
    const stage = new NodeStage();
    const step = stage.action(name);
    const { kept } = await step.done();
    expect((await step.execute(kept)).kind).toBe("accepted");
    expect(stage.writes).toHaveLength(1);
  });

  test("undo restores only what is still as we made it", async () => {
    const stage = new NodeStage();
    const step = stage.action(name, { [map]: { a: "1", b: "2" } });
    const { kept } = await step.done();
    stage.edit(({ metadata }) => ({ metadata: { ...metadata, [map]: { ...metadata[map], b: "theirs" } } }));
    expect(await step.verify(kept)).toMatchObject({ kind: "unknown" });
    expect(await step.undo(kept)).toMatchObject({
      kind: "changed",
      because: expect.stringMatching(/changed b since.*the others are as before/),
    });
    expect(of(stage)).toEqual({ ...others, b: "theirs" });
  });

  test("a value that somebody writes between preparing and executing stands, and an unrelated write does not disturb", async () => {
    const stage = new NodeStage();
    const step = stage.action(name, { [map]: { a: "1" } });
    const { kept } = await step.ready();
    let times = 0;
    stage.meanwhile = () => {
      if (times++ < 2) stage.edit(({ metadata }) => ({ metadata: { ...metadata, annotations: { unrelated: String(times) } } }));
    };
    expect((await step.execute(kept)).kind).toBe("accepted");
    expect(times).toBe(3);
    expect((await step.undo(kept)).kind).toBe("undone");
    stage.meanwhile = () => undefined;
    stage.edit(({ metadata }) => ({ metadata: { ...metadata, [map]: { ...metadata[map], a: "theirs" } } }));
    expect((await step.execute(kept)).kind).toBe("conflict");
    expect(of(stage)["a"]).toBe("theirs");
  });

  test("a pod that others write all the time is an error that may pass", async () => {
    const stage = new NodeStage();
    const step = stage.action(name);
    const { kept } = await step.ready();
    let times = 0;
    stage.meanwhile = () => stage.edit(({ metadata }) => ({ metadata: { ...metadata, annotations: { unrelated: String(times++) } } }));
    await expect(step.execute(kept)).rejects.toMatchObject({ code: "kube_throttled", retryable: true });
    expect(times).toBe(5);
  });

  test("nothing is left to do for a pod that has it so, is being deleted, or is gone", async () => {
    const stage = new NodeStage();
    const step = stage.action(name, { [map]: { a: "1", b: "" } });
    const { kept } = await step.ready();
    stage.edit(({ metadata }) => ({ metadata: { ...metadata, [map]: { ...others, a: "1" } } }));
    expect((await step.prepare()).kind).toBe("nothing");
    stage.edit(({ metadata }) => ({ metadata: { ...metadata, [map]: others, deletionTimestamp: "2026-03-01T12:00:00Z" } }));
    expect((await step.prepare()).kind).toBe("nothing");
    stage.remove(POD, "web-1");
    expect((await step.prepare()).kind).toBe("nothing");
    expect((await step.execute(kept)).kind).toBe("gone");
    expect((await step.verify(kept)).kind).toBe("unknown");
    expect((await step.undo(kept)).kind).toBe("nothing");
  });

  test("what the server would refuse is refused before, and what it refuses all the same has failed", async () => {
    const stage = new NodeStage();
    const step = stage.action(name);
    const { kept } = await step.ready();
    stage.kube.admit = () => "a policy says no";
    expect(await step.refusal()).toContain("a policy says no");
    expect(await step.execute(kept)).toMatchObject({ kind: "failed", because: expect.stringContaining("a policy says no") });
    stage.kube.admit = () => null;
    await step.execute(kept);
    stage.kube.admit = () => "a policy says no";
    expect((await step.undo(kept)).kind).toBe("changed");
  });

  test.each<[string, Params]>([
    ["no map", { [map]: "a=b" }],
    ["a list", { [map]: ["a"] }],
    ["no key", { [map]: {} }],
    ["more than 20 keys", { [map]: Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`k${n}`, "v"])) }],
    ["a number as value", { [map]: { a: 1 } as never }],
    ["an empty key", { [map]: { "": "v" } }],
    ["a key with a space", { [map]: { "a b": "v" } }],
    ["a key with two slashes", { [map]: { "a/b/c": "v" } }],
    ["a key that ends with a dash", { [map]: { "a-": "v" } }],
    ["a key that is too long", { [map]: { ["a".repeat(64)]: "v" } }],
    ["a prefix with a capital", { [map]: { "Example.com/a": "v" } }],
    ["a prefix with an empty part", { [map]: { "example..com/a": "v" } }],
    ["a prefix that is too long", { [map]: { [`${"a".repeat(254)}/a`]: "v" } }],
    ["a key of Kubernetes", { [map]: { "kubernetes.io/config.mirror": "v" } }],
    ["a node's role", { [map]: { "node-role.kubernetes.io/control-plane": "v" } }],
    ["a recommended label of Kubernetes", { [map]: { "app.kubernetes.io/name": "v" } }],
    ["a key of its SIGs", { [map]: { "scheduling.k8s.io/x": "v" } }],
    ["Karpenter's", { [map]: { "karpenter.sh/do-not-disrupt": "true" } }],
    ["EKS's", { [map]: { "eks.amazonaws.com/compute-type": "fargate" } }],
    ["our protection", { [map]: { "falco-responder.io/protected": "true" } }],
    ["our old protection", { [map]: { "falco-responder/protected": "true" } }],
    ["our quarantine", { [map]: { "falco-responder.io/quarantine": "v" } }],
    ["a level of its own", { level: "namespace" }],
    ["a parameter that it does not know", { key: "a" }],
  ])("refuses %s", (_what, params) => {
    expect(because(new NodeStage().planning(name, params))).toMatch(/\S/);
  });

  test.each<[string, Params]>([
    ["a plain key", { [map]: { a: "v" } }],
    ["a value taken away", { [map]: { a: "" } }],
    ["20 keys", { [map]: Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`k${n}`, "v"])) }],
    ["a key as long as it may be", { [map]: { ["a".repeat(63)]: "v" } }],
    ["a prefix as long as it may be", { [map]: { [`${"a".repeat(253)}/A_b.c-d`]: "v" } }],
    ["a domain that only ends like Kubernetes'", { [map]: { "mykubernetes.io/a": "v" } }],
    ["a domain that begins like ours", { [map]: { "falco-responder.example/protected": "v" } }],
    ["the incident", { [map]: { [INCIDENT]: "v" } }],
    ["the level that is preset", { level: "pod" }],
  ])("plans %s", (_what, params) => {
    expect(planned(new NodeStage().planning(name, params)).params["level"]).toBe("pod");
  });

  test("a mark that the policy protects by is refused on pod and node, and its twin of another key is set", async () => {
    const stage = new NodeStage();
    const none = { clusters: [], namespaces: [], services: [], families: [], priorityClasses: [] };
    const policy: Pick<Policy, "protect"> = { protect: { ...none, labels: { Keep: "yes" } } };
    stage.protection = (workload) => protectionOf(policy, workload);
    stage.nodeProtection = (node, marks) => nodeProtectionOf(policy, node, marks);
    for (const level of ["pod", "node"]) {
      expect(await stage.action(name, { level, [map]: { keep: "YES" } }).refusal()).toMatch(
        /would protect the offender.*next best: another key/,
      );
      expect((await stage.action(name, { level, [map]: { keep: "no" } }).prepare()).kind).toBe("ready");
      expect((await stage.action(name, { level, [map]: { kept: "yes" } }).prepare()).kind).toBe("ready");
    }
    stage.touch(() => ({ annotations: { keep: "yes" } }));
    expect(await stage.action(name, { level: "node" }).refusal()).toContain("the label Keep protects it");
  });

  test("a static pod is refused, its node is marked", () => {
    const stage = new NodeStage();
    expect(because(stage.planning(name, {}, { mirror: true }))).toContain("next best: level node");
    expect(stage.planning(name, { level: "node" }, { mirror: true }).kind).toBe("planned");
    expect(because(stage.planning(name, { level: "node" }, { node: null }))).toContain("on no node");
    expect(stage.planning(name, {}, { node: null }).kind).toBe("planned");
  });

  test("a broken world is an error", async () => {
    const stage = new NodeStage();
    stage.kube.fail("patch", new PipelineError("kube_throttled", "slow"));
    await expect(stage.action(name).prepare()).rejects.toMatchObject({ code: "kube_throttled" });
  });
});

describe("values", () => {
  const planning = (name: typeof LABEL | typeof ANNOTATION, map: string, value: string) =>
    new NodeStage().planning(name, { [map]: { a: value } });
  const letters = "a".repeat(63);

  test.each(["a b", "a/b", "-a", "a-", `${letters}a`, "é", "a\nb"])("no label has the value %j", (value) => {
    expect(because(planning(LABEL, "labels", value))).toContain("at most 63");
    expect(planning(ANNOTATION, "annotations", value).kind).toBe("planned");
  });

  test.each([letters, "a", "A_b.c-1"])("a label has the value %j", (value) => {
    expect(planning(LABEL, "labels", value).kind).toBe("planned");
  });

  test("an annotation is bounded in bytes", () => {
    expect(planning(ANNOTATION, "annotations", "é".repeat(4_096)).kind).toBe("planned");
    expect(because(planning(ANNOTATION, "annotations", "é".repeat(4_097)))).toContain("8192 bytes");
  });

  test("what is too long to be kept for undo is not replaced, and its shorter twin is", async () => {
    const stage = new NodeStage();
    const annotate = (value: string) => stage.edit(({ metadata }) => ({ metadata: { ...metadata, annotations: { a: value } } }));
    annotate("x".repeat(33_000));
    expect(await stage.action(ANNOTATION, { annotations: { a: "1" } }).refusal()).toContain("too long to be kept");
    annotate("x".repeat(1_000));
    expect((await stage.action(ANNOTATION, { annotations: { a: "1" } }).prepare()).kind).toBe("ready");
  });
});
