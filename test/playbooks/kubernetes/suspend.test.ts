import { describe, expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import { CRON_JOB, JOB, POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { INCIDENT } from "#shared/playbooks/kubernetes/marks.ts";
import { because, NAMESPACE, OCCASION, StopStage } from "./stop-stage.ts";
import { declared } from "./traffic-stage.ts";

const SUSPEND = "kubernetes:suspend";
const suspended = (stage: StopStage, kind: typeof JOB, name: string) => stage.see(kind, name)?.spec?.["suspend"];
const marked = (stage: StopStage, kind: typeof JOB, name: string) => stage.see(kind, name)?.metadata.annotations?.[INCIDENT];

describe(SUSPEND, () => {
  test("of a CronJob: it and the Job that the offender works for, each field taken back only while it is as we made it", async () => {
    const stage = new StopStage("CronJob");
    const step = await stage.action(SUSPEND);
    const { kept, remarks } = await step.ready();
    expect(remarks.join(" ")).toMatch(
      /CronJob web starts no Job any more; suspending it does not stop those.*Job web-1, for which the offender works, is suspended too.*ends its 3 pods/,
    );
    expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: false });
    expect((await step.execute(kept)).kind).toBe("accepted");
    expect(stage.writes).toEqual(["patch batch/cronjobs", "patch batch/jobs"]);
    expect([suspended(stage, CRON_JOB, "web"), suspended(stage, JOB, "web-1")]).toEqual([true, true]);
    expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: true, partly: true });
    stage.tick(3);
    expect(await step.verify(kept)).toMatchObject({ kind: "done" });
    expect(stage.see(POD, "web-0")).toBeNull();
    expect(await step.undo(kept)).toMatchObject({ kind: "undone", because: "CronJob web is resumed; Job web-1 is resumed" });
    expect([suspended(stage, CRON_JOB, "web"), suspended(stage, JOB, "web-1")]).toEqual([false, false]);
    expect([marked(stage, CRON_JOB, "web"), marked(stage, JOB, "web-1")]).toEqual([undefined, undefined]);
    expect(await step.undo(kept)).toMatchObject({ kind: "nothing" });
  });

  test("of a Job alone", async () => {
    const stage = new StopStage("Job");
    const step = await stage.action(SUSPEND);
    const { kept } = await step.done();
    expect(stage.writes).toEqual(["patch batch/jobs"]);
    stage.tick(3);
    expect(await step.verify(kept)).toMatchObject({ kind: "done" });
    expect(await step.undo(kept)).toMatchObject({ kind: "undone" });
  });

  test.each([
    ["Deployment", /Deployment web cannot be suspended; next best: kubernetes:scale-to-zero/],
    ["ReplicaSet", /kubernetes:scale-to-zero/],
    ["StatefulSet", /kubernetes:scale-to-zero/],
    ["DaemonSet", /DaemonSet web cannot be suspended/],
    ["Rollout", /Rollout web is of a kind that nobody here knows how to suspend/],
    ["CloneSet", /CloneSet web is of a kind/],
    ["none", /stands alone.*next best: kubernetes:terminate/],
  ] as const)("refuses the owner of a pod of %s", async (owner, why) => {
    expect(because(await new StopStage(owner).planning(SUSPEND))).toMatch(why);
  });

  test("its plan refuses what is no pod, what it does not know, and a time that is none", async () => {
    const stage = new StopStage("Job");
    const workload = await stage.workload();
    expect(because(playbooks[SUSPEND].plan({ ...workload, kind: "task" } as never, {}, OCCASION))).toContain("the target is a task");
    expect(because(await stage.planning(SUSPEND, { job: "x" }))).toContain('"job" is not known');
    expect(because(await stage.planning(SUSPEND, { expires_after: "soon" }))).toContain("expires_after must be");
    const { expiry } = playbooks[SUSPEND];
    expect([expiry?.by, expiry?.afterMs((await stage.action(SUSPEND, { expires_after: "30m" })).plan)]).toEqual(["undo", 1_800_000]);
    expect(expiry?.afterMs((await stage.action(SUSPEND)).plan)).toBeNull();
  });

  test("other Jobs of the CronJob run on, and are told", async () => {
    const stage = new StopStage("CronJob");
    const [owner] = stage.see(JOB, "web-1")?.metadata.ownerReferences ?? [];
    stage.kube.put(JOB, { metadata: { name: "web-2", namespace: NAMESPACE, ownerReferences: [owner] }, spec: {} } as never);
    stage.kube.put(JOB, { metadata: { name: "strange", namespace: NAMESPACE }, spec: {} } as never);
    stage.change(CRON_JOB, "web", () => ({ status: { active: ["web-1", "web-2", "strange"].map((name) => ({ name })) } }));
    const step = await stage.action(SUSPEND);
    const { kept, remarks } = await step.done();
    expect(remarks.join(" ")).toMatch(/1 other Job of it runs on: web-2\./);
    expect(suspended(stage, JOB, "web-2")).toBeUndefined();
    expect((await step.verify(kept)).kind).toBe("pending");
  });

  test("the pod is gone: its Job is found by the label that the Job gave it, when the CronJob names that Job", async () => {
    const stage = new StopStage("CronJob");
    const id = stage.see(JOB, "web-1")?.metadata.uid ?? "";
    const workload = await stage.workload();
    stage.remove(POD, "web-0");
    const labelled = await stage.action(SUSPEND, {}, { ...workload, labels: { "batch.kubernetes.io/controller-uid": id } });
    expect(await labelled.remarks()).toContain("Job web-1, for which the offender works");
    const without = await stage.action(SUSPEND, {}, workload);
    const { kept, remarks } = await without.done();
    expect(remarks.join(" ")).toContain("The Job that the offender worked for is over (or not known)");
    expect(stage.writes).toEqual(["patch batch/cronjobs"]);
    expect(await without.verify(kept)).toMatchObject({ kind: "done" });
  });

  test("what is suspended already is left so by the undo; all of it suspended or over: nothing to do", async () => {
    const stage = new StopStage("CronJob");
    stage.spec(CRON_JOB, "web", { suspend: true });
    const step = await stage.action(SUSPEND);
    const { kept } = await step.done();
    expect(stage.writes).toEqual(["patch batch/jobs"]);
    expect(await step.undo(kept)).toMatchObject({ kind: "undone", because: "Job web-1 is resumed" });
    expect(suspended(stage, CRON_JOB, "web")).toBe(true);
    stage.spec(JOB, "web-1", { suspend: true });
    expect(await step.prepare()).toMatchObject({ kind: "nothing", because: "CronJob web is suspended already" });
    stage.change(JOB, "web-1", () => ({ status: { conditions: [{ type: "Complete", status: "True" }] } }));
    expect(await step.prepare()).toMatchObject({ kind: "nothing" });
  });

  test("a Job that has ended since it was prepared is not touched", async () => {
    const stage = new StopStage("Job");
    const step = await stage.action(SUSPEND);
    const { kept } = await step.ready();
    stage.change(JOB, "web", () => ({ status: { conditions: [{ type: "Failed", status: "True" }] } }));
    expect(await step.execute(kept)).toMatchObject({ kind: "gone" });
    expect(stage.writes).toEqual([]);
    expect(await step.verify(kept)).toMatchObject({ kind: "done" });
  });

  test("an owner that is another one now is refused; what became another one since is left", async () => {
    const stage = new StopStage("Job");
    const step = await stage.action(SUSPEND);
    const { kept } = await step.done();
    stage.replaced(JOB, "web");
    expect(await (await step.prepare()).kind).toBe("refused");
    expect(await step.undo(kept)).toMatchObject({ kind: "changed" });
    expect(suspended(stage, JOB, "web")).toBe(true);
    stage.remove(JOB, "web");
    expect(await step.undo(kept)).toMatchObject({ kind: "nothing", because: "Job web is gone" });
  });

  test("somebody resumed it: nothing to undo but our mark; somebody suspended it anew: it stays so", async () => {
    const stage = new StopStage("Job");
    const step = await stage.action(SUSPEND);
    const { kept } = await step.done();
    expect(marked(stage, JOB, "web")).toBe(OCCASION.incident);
    stage.spec(JOB, "web", { suspend: false });
    expect(await step.verify(kept)).toMatchObject({
      kind: "pending",
      begun: false,
      because: expect.stringContaining("resumed since: Job web"),
    });
    expect(await step.undo(kept)).toMatchObject({ kind: "nothing" });
    expect(marked(stage, JOB, "web")).toBeUndefined();
    stage.spec(JOB, "web", { suspend: true });
    expect(await step.undo(kept)).toMatchObject({ kind: "changed", because: expect.stringContaining("somebody else suspended") });
    expect(suspended(stage, JOB, "web")).toBe(true);
  });

  test("the mark of an earlier incident comes back with the rest", async () => {
    const stage = new StopStage("Job");
    stage.mark(JOB, "web", { annotations: { [INCIDENT]: "earlier", other: "kept" } });
    const step = await stage.action(SUSPEND);
    const { kept } = await step.done();
    expect(await step.undo(kept)).toMatchObject({ kind: "undone" });
    expect(stage.see(JOB, "web")?.metadata.annotations).toEqual({ [INCIDENT]: "earlier", other: "kept" });
  });

  test("a protected sibling, or a mark on Job or CronJob, spares them all; without it they are suspended", async () => {
    const stage = new StopStage("CronJob");
    const step = await stage.action(SUSPEND);
    stage.protects = (workload) => (workload.labels["keep"] === "yes" ? "the label keep protects it" : null);
    expect((await step.prepare()).kind).toBe("ready");
    for (const [kind, name] of [
      [POD, "web-1"],
      [JOB, "web-1"],
      [CRON_JOB, "web"],
    ] as const) {
      const { labels = {} } = stage.see(kind, name)?.metadata ?? {};
      stage.mark(kind, name, { labels: { ...labels, keep: "yes" } });
      expect(await step.refusal()).toMatch(/CronJob web: .*the label keep protects it.*next best: kubernetes:terminate/);
      stage.mark(kind, name, { labels });
    }
  });

  test("what the server would not take is refused before; when it takes one of two, that is told", async () => {
    const stage = new StopStage("CronJob");
    const step = await stage.action(SUSPEND);
    const { kept } = await step.ready();
    stage.kube.admit = (_verb, { resource }) => (resource === "jobs" ? "frozen" : null);
    expect(await step.refusal()).toContain('would not suspend Job web-1 ("frozen")');
    const execution = await step.execute(kept);
    expect(execution).toMatchObject({ kind: "accepted", remarks: ['The API server refuses to suspend Job web-1: "frozen"'] });
    expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: false, partly: true });
    expect(await step.undo(kept)).toMatchObject({
      kind: "undone",
      because: "CronJob web is resumed; Job web-1 is not suspended (any more)",
    });
    stage.kube.admit = () => "frozen";
    expect((await step.execute(kept)).kind).toBe("failed");
  });

  test("after a crash between the two the rest is done", async () => {
    const stage = new StopStage("CronJob");
    const step = await stage.action(SUSPEND);
    const { kept } = await step.ready();
    stage.meanwhile = (_verb, { resource }) => {
      if (resource === "jobs") stage.kube.fail("patch", new PipelineError("kube_unreachable", "lost"));
    };
    await expect(step.execute(kept)).rejects.toMatchObject({ retryable: true });
    expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: false, partly: true });
    stage.meanwhile = () => undefined;
    expect((await step.execute(kept)).kind).toBe("accepted");
    expect(suspended(stage, JOB, "web-1")).toBe(true);
    expect(await step.undo(kept)).toMatchObject({ kind: "undone" });
  });

  test("uses the rights that it declares, and no other", async () => {
    const stage = new StopStage("CronJob");
    const step = await stage.action(SUSPEND);
    const { kept } = await step.done();
    await step.verify(kept);
    await step.undo(kept);
    expect(stage.rights).toEqual(declared(SUSPEND));
  });
});
