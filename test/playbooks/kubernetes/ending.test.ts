import { describe, expect, test } from "vitest";
import type { ActionName } from "#shared/domain/action.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import { POD, POD_DISRUPTION_BUDGET, REPLICA_SET } from "#shared/playbooks/kubernetes/kinds.ts";
import { because, NAMESPACE, OCCASION, OWNERS, StopStage } from "./stop-stage.ts";
import { declared } from "./traffic-stage.ts";

const ENDING: readonly ActionName[] = ["kubernetes:terminate", "kubernetes:evict"];
const [TERMINATE, EVICT] = ["kubernetes:terminate", "kubernetes:evict"] as const;

const budget = (stage: StopStage, name: string, disruptionsAllowed: number) =>
  stage.kube.put(POD_DISRUPTION_BUDGET, {
    metadata: { name, namespace: NAMESPACE },
    spec: { selector: { matchLabels: { app: "web" } } },
    status: { disruptionsAllowed },
  } as never);

describe.each(ENDING)("%s", (action) => {
  test.each(OWNERS)("ends a pod of %s, once, and says who replaces it", async (owner) => {
    const stage = new StopStage(owner);
    const step = await stage.action(action);
    const { kept, remarks, execution } = await step.done();
    expect(kept).toEqual({});
    expect(execution.because).toContain("1 s of grace");
    expect(remarks.join(" ")).toMatch(owner === "none" ? /nothing replaces it/ : /(starts|may start) another|may run its work again/);
    expect(await step.verify()).toMatchObject({ kind: "pending", begun: true });
    // Again, as after a crash: nothing more is ended.
    expect((await step.execute(kept)).kind).toBe("accepted");
    stage.tick(2);
    expect(await step.verify()).toMatchObject({ kind: "done" });
    expect([...stage.kube.deleted]).toEqual([[stage.offender.uid, 1]]);
  });

  test("its plan refuses what is no pod, what it does not know, a mirror, and counts that are none", async () => {
    const stage = new StopStage("Deployment");
    const object = { ...(await stage.workload()), kind: "object", container: null, apiVersion: "v1", resource: "configmaps" } as never;
    expect(because(playbooks[action].plan(object, {}, OCCASION))).toContain("the target is a object");
    expect(because(await stage.planning(action, { min_healthy: "1" }))).toContain('"min_healthy" is not known');
    expect(because(await stage.planning(action, {}, { mirror: true }))).toMatch(/static pod.*next best/);
    for (const wrong of ["", "-1", "1.5", "101%", "33 %", "%", "x", true, 1.5, ["1"], "1000000000"])
      expect(because(await stage.planning(action, { min_healthy_replicas: wrong })), String(wrong)).toContain(
        "min_healthy_replicas must be",
      );
    for (const right of ["0", "3", 3, "0%", "33%", "100%"])
      expect((await stage.planning(action, { min_healthy_replicas: right })).kind, String(right)).toBe("planned");
  });

  test("a pod that became a mirror, is gone, or is another one is not touched; its twin is", async () => {
    const mirror = new StopStage("none");
    const step = await mirror.action(action);
    expect((await step.prepare()).kind).toBe("ready");
    mirror.mark(POD, "web-0", { annotations: { "kubernetes.io/config.mirror": "x" } });
    expect(await step.refusal()).toContain("static pod");
    const other = new StopStage("StatefulSet");
    const again = await other.action(action);
    other.replaced(POD, "web-0");
    expect(await again.prepare()).toMatchObject({ kind: "nothing" });
    expect((await again.execute({})).kind).toBe("conflict");
    other.remove(POD, "web-0");
    expect(await again.prepare()).toMatchObject({ kind: "nothing", because: "the pod is gone" });
    expect((await again.execute({})).kind).toBe("gone");
    expect(other.kube.deleted.size).toBe(0);
  });

  test("a pod that is being deleted within our grace is left; one with a longer grace is hurried, and told", async () => {
    const stage = new StopStage("Deployment");
    const step = await stage.action(action);
    const terminating = (seconds: number) => ({ deletionTimestamp: "2026-03-01T13:00:00Z", deletionGracePeriodSeconds: seconds });
    stage.mark(POD, "web-0", terminating(1));
    expect(await step.prepare()).toMatchObject({ kind: "nothing", because: expect.stringContaining("until 2026-03-01T13:00:00Z") });
    stage.mark(POD, "web-0", terminating(3600));
    expect(await step.remarks()).toMatch(/already being deleted, with 3600 s of grace.*a kubelet may not notice/);
  });

  test("finalizers are told, and never removed", async () => {
    const stage = new StopStage("Deployment", { pod: { finalizers: ["example.com/hold"] } });
    const step = await stage.action(action);
    expect((await step.done()).remarks.join(" ")).toMatch(/stays until somebody removes its finalizers \(example.com\/hold\)/);
    stage.tick(3);
    expect(await step.verify()).toMatchObject({ kind: "pending", begun: true });
    expect(stage.see(POD, "web-0")?.metadata.finalizers).toEqual(["example.com/hold"]);
    expect((await (await new StopStage("Deployment").action(action)).remarks()).includes("finalizers")).toBe(false);
  });

  test("what admission says no to is refused before anything is touched, in the server's words", async () => {
    const stage = new StopStage("Deployment");
    stage.kube.admit = () => "denied by policy";
    const step = await stage.action(action);
    expect(await step.refusal()).toMatch(/\("denied by policy"\); next best: kubernetes:/);
    expect(await step.execute({})).toMatchObject({ kind: "failed", because: expect.stringContaining("denied by policy") });
    expect(stage.kube.deleted.size).toBe(0);
  });

  test("the pod stays when its siblings have ended since it was prepared", async () => {
    const stage = new StopStage("Deployment");
    const step = await stage.action(action, { min_healthy_replicas: 2 });
    const { kept } = await step.ready();
    stage.kube.change({ namespace: NAMESPACE, name: "web-1" }, { ready: false });
    expect(await step.execute(kept)).toMatchObject({
      kind: "conflict",
      because: expect.stringContaining("1 healthy pod of Deployment web"),
    });
    expect(stage.kube.deleted.size).toBe(0);
    stage.kube.change({ namespace: NAMESPACE, name: "web-1" }, { ready: true });
    expect((await step.execute(kept)).kind).toBe("accepted");
    // It is on its way: that a sibling fails now changes nothing.
    stage.kube.change({ namespace: NAMESPACE, name: "web-1" }, { ready: false });
    expect((await step.execute(kept)).kind).toBe("accepted");
  });

  test("uses the rights that it declares, and no other", async () => {
    const used = new Set<string>();
    for (const owner of OWNERS) {
      const stage = new StopStage(owner);
      const step = await stage.action(action, { min_healthy_replicas: 0 });
      await step.done();
      await step.verify();
      for (const right of stage.rights) used.add(right);
    }
    expect([...used].toSorted()).toEqual(declared(action));
  });
});

