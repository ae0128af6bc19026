import { describe, expect, test } from "vitest";
import { NOW } from "../builders.ts";
import { NodeStage, OTHER_NODE } from "./node-stage.ts";

const DRAIN = "kubernetes:drain";
const later = (stage: NodeStage, seconds: number): void => {
  stage.nowMs = NOW + seconds * 1_000;
};

describe("disruption budgets", () => {
  test("a pod that one holds is tried again until the time is over, and goes as soon as it is let", async () => {
    const stage = new NodeStage();
    stage.budget("web", 0);
    const step = stage.action(DRAIN, { max_wait_period: 60 });
    const { kept, remarks } = await step.ready();
    expect(remarks.join(" ")).toContain("No eviction is allowed now by the disruption budget shop/web.");
    await expect(step.execute(kept)).rejects.toMatchObject({
      code: "not_yet",
      retryable: true,
      message: "0 pods evicted, 2 pods held by disruption budgets (shop/web-1, shop/web-2); node node-1 is cordoned",
    });
    expect(stage.nodeNow().unschedulable).toBe(true);
    // Whoever comes next evicts again: a look alone acts on nobody.
    expect(await step.verify(kept)).toMatchObject({
      kind: "pending",
      begun: false,
      partly: true,
      because:
        "node node-1 is cordoned; 2 pods left: 2 not evicted (shop/web-1, shop/web-2), no eviction allowed now by the disruption budget shop/web",
    });
    later(stage, 30);
    stage.budget("web", 1);
    expect((await step.execute(kept)).kind).toBe("accepted");
    expect(stage.kube.deleted.size).toBe(2);
  });

  test("one that never allows is never forced: after its time it is told, with its name, and part of it is done", async () => {
    const stage = new NodeStage();
    stage.budget("web", 0);
    const step = stage.action(DRAIN, { max_wait_period: 60 });
    const { kept } = await step.ready();
    later(stage, 60);
    const executed = await step.execute(kept);
    expect(executed.kind).toBe("accepted");
    expect(await step.verify(executed.kept ?? kept)).toMatchObject({
      kind: "pending",
      begun: true,
      partly: true,
      because: expect.stringContaining("shop/web"),
    });
    expect(stage.kube.deleteCalls).toEqual([]);
  });

  test("without a time to wait, the pods that are held are told at once", async () => {
    const stage = new NodeStage();
    stage.budget("web", 0);
    const step = stage.action(DRAIN, { max_wait_period: 0 });
    expect((await step.done()).kept).toBeDefined();
  });

  test("nobody waits for the namespaces that are excluded from waiting", async () => {
    const stage = new NodeStage();
    stage.budget("web", 0);
    const step = stage.action(DRAIN, { wait_period_excluded_namespaces: ["shop"] });
    const { kept } = await step.done();
    expect((await step.verify(kept)).kind).toBe("done");
    stage.budget("web", 1);
    await step.execute(kept);
    expect(stage.kube.deleted.size).toBe(2);
  });

  test("more than one over a pod, or a server that says no: told with the pod's name, and the drain stops there unless asked to go on", async () => {
    const stage = new NodeStage();
    for (let n = 0; n < 20; n++) stage.run({ name: `more-${n}`, labels: { app: "more" } });
    stage.kube.admit = (verb, _kind, { metadata }) => (verb === "evict" && metadata.name === "web-1" ? "a webhook says no" : null);
    const stopping = stage.action(DRAIN);
    const { kept } = await stopping.ready();
    const stopped = await stopping.execute(kept);
    expect(stopped.kind).toBe("accepted");
    expect(stopped.remarks?.join(" ")).toMatch(/shop\/web-1 could not be evicted: a webhook says no .*1\d pods behind it not tried/);
    expect(await stopping.verify(stopped.kept ?? kept)).toMatchObject({ kind: "pending" });

    const going = stage.action(DRAIN, { ignore_errors: true });
    const went = await going.execute(kept);
    expect(stage.kube.deleted.size).toBe(21);
    stage.kube.tick();
    stage.kube.tick();
    expect(await going.verify(went.kept ?? kept)).toMatchObject({ kind: "done" });

    const two = new NodeStage();
    two.budget("a", 1);
    two.budget("b", 1);
    const step = two.action(DRAIN);
    expect((await step.execute((await step.ready()).kept)).remarks?.join(" ")).toContain("more than one disruption budget selects it");
  });
});

describe("min_healthy_replicas", () => {
  const ofFour = (): NodeStage => {
    const stage = new NodeStage();
    for (const name of ["web-3", "web-4"]) stage.run({ name, node: OTHER_NODE });
    return stage;
  };

  test.each<[string, number]>([
    ["2", 2],
    ["3", 1],
    ["4", 0],
    ["50%", 2],
    ["51%", 1],
    ["76%", 0],
    ["0", 2],
  ])("%s of four, two on the node: %i go, one after the other", async (min_healthy_replicas, going) => {
    const stage = ofFour();
    await stage.action(DRAIN, { min_healthy_replicas, max_wait_period: 0 }).done();
    expect(stage.kube.deleted.size).toBe(going);
  });

  test("a pod that is needed waits for replacements, and after the time it stays: done, and said", async () => {
    const stage = ofFour();
    const step = stage.action(DRAIN, { min_healthy_replicas: "100%", max_wait_period: 30 });
    const { kept } = await step.ready();
    await expect(step.execute(kept)).rejects.toMatchObject({
      code: "not_yet",
      message: expect.stringContaining("held by min_healthy_replicas"),
    });
    expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: false });
    later(stage, 30);
    const executed = await step.execute(kept);
    expect(await step.verify(executed.kept ?? kept)).toMatchObject({
      kind: "done",
      because: expect.stringContaining("2 pods needed by min_healthy_replicas (shop/web-1, shop/web-2)"),
    });
    expect(stage.kube.deleted.size).toBe(0);
  });

  test("a pod that is not ready costs its owner nothing", async () => {
    const stage = ofFour();
    stage.kube.change({ namespace: "shop", name: "web-2" }, { ready: false });
    await stage.action(DRAIN, { min_healthy_replicas: 3, max_wait_period: 0 }).done();
    expect([...stage.kube.deleted.keys()]).toEqual([stage.sibling.uid]);
  });

  test("what cannot be counted is not evicted, and its twin without a floor is", async () => {
    const stage = new NodeStage();
    stage.edit(({ metadata }) => ({
      metadata: { ...metadata, ownerReferences: [{ apiVersion: "x/v1", kind: "Rollout", name: "r", uid: "u", controller: true }] },
    }));
    await stage.action(DRAIN, { min_healthy_replicas: "1%", max_wait_period: 0 }).done();
    expect(stage.pod.deletionTimestamp).toBeNull();
    const twin = new NodeStage();
    await twin.action(DRAIN).done();
    expect(twin.pod.deletionTimestamp).not.toBeNull();
  });
});
