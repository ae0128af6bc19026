import { describe, expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import { NOW } from "./builders.ts";
import { because, EcsStage, planned, planningOf } from "./ecs-stage.ts";

const SCALE = "ecs:scale-service-to-zero";
const ALL = { in: true, out: true, scheduled: true };
const NONE = { in: false, out: false, scheduled: false };

const wanted = ({ aws }: EcsStage) => aws.ecs.services.get("web")?.desired;
const suspended = ({ aws }: EcsStage) => aws.services.scalings.get("web")?.suspended;

describe(SCALE, () => {
  test("suspends scaling, wants no task, stops the offender directly; done when nothing of the service is left", async () => {
    const stage = new EcsStage();
    const step = stage.action(SCALE);
    const { kept, remarks } = await step.ready();
    expect(kept).toEqual({ desiredCount: "2", scaling: JSON.stringify(NONE) });
    expect(remarks.join(" ")).toMatch(/2 running tasks of service web.*automatic scaling.*suspended.*GitOps.*load balancer/);
    expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: false });
    expect((await step.execute(kept)).kind).toBe("accepted");
    expect([wanted(stage), suspended(stage)]).toEqual([0, ALL]);
    expect(stage.aws.ecs.stopCalls.map(({ taskArn }) => taskArn)).toEqual([stage.offender.taskArn]);
    expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: true });
    // The offender has stopped; its sibling was told to, and runs still.
    stage.tick(1);
    expect(await step.verify(kept)).toMatchObject({
      kind: "pending",
      begun: true,
      because: expect.stringContaining("1 task still stopping"),
    });
    stage.tick();
    expect((await step.verify(kept)).kind).toBe("done");
    expect(stage.aws.ecs.living("web")).toEqual([]);
    expect(stage.aws.ecs.living("api")).toHaveLength(1);
  });

  test("a standalone task is refused; its twin of a service is planned", () => {
    const stage = new EcsStage();
    expect(because(planningOf(stage, SCALE, {}, { service: null }))).toMatch(/stands alone.*next best: ecs:stop-task/);
    expect(planned(planningOf(stage, SCALE)).params).toEqual({ clear_protection: false });
    expect(because(planningOf(stage, SCALE, { clear_protection: "yes" }))).toContain("true or false");
  });

  test("a DAEMON, a service being deleted and one that ECS does not know are refused, before and after preparing; the twin is not", async () => {
    const stage = new EcsStage();
    const daemon = stage.action(SCALE, {}, stage.falco);
    expect(await daemon.prepare()).toMatchObject({
      kind: "refused",
      because: expect.stringMatching(/DAEMON.*ecs:drain-instance; next best: ecs:stop-task/),
    });
    const step = stage.action(SCALE);
    const { kept } = await step.ready();
    const web = stage.aws.ecs.services.get("web");
    if (web === undefined) throw new Error("no service");
    for (const status of ["DRAINING", "INACTIVE"] as const) {
      web.status = status;
      expect(await step.prepare()).toMatchObject({ kind: "refused", because: expect.stringMatching(`${status}.*next best`) });
      expect((await step.execute(kept)).kind).toBe("conflict");
    }
    stage.aws.ecs.services.delete("web");
    expect((await step.prepare()).kind).toBe("refused");
    expect((await step.execute(kept)).kind).toBe("conflict");
    expect(stage.aws.ecs.stopCalls).toEqual([]);
  });

  test("a service that wants none while the offender runs on: it is stopped all the same", async () => {
    const stage = new EcsStage();
    const web = stage.aws.ecs.services.get("web");
    if (web !== undefined) web.desired = 0;
    stage.aws.services.scale("web", { minCapacity: 0 });
    const step = stage.action(SCALE);
    const { kept } = await step.done();
    stage.tick();
    expect((await step.verify(kept)).kind).toBe("done");
    expect(stage.aws.ecs.stopped.has(stage.offender.taskArn)).toBe(true);
    expect((await step.undo(kept)).kind).toBe("undone");
    expect([wanted(stage), suspended(stage)]).toEqual([0, NONE]);
  });

  test("without the suspension, scaling would raise the count again", async () => {
    const stage = new EcsStage();
    const step = stage.action(SCALE);
    const { kept } = await step.done();
    await stage.aws.services.suspendScaling("web", NONE);
    expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: false, because: expect.stringContaining("not suspended") });
    stage.tick();
    expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: false, because: expect.stringContaining("raised again") });
  });

  describe("a sibling that is protected from scale-in", () => {
    const shielded = () => {
      const stage = new EcsStage();
      stage.aws.ecs.protections.set(stage.sibling.taskArn, NOW + 3_600_000);
      return stage;
    };

    test("is told before, and runs on, named, until its protection ends", async () => {
      const stage = shielded();
      const step = stage.action(SCALE);
      const id = stage.sibling.taskArn.split("/").at(-1) ?? "";
      expect((await step.ready()).remarks.join(" ")).toMatch(new RegExp(`NOT stopped before it ends: ${id} until 2026-03-01T13:00:00Z`));
      const { kept } = await step.done();
      stage.tick();
      expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: true, because: expect.stringContaining(`${id} until`) });
      stage.later(3_600_001);
      stage.tick();
      expect((await step.verify(kept)).kind).toBe("done");
    });

    test("is stopped too when the policy says so", async () => {
      const stage = shielded();
      const step = stage.action(SCALE, { clear_protection: true });
      expect((await step.ready()).remarks.join(" ")).toContain("undo does not put it back");
      const { kept } = await step.done();
      stage.tick();
      expect((await step.verify(kept)).kind).toBe("done");
    });

    test("whose protection ECS does not take off is told", async () => {
      const stage = shielded();
      stage.aws.marks.refuses = "DEPLOYMENT_BLOCKED";
      const { execution } = await stage.action(SCALE, { clear_protection: true }).done();
      expect(execution.remarks?.join(" ")).toMatch(/keeps its protection: DEPLOYMENT_BLOCKED/);
    });
  });

  test("the offender's own protection does not spare it", async () => {
    const stage = new EcsStage();
    stage.aws.ecs.protections.set(stage.offender.taskArn, NOW + 3_600_000);
    const step = stage.action(SCALE);
    const { kept } = await step.done();
    stage.tick();
    expect((await step.verify(kept)).kind).toBe("done");
  });

  test.each(["suspendScaling", "setDesiredCount"] as const)(
    "after a crash behind %s the rest is done, and all comes back",
    async (call) => {
      const stage = new EcsStage();
      const step = stage.action(SCALE);
      const { kept } = await step.ready();
      stage.aws.services.lose(call, new PipelineError("timed_out", "lost"));
      await expect(step.execute(kept)).rejects.toMatchObject({ retryable: true });
      expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: false });
      const again = await step.execute(kept);
      stage.tick();
      expect((await step.verify(kept)).kind).toBe("done");
      expect((await step.undo(again.kept ?? kept)).kind).toBe("undone");
      expect([wanted(stage), suspended(stage)]).toEqual([2, NONE]);
    },
  );

  test("a count that ECS refuses to change leaves nothing changed", async () => {
    const stage = new EcsStage();
    const step = stage.action(SCALE);
    const { kept } = await step.ready();
    stage.aws.services.fail("setDesiredCount", new PipelineError("aws_denied", "no"));
    await expect(step.execute(kept)).rejects.toMatchObject({ code: "aws_denied" });
    expect([wanted(stage), suspended(stage)]).toEqual([2, NONE]);
  });

  test("a stop that ECS refuses after the scaling is told, not thrown: the service is at zero", async () => {
    const stage = new EcsStage();
    const step = stage.action(SCALE);
    const { kept } = await step.ready();
    stage.aws.ecs.fail("stop", new PipelineError("aws_denied", "no"));
    expect(await step.execute(kept)).toMatchObject({ kind: "accepted", remarks: [expect.stringMatching(/StopTask.*refused/)] });
    expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: false, partly: true });
  });

  test("changed between preparing and executing: what it was last comes back", async () => {
    const stage = new EcsStage();
    const step = stage.action(SCALE);
    const { kept } = await step.ready();
    await stage.aws.services.setDesiredCount("web", 3);
    await stage.aws.services.suspendScaling("web", { ...NONE, in: true });
    const executed = await step.execute(kept);
    expect((await step.undo(executed.kept ?? kept)).kind).toBe("undone");
    expect([wanted(stage), suspended(stage)]).toEqual([3, { ...NONE, in: true }]);
  });

  describe("taking it back", () => {
    const acted = async () => {
      const stage = new EcsStage();
      const step = stage.action(SCALE);
      const { kept } = await step.done();
      stage.tick();
      return { stage, step, kept };
    };

    test("says that image and hole come back", async () => {
      const { step, kept } = await acted();
      expect(await step.undo(kept)).toMatchObject({ kind: "undone", because: expect.stringContaining("image and hole") });
    });

    test("a count that somebody set stands, scaling that is as we set it is resumed, and both are said", async () => {
      const { stage, step, kept } = await acted();
      await stage.aws.services.setDesiredCount("web", 5);
      expect(await step.undo(kept)).toMatchObject({ kind: "changed", because: expect.stringMatching(/count to 5.*has again: .*scaling/) });
      expect([wanted(stage), suspended(stage)]).toEqual([5, NONE]);
    });

    test("scaling that somebody changed stands, the count that is as we set it comes back, and both are said", async () => {
      const { stage, step, kept } = await acted();
      await stage.aws.services.suspendScaling("web", { ...ALL, scheduled: false });
      expect(await step.undo(kept)).toMatchObject({
        kind: "changed",
        because: expect.stringMatching(/suspended.*has again: desired count 2/),
      });
      expect([wanted(stage), suspended(stage)]).toEqual([2, { ...ALL, scheduled: false }]);
    });

    test("a service that is no longer scaled gets its count, and that is said", async () => {
      const { stage, step, kept } = await acted();
      stage.aws.services.scalings.clear();
      expect(await step.undo(kept)).toMatchObject({ kind: "changed", because: expect.stringContaining("no longer scaled") });
      expect(wanted(stage)).toBe(2);
    });

    test("scaling that came after preparing and is suspended: without the note of what it was, that is said and it stays", async () => {
      const stage = new EcsStage();
      stage.aws.services.scalings.clear();
      const step = stage.action(SCALE);
      const { kept } = await step.ready();
      stage.aws.services.scale("web");
      const executed = await step.execute(kept);
      expect(await step.undo(kept)).toMatchObject({
        kind: "changed",
        because: expect.stringMatching(/not known from what.*desired count 2/),
      });
      expect(suspended(stage)).toEqual(ALL);
      expect((await step.undo(executed.kept ?? kept)).kind).toBe("undone");
      expect([wanted(stage), suspended(stage)]).toEqual([2, NONE]);
    });

    test.each([
      ["INACTIVE", "nothing"],
      ["DRAINING", "changed"],
    ] as const)("a service that is %s: %s, with the reason", async (status, kind) => {
      const { stage, step, kept } = await acted();
      const web = stage.aws.ecs.services.get("web");
      if (web !== undefined) web.status = status;
      expect(await step.undo(kept)).toMatchObject({ kind, because: expect.stringMatching(/delet/) });
      expect(wanted(stage)).toBe(0);
    });

    test("what ECS does not show yet is requested", async () => {
      const { stage, step, kept } = await acted();
      stage.aws.services.setDesiredCount = () => Promise.resolve();
      expect((await step.undo(kept)).kind).toBe("requested");
    });
  });
});