describe("min_healthy_replicas", () => {
  const answer = async (stage: StopStage, floor: string) =>
    await (await stage.action(TERMINATE, { min_healthy_replicas: floor })).prepare();

  /** 4 wanted, the offender healthy, and so many of the 3 others. */
  test.each(["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob"] as const)(
    "of %s counts the healthy pods that remain, and shares of what is wanted, rounded up",
    async (owner) => {
      const two = () => new StopStage(owner, { pods: 4, ready: 2 });
      expect((await answer(two(), "2")).kind).toBe("ready");
      expect(await answer(two(), "3")).toMatchObject({ kind: "refused", because: expect.stringMatching(/is 3, and 2 healthy pods of/) });
      // Half of 4 is 2; 51% are 2.04, so 3.
      expect((await answer(two(), "50%")).kind).toBe("ready");
      expect(await answer(two(), "51%")).toMatchObject({
        kind: "refused",
        because: expect.stringMatching(/51% of 4 wanted, which is 3, and 2 healthy pods of/),
      });
    },
  );

  test("33% of 3 is 1: one other healthy pod is enough, which is where Talon's count goes wrong", async () => {
    expect((await answer(new StopStage("Deployment", { pods: 3, ready: 1 }), "33%")).kind).toBe("ready");
    expect((await answer(new StopStage("Deployment", { pods: 3, ready: 0 }), "33%")).kind).toBe("refused");
  });

  test("7% of 100 is 7", async () => {
    const hundred = (ready: number) => new StopStage("ReplicaSet", { pods: 100, ready });
    expect((await answer(hundred(7), "7%")).kind).toBe("ready");
    expect((await answer(hundred(6), "7%")).kind).toBe("refused");
  });

  test("a standalone pod has no siblings", async () => {
    expect((await answer(new StopStage("none"), "0")).kind).toBe("ready");
    expect((await answer(new StopStage("none"), "0%")).kind).toBe("ready");
    expect(await answer(new StopStage("none"), "1")).toMatchObject({ because: expect.stringContaining("0 healthy pods of no controller") });
    expect((await answer(new StopStage("none"), "1%")).kind).toBe("refused");
  });

  test.each(["Rollout", "CloneSet"] as const)("of %s, which is foreign, a number is counted and a share is refused", async (owner) => {
    expect((await answer(new StopStage(owner), "2")).kind).toBe("ready");
    expect((await answer(new StopStage(owner), "3")).kind).toBe("refused");
    expect(await answer(new StopStage(owner), "1%")).toMatchObject({
      because: expect.stringMatching(new RegExp(`${owner} web wants: give it as a number`)),
    });
  });

  test("pods of another owner with the same labels, terminating ones, and those that are not ready do not count", async () => {
    const stage = new StopStage("Deployment");
    expect((await answer(stage, "2")).kind).toBe("ready");
    stage.kube.change({ namespace: NAMESPACE, name: "web-1" }, { deletionTimestamp: "2026-03-01T12:00:00Z" });
    expect((await answer(stage, "2")).kind).toBe("refused");
    expect((await answer(stage, "1")).kind).toBe("ready");
    stage.kube.change({ namespace: NAMESPACE, name: "web-2" }, { labels: { app: "other" } });
    expect((await answer(stage, "1")).kind).toBe("refused");
  });

  test("pods of the Deployment's former ReplicaSet count; those of another Deployment's do not", async () => {
    const stage = new StopStage("Deployment", { pods: 1 });
    expect((await answer(stage, "1")).kind).toBe("refused");
    const old = stage.kube.controller("ReplicaSet", "web-old");
    stage.kube.run({ namespace: NAMESPACE, name: "old-1", controller: old, labels: { app: "web" } });
    expect((await answer(stage, "1")).kind).toBe("refused");
    const [controller] = stage.see(REPLICA_SET, "web-5d4f")?.metadata.ownerReferences ?? [];
    stage.mark(REPLICA_SET, "web-old", { ownerReferences: [controller] });
    expect((await answer(stage, "1")).kind).toBe("ready");
  });

  test("an owner that is gone is a doubt, and so a refusal", async () => {
    const stage = new StopStage("StatefulSet");
    const step = await stage.action(TERMINATE, { min_healthy_replicas: "0" });
    expect((await step.prepare()).kind).toBe("ready");
    stage.replaced({ group: "apps", version: "v1", resource: "statefulsets", kind: "StatefulSet", namespaced: true }, "web");
    expect(await step.refusal()).toContain("StatefulSet web is gone");
  });
});

