import { describe, expect, test } from "vitest";
import { JOB, NETWORK_POLICY, POD_DISRUPTION_BUDGET, REPLICA_SET, SERVICE, STATEFUL_SET } from "#shared/playbooks/kubernetes/kinds.ts";
import { label } from "#shared/playbooks/kubernetes/label.ts";
import type { Kind } from "#shared/ports/kubernetes.ts";
import { never } from "../builders.ts";
import { planned } from "../ecs-stage.ts";
import { NodeStage } from "./node-stage.ts";
import { declared, LABELS } from "./traffic-stage.ts";

const LABEL = "kubernetes:label";
const ANNOTATION = "kubernetes:annotation";

describe("whom a label would move", () => {
  const remarks = async (stage: NodeStage, labels: Record<string, string>) =>
    (await stage.action(LABEL, { labels }).ready()).remarks.join(" ");

  test.each([
    ["ReplicaSet", REPLICA_SET],
    ["StatefulSet", STATEFUL_SET],
    ["Job", JOB],
  ] as const)("a key that its %s selects by is refused, whether changed or taken away; another key is set", async (kind, known) => {
    const stage = new NodeStage();
    stage.owned(kind, { matchLabels: { app: "web" }, matchExpressions: [{ key: "tier", operator: "DoesNotExist" }] });
    expect(stage.see(known, "web-owner")).not.toBeNull();
    expect(await stage.action(LABEL, { labels: { app: "x" } }).refusal()).toMatch(
      /selects by the label app: the pod would be released.*next best/,
    );
    expect(await stage.action(LABEL, { labels: { app: "" } }).refusal()).toContain("would be released");
    expect(await stage.action(LABEL, { labels: { tier: "x" } }).refusal()).toContain("label tier");
    expect((await stage.action(LABEL, { labels: { suspect: "x" } }).prepare()).kind).toBe("ready");
  });

  test("of a controller that cannot be read no label that the pod has is touched, and a new one is set", async () => {
    const stage = new NodeStage();
    stage.owned("Rollout", null, "argoproj.io/v1alpha1");
    expect(await stage.action(LABEL, { labels: { app: "x" } }).refusal()).toContain("cannot be read");
    expect((await stage.action(LABEL, { labels: { suspect: "x" } }).prepare()).kind).toBe("ready");
    stage.owned("ReplicaSet", null);
    expect(await stage.action(LABEL, { labels: { app: "x" } }).refusal()).toContain("cannot be read");
  });

  test("a pod that nobody has is not given to a controller that would adopt it", async () => {
    const stage = new NodeStage();
    stage.edit(({ metadata: { ownerReferences: _, ...metadata } }) => ({ metadata: { ...metadata, labels: {} } }));
    stage.kube.put(REPLICA_SET, { metadata: { name: "other" }, spec: { selector: { matchLabels: { team: "a" } } } } as never);
    expect(await stage.action(LABEL, { labels: { team: "a" } }).refusal()).toMatch(/ReplicaSet\/other would select the pod then, adopt it/);
    expect((await stage.action(LABEL, { labels: { team: "b" } }).prepare()).kind).toBe("ready");
  });

  test("a pod is not taken out of a NetworkPolicy that restricts it, and its twin into one is told", async () => {
    const stage = new NodeStage();
    stage.edit(({ metadata }) => ({ metadata: { ...metadata, labels: { ...LABELS, zone: "inner" } } }));
    stage.policy("inner", { podSelector: { matchLabels: { zone: "inner" } } });
    stage.policy("outer", { podSelector: { matchLabels: { zone: "outer" } } });
    stage.policy("everybody", {});
    expect(await stage.action(LABEL, { labels: { zone: "outer" } }).refusal()).toContain(
      "NetworkPolicy inner would no longer restrict the pod",
    );
    stage.remove(NETWORK_POLICY, "inner");
    expect(await remarks(stage, { zone: "outer" })).toMatch(/NetworkPolicy outer selects the pod from now on\..*Cilium or Calico/);
  });

  test.each<[string, Kind, object, object, RegExp, RegExp]>([
    [
      "Service",
      SERVICE,
      { selector: { zone: "a" } },
      {},
      /Service theirs no longer sends traffic/,
      /Service theirs sends traffic to the pod from/,
    ],
    [
      "disruption budget",
      POD_DISRUPTION_BUDGET,
      { selector: { matchLabels: { zone: "a" } } },
      { selector: null },
      /budget theirs no longer counts/,
      /budget theirs counts the pod from/,
    ],
  ])("what becomes of a %s that selects by it is told", async (_what, kind, spec, nobody, lost, got) => {
    const stage = new NodeStage();
    stage.kube.put(kind, { metadata: { name: "theirs" }, spec } as never);
    expect(await remarks(stage, { zone: "a" })).toMatch(got);
    stage.edit(({ metadata }) => ({ metadata: { ...metadata, labels: { ...LABELS, zone: "a" } } }));
    expect(await remarks(stage, { zone: "" })).toMatch(lost);
    expect(await remarks(stage, { other: "a" })).not.toContain("theirs");
    stage.kube.put(kind, { metadata: { name: "theirs" }, spec: nobody } as never);
    expect(await remarks(stage, { zone: "" })).not.toContain("theirs");
  });
});

test("labels and annotations use the rights that they declare, and no others", async () => {
  const used = async (name: typeof LABEL | typeof ANNOTATION): Promise<readonly string[]> => {
    const all: string[] = [];
    for (const kind of ["ReplicaSet", "StatefulSet", "DaemonSet", "Job", "none"])
      for (const level of ["pod", "node"]) {
        const stage = new NodeStage();
        if (kind === "none") stage.edit(({ metadata: { ownerReferences: _, ...metadata } }) => ({ metadata }));
        else stage.owned(kind);
        const step = stage.action(name, { level });
        const { kept } = await step.done();
        await step.verify(kept);
        await step.undo(kept);
        all.push(...stage.rights);
      }
    return [...new Set(all)].toSorted();
  };
  expect(await used(LABEL)).toEqual(declared(LABEL));
  expect(await used(ANNOTATION)).toEqual(declared(ANNOTATION));
});

test("a plan of another action is a bug", async () => {
  const stage = new NodeStage();
  const plan = planned(stage.planning(ANNOTATION));
  await expect(label.verify(plan, {}, stage.reach, never)).rejects.toThrow("was given a plan of kubernetes:annotation");
});
