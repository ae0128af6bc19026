import { describe, expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import { DEPLOYMENT, HORIZONTAL_POD_AUTOSCALER, POD, REPLICA_SET, STATEFUL_SET } from "#shared/playbooks/kubernetes/kinds.ts";
import type { Kind } from "#shared/ports/kubernetes.ts";
import { because, NAMESPACE, type OwnerKind, StopStage } from "./stop-stage.ts";
import { declared } from "./traffic-stage.ts";

const SCALE = "kubernetes:scale-to-zero";
const SCALED: readonly (readonly [OwnerKind, Kind])[] = [
  ["Deployment", DEPLOYMENT],
  ["StatefulSet", STATEFUL_SET],
  ["ReplicaSet", REPLICA_SET],
];

const replicas = (stage: StopStage, kind: Kind = DEPLOYMENT) => stage.see(kind, "web")?.spec?.["replicas"];
const lives = ({ kube }: StopStage) => kube.all(POD).filter(({ metadata }) => metadata.name !== "stranger").length;

describe(SCALE, () => {
  test.each(SCALED)(
    "takes %s to zero through its scale alone, is done when no pod of it is left, and gives exactly its count back",
    async (owner, kind) => {
      const stage = new StopStage(owner);
      const step = await stage.action(SCALE);
      const { kept, remarks } = await step.ready();
      expect(kept).toEqual({ replicas: "3" });
      expect(remarks.join(" ")).toMatch(
        /An outage: 3 pods of .* end, and none is started until somebody undoes it \(it wanted 3\).*GitOps/,
      );
      expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: false });
      expect((await step.execute(kept)).kind).toBe("accepted");
      expect(stage.writes).toEqual([`patch apps/${kind.resource}/scale`]);
      expect(await step.verify(kept)).toMatchObject({
        kind: "pending",
        begun: true,
        partly: true,
        because: expect.stringContaining("3 pods"),
      });
      stage.tick();
      expect(await step.verify(kept)).toMatchObject({ because: expect.stringContaining("3 terminating") });
      stage.tick(2);
      expect(await step.verify(kept)).toMatchObject({ kind: "done" });
      expect(lives(stage)).toBe(0);
      expect(stage.see(POD, "stranger")).not.toBeNull();
      expect(await step.undo(kept)).toMatchObject({ kind: "undone", because: expect.stringContaining("3 pods again") });
      expect(replicas(stage, kind)).toBe(3);
      stage.tick(2);
      // Twice, and late: nothing more.
      expect(await step.undo(kept)).toMatchObject({ kind: "nothing" });
      expect(replicas(stage, kind)).toBe(3);
    },
  );

  test.each([
    ["DaemonSet", /DaemonSet web has no number of replicas.*next best: kubernetes:terminate, or for the node kubernetes:cordon/],
    ["Job", /next best: kubernetes:suspend/],
    ["CronJob", /CronJob web.*next best: kubernetes:suspend/],
    ["Rollout", /Rollout web is of a kind that nobody here knows how to scale/],
    ["CloneSet", /CloneSet web is of a kind/],
    ["none", /stands alone.*next best: kubernetes:terminate/],
  ] as const)("refuses the owner of a pod of %s", async (owner, why) => {
    expect(because(await new StopStage(owner).planning(SCALE))).toMatch(why);
  });

  test("its plan refuses what is no pod, what it does not know, and a time that is none; its twins are planned", async () => {
    const stage = new StopStage("Deployment");
    const workload = await stage.workload();
    expect(because(playbooks[SCALE].plan({ ...workload, kind: "object" } as never, {}, { incident: "i", rule: "r" }))).toContain(
      "the target is a object",
    );
    expect(because(await stage.planning(SCALE, { replicas: 0 }))).toContain('"replicas" is not known');
    for (const wrong of ["1", "0h", "721h", 5])
      expect(because(await stage.planning(SCALE, { expires_after: wrong }))).toContain("expires_after must be");
    const { expiry } = playbooks[SCALE];
    expect(expiry?.by).toBe("undo");
    expect(expiry?.afterMs((await stage.action(SCALE, { expires_after: "2h" })).plan)).toBe(7_200_000);
    expect(expiry?.afterMs((await stage.action(SCALE)).plan)).toBeNull();
  });

  test("never a ReplicaSet that a Deployment owns: it would put the count back", async () => {
    const stage = new StopStage("ReplicaSet");
    const step = await stage.action(SCALE);
    expect((await step.prepare()).kind).toBe("ready");
    const owner = { apiVersion: "apps/v1", kind: "Deployment", name: "web", uid: "u", controller: true };
    stage.mark(REPLICA_SET, "web", { ownerReferences: [owner] });
    expect(await step.refusal()).toMatch(/Deployment web owns ReplicaSet web and would put the count back/);
  });

  test("an owner that is gone or another one now is refused, before and after it was prepared", async () => {
    const stage = new StopStage("StatefulSet");
    const step = await stage.action(SCALE);
    const { kept } = await step.ready();
    stage.replaced(STATEFUL_SET, "web");
    expect(await step.refusal()).toContain("is gone, or another one has its name");
    expect((await step.execute(kept)).kind).toBe("conflict");
    expect(await step.undo(kept)).toMatchObject({ kind: "changed" });
    expect(replicas(stage, STATEFUL_SET)).toBe(3);
  });

  test("an owner that wants no pod already: nothing to do", async () => {
    const stage = new StopStage("Deployment");
    stage.spec(DEPLOYMENT, "web", { replicas: 0 });
    expect(await (await stage.action(SCALE)).prepare()).toMatchObject({ kind: "nothing" });
  });

  test("one protected sibling, or a mark on the owner, spares them all; without it they go", async () => {
    const stage = new StopStage("Deployment");
    const step = await stage.action(SCALE);
    stage.protects = (workload) => (workload.labels["keep"] === "yes" ? "the label keep protects it" : null);
    expect((await step.prepare()).kind).toBe("ready");
    stage.kube.change({ namespace: NAMESPACE, name: "web-2" }, { labels: { app: "web", keep: "yes" } });
    expect(await step.refusal()).toMatch(
      /1 protected pod would be stopped too \(the label keep protects it\); next best: kubernetes:terminate/,
    );
    stage.kube.change({ namespace: NAMESPACE, name: "web-2" }, { labels: { app: "web" } });
    stage.mark(DEPLOYMENT, "web", { labels: { keep: "yes" } });
    expect(await step.refusal()).toContain("Deployment web: the label keep protects it");
  });

  test("what the server would not take is refused before, and failed after", async () => {
    const stage = new StopStage("Deployment");
    const step = await stage.action(SCALE);
    const { kept } = await step.ready();
    stage.kube.admit = () => "replicas are frozen";
    expect(await step.refusal()).toContain('"replicas are frozen"');
    expect(await step.execute(kept)).toMatchObject({ kind: "failed" });
    expect(replicas(stage)).toBe(3);
  });

  test("autoscalers and who puts it back are told by name", async () => {
    const stage = new StopStage("Deployment");
    const scaler = (name: string, target: string, ownerReferences: readonly object[] = []) =>
      stage.kube.put(HORIZONTAL_POD_AUTOSCALER, {
        metadata: { name, namespace: NAMESPACE, ownerReferences },
        spec: { scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: target } },
      } as never);
    scaler("other", "api");
    expect(await (await stage.action(SCALE)).remarks()).not.toContain("HorizontalPodAutoscaler");
    scaler("hpa", "web");
    scaler("keda-hpa", "web", [{ apiVersion: "keda.sh/v1alpha1", kind: "ScaledObject", name: "queue", uid: "s", controller: true }]);
    stage.mark(DEPLOYMENT, "web", {
      labels: { "kustomize.toolkit.fluxcd.io/name": "shop" },
      annotations: { "argocd.argoproj.io/tracking-id": "<b>", "meta.helm.sh/release-name": "shop" },
      ownerReferences: [{ apiVersion: "example.com/v1", kind: "Shop", name: "main", uid: "o", controller: true }],
    });
    const remarks = await (await stage.action(SCALE)).remarks();
    expect(remarks).toMatch(/HorizontalPodAutoscaler hpa does nothing while the count is 0/);
    expect(remarks).toMatch(/KEDA scales it \(ScaledObject queue\) and raises it from 0 by itself/);
    expect(remarks).toMatch(/Shop main, which owns it; Argo CD; Flux; Helm \(at its next upgrade\): it will put the count back/);
    expect(remarks).not.toContain("<b>");
  });

  test("an offender that was released from its owner runs on, and that is told", async () => {
    const stage = new StopStage("Deployment");
    const workload = await stage.workload();
    stage.kube.change({ namespace: NAMESPACE, name: "web-0" }, { labels: {}, controller: null });
    expect(await (await stage.action(SCALE, {}, workload)).remarks()).toMatch(
      /no longer one of them.*runs on, end it with kubernetes:terminate/,
    );
    stage.remove(POD, "web-0");
    expect(await (await stage.action(SCALE, {}, workload)).remarks()).not.toContain("runs on");
  });

  test("what it was last is what comes back, when somebody scaled it after it was prepared", async () => {
    const stage = new StopStage("Deployment");
    const step = await stage.action(SCALE);
    const { kept } = await step.ready();
    stage.spec(DEPLOYMENT, "web", { replicas: 5 });
    const { kept: now = {} } = await step.execute(kept);
    expect(now).toEqual({ replicas: "5" });
    // After a crash behind the write, the note of 5 is lost: what was prepared comes back.
    expect((await step.execute(kept)).kept).toBeUndefined();
    expect(await step.undo(now)).toMatchObject({ kind: "undone" });
    expect(replicas(stage)).toBe(5);
  });

  test("a lost answer is asked again and changes nothing more; who writes in between is waited for", async () => {
    const stage = new StopStage("Deployment");
    const step = await stage.action(SCALE);
    const { kept } = await step.ready();
    stage.kube.fail("patch", new PipelineError("kube_unreachable", "lost"));
    await expect(step.execute(kept)).rejects.toMatchObject({ retryable: true });
    let others = 2;
    stage.meanwhile = () => {
      if (others-- > 0) stage.mark(DEPLOYMENT, "web", { annotations: { n: String(others) } });
    };
    expect((await step.execute(kept)).kind).toBe("accepted");
    expect(replicas(stage)).toBe(0);
    stage.spec(DEPLOYMENT, "web", { replicas: 3 });
    stage.meanwhile = () => stage.mark(DEPLOYMENT, "web", {});
    await expect(step.execute(kept)).rejects.toMatchObject({ code: "kube_throttled" });
  });

  test("what somebody made of it since stands: another count, another object, a delete; only 0 is taken back", async () => {
    const stage = new StopStage("Deployment");
    const step = await stage.action(SCALE);
    const { kept } = await step.done();
    stage.spec(DEPLOYMENT, "web", { replicas: 2 });
    expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: false, because: expect.stringContaining("raised again") });
    expect(await step.undo(kept)).toMatchObject({ kind: "changed", because: expect.stringContaining("to 2 since") });
    stage.spec(DEPLOYMENT, "web", { replicas: 0 });
    stage.mark(DEPLOYMENT, "web", { deletionTimestamp: "2026-03-01T12:00:00Z" });
    expect(await step.undo(kept)).toMatchObject({ kind: "changed" });
    stage.remove(DEPLOYMENT, "web");
    expect(await step.undo(kept)).toMatchObject({ kind: "nothing" });
    expect(await step.verify(kept)).toMatchObject({ kind: "pending", because: expect.stringContaining("offender is still there") });
    stage.remove(POD, "web-0");
    expect(await step.verify(kept)).toMatchObject({ kind: "done" });
  });

  test("an undo that the server refuses says so", async () => {
    const stage = new StopStage("Deployment");
    const step = await stage.action(SCALE);
    const { kept } = await step.done();
    stage.kube.admit = () => "frozen";
    expect(await step.undo(kept)).toMatchObject({ kind: "changed", because: expect.stringContaining('"frozen"') });
  });

  test("uses the rights that it declares, and no other", async () => {
    const used = new Set<string>();
    for (const [owner] of SCALED) {
      const stage = new StopStage(owner);
      const workload = await stage.workload();
      stage.kube.change({ namespace: NAMESPACE, name: "web-0" }, { labels: {}, controller: null });
      const step = await stage.action(SCALE, {}, workload);
      const { kept } = await step.done();
      await step.verify(kept);
      await step.undo(kept);
      for (const right of stage.rights) used.add(right);
    }
    expect([...used].toSorted()).toEqual(declared(SCALE));
  });
});