describe("pod disruption budgets", () => {
  test("one that allows none stops an eviction, named, with what to do instead; a delete does not ask", async () => {
    const stage = new StopStage("Deployment");
    budget(stage, "web-pdb", 0);
    expect(await (await stage.action(EVICT)).refusal()).toMatch(
      /budget allows no eviction now \("The disruption budget web-pdb.*next best: kubernetes:terminate/,
    );
    expect(await (await stage.action(TERMINATE)).remarks()).toContain("Pod disruption budgets do not apply to a delete");
    budget(stage, "web-pdb", 1);
    expect((await (await stage.action(EVICT)).done()).execution.kind).toBe("accepted");
  });

  test("two of them stop an eviction as well", async () => {
    const stage = new StopStage("Deployment");
    budget(stage, "a", 1);
    expect((await (await stage.action(EVICT)).prepare()).kind).toBe("ready");
    budget(stage, "b", 1);
    expect(await (await stage.action(EVICT)).refusal()).toMatch(/more than one pod disruption budget.*next best: kubernetes:terminate/);
  });

  test("one that was spent since it was prepared: nothing is touched", async () => {
    const stage = new StopStage("Deployment");
    budget(stage, "web-pdb", 1);
    const step = await stage.action(EVICT);
    const { kept } = await step.ready();
    budget(stage, "web-pdb", 0);
    expect(await step.execute(kept)).toMatchObject({ kind: "conflict", because: expect.stringContaining("web-pdb") });
    expect(stage.kube.deleted.size).toBe(0);
  });
});
