import { describe, expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import type { Params } from "#shared/playbooks/playbook.ts";
import { NOW } from "./builders.ts";
import { because, EcsStage, occasion, planned, planningOf } from "./ecs-stage.ts";

const MINUTE = 60_000;

describe("ecs:tag-task", () => {
  const tagsOf = ({ aws, offender }: EcsStage) => aws.ecs.task(offender.taskArn)?.tags;

  test("gives the offender alone the tag with the incident, and is done when ECS shows it", async () => {
    const stage = new EcsStage();
    const step = stage.action("ecs:tag-task");
    const { kept, remarks } = await step.ready();
    expect(remarks.join(" ")).toContain("A tag stops nothing");
    expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: false });
    expect((await step.execute(kept)).kind).toBe("accepted");
    expect(await step.verify(kept)).toMatchObject({ kind: "done" });
    expect(tagsOf(stage)).toEqual({ "falco-responder/incident": occasion.incident });
    expect(stage.aws.ecs.all().filter(({ tags }) => Object.keys(tags).length > 0)).toHaveLength(1);
  });

  test.each<[Params]>([
    [{ key: "aws:incident" }],
    [{ key: "AWS:incident" }],
    [{ value: "aws:x" }],
    [{ key: "" }],
    [{ key: "a".repeat(129) }],
    [{ key: "a\nb" }],
    [{ key: "a<b" }],
    [{ value: "a".repeat(257) }],
    [{ value: "a;b" }],
    [{ value: 5 }],
    [{ key: "falco-responder/protected" }],
    [{ key: "falco-responder/protected-by" }],
    [{ key: "Falco-Responder/Protected" }],
    [{ key: "falco-responder.io/protected" }],
    [{ keys: "a" }],
  ])("refuses %j", (params) => {
    expect(because(planningOf(new EcsStage(), "ecs:tag-task", params))).toMatch(/\S/);
  });

  test.each<[Params, Params]>([
    [{}, { key: "falco-responder/incident", value: occasion.incident }],
    [
      { key: "team aws:", value: "" },
      { key: "team aws:", value: "" },
    ],
    [
      { key: "a".repeat(128), value: "é".repeat(256) },
      { key: "a".repeat(128), value: "é".repeat(256) },
    ],
    [{ key: "falco-responder/prot" }, { key: "falco-responder/prot", value: occasion.incident }],
  ])("plans %j", (params, filled) => {
    expect(planned(planningOf(new EcsStage(), "ecs:tag-task", params)).params).toEqual(filled);
  });

  test("a tag that the policy protects by is refused, and its twin of another key is put", async () => {
    const stage = new EcsStage();
    stage.protection = ({ labels }) => (labels["keep"] === undefined ? null : "the label keep protects it");
    expect(await stage.action("ecs:tag-task", { key: "keep" }).prepare()).toMatchObject({
      kind: "refused",
      because: expect.stringContaining("next best: another key"),
    });
    expect((await stage.action("ecs:tag-task", { key: "kept" }).prepare()).kind).toBe("ready");
  });

  test("nothing is left to do for a task that has ended, is ending, is gone, or bears the tag already", async () => {
    const stage = new EcsStage();
    const step = stage.action("ecs:tag-task", { value: "x" });
    const prepared = async (): Promise<string> => (await step.prepare()).kind;
    expect(await prepared()).toBe("ready");
    stage.aws.ecs.change(stage.offender.taskArn, { tags: { "falco-responder/incident": "x" } });
    expect(await prepared()).toBe("nothing");
    stage.aws.ecs.change(stage.offender.taskArn, { tags: {}, desiredStatus: "STOPPED" });
    expect(await prepared()).toBe("nothing");
    stage.aws.ecs.forget(stage.offender.taskArn);
    expect(await prepared()).toBe("nothing");
    expect((await step.execute({})).kind).toBe("gone");
  });

  test("a value that somebody wrote between preparing and executing stands", async () => {
    const stage = new EcsStage();
    const step = stage.action("ecs:tag-task");
    const { kept } = await step.ready();
    stage.aws.ecs.change(stage.offender.taskArn, { tags: { "falco-responder/incident": "theirs" } });
    expect((await step.execute(kept)).kind).toBe("conflict");
    expect(await step.verify(kept)).toMatchObject({ kind: "unknown" });
    expect(tagsOf(stage)).toEqual({ "falco-responder/incident": "theirs" });
  });

  test("when the task ended after it, nobody claims to know, and there is nothing to take back", async () => {
    const stage = new EcsStage();
    const step = stage.action("ecs:tag-task");
    const { kept } = await step.done();
    await stage.aws.ecs.stop(stage.offender.taskArn, "r");
    stage.tick();
    expect(await step.verify(kept)).toMatchObject({ kind: "unknown", because: expect.stringContaining("deletes its tags") });
    expect((await step.undo(kept)).kind).toBe("nothing");
  });

  test("taking it back while the task ends, or before ECS shows it, claims no more than that", async () => {
    const stage = new EcsStage();
    const step = stage.action("ecs:tag-task");
    const { kept } = await step.done();
    stage.aws.marks.untag = () => Promise.resolve("untagged");
    expect((await step.undo(kept)).kind).toBe("requested");
    stage.aws.marks.untag = (taskArn) => {
      stage.aws.ecs.change(taskArn, { desiredStatus: "STOPPED" });
      return Promise.resolve("gone");
    };
    expect((await step.undo(kept)).kind).toBe("nothing");
  });

  test("an answer that says nothing of the task is an error that may pass", async () => {
    const stage = new EcsStage();
    const step = stage.action("ecs:tag-task");
    stage.aws.ecs.describe = () => Promise.resolve({ tasks: [], missing: [] });
    await expect(step.prepare()).rejects.toMatchObject({ retryable: true });
  });
});

describe("ecs:protect-task", () => {
  const until = ({ aws, offender }: EcsStage) => aws.ecs.protections.get(offender.taskArn);

  test("protects the offender alone for as long as asked", async () => {
    const stage = new EcsStage();
    const step = stage.action("ecs:protect-task", { minutes: 90 });
    const { remarks } = await step.ready();
    expect(remarks.join(" ")).toContain("does not block StopTask, the end of the EC2 machine or a Spot interruption");
    const { kept } = await step.done();
    expect(until(stage)).toBe(NOW + 90 * MINUTE);
    expect(stage.aws.ecs.protections.size).toBe(1);
    expect(await step.verify(kept)).toMatchObject({ kind: "done", because: expect.stringContaining("2026-03-01T13:30:00Z") });
    stage.later(91 * MINUTE);
    expect(await step.verify(kept)).toMatchObject({ kind: "done", because: expect.stringContaining("ran out") });
  });

  test("a standalone task is refused with what helps, and its twin of a service is protected", () => {
    const stage = new EcsStage();
    expect(because(planningOf(stage, "ecs:protect-task", {}, { service: null }))).toMatch(/stands alone.*next best: ecs:tag-task/);
    expect(planned(planningOf(stage, "ecs:protect-task")).params).toEqual({ minutes: 720 });
  });

  test.each<[Params["minutes"], boolean]>([
    [1, true],
    [2_880, true],
    ["60", true],
    [0, false],
    [2_881, false],
    [1.5, false],
    [true, false],
    ["1h", false],
  ])("minutes: %j, planned: %j", (minutes, fine) => {
    expect(planningOf(new EcsStage(), "ecs:protect-task", { minutes }).kind).toBe(fine ? "planned" : "refused");
  });

  test.each([5, 2_000])(
    "a task that somebody protects for %i minutes is left as it is, neither shortened nor lengthened",
    async (minutes) => {
      const stage = new EcsStage();
      stage.aws.ecs.protections.set(stage.offender.taskArn, NOW + minutes * MINUTE);
      expect(await stage.action("ecs:protect-task").prepare()).toMatchObject({
        kind: "nothing",
        because: expect.stringContaining("left as it is"),
      });
      stage.later(minutes * MINUTE + 1);
      expect((await stage.action("ecs:protect-task").prepare()).kind).toBe("ready");
    },
  );

  test.each([30, 600])(
    "protected by somebody for %i min between preparing and executing: left as it is, and their expiry is not taken for ours",
    async (minutes) => {
      const stage = new EcsStage();
      const step = stage.action("ecs:protect-task", { minutes: 60 });
      const { kept } = await step.ready();
      stage.aws.ecs.protections.set(stage.offender.taskArn, NOW + minutes * MINUTE);
      expect(await step.execute(kept)).toMatchObject({ kind: "conflict" });
      expect(await step.verify(kept)).toMatchObject({ kind: "unknown" });
      expect(await step.undo(kept)).toMatchObject({ kind: "changed" });
      expect(until(stage)).toBe(NOW + minutes * MINUTE);
    },
  );

  test("what ECS refuses is a conflict with its reason", async () => {
    const stage = new EcsStage();
    stage.aws.marks.refuses = "DEPLOYMENT_BLOCKED";
    const step = stage.action("ecs:protect-task");
    const { kept } = await step.ready();
    expect(await step.execute(kept)).toMatchObject({ kind: "conflict", because: expect.stringMatching(/DEPLOYMENT_BLOCKED.*next best/) });
  });

  test("taking it off, refused by ECS, is tried again", async () => {
    const stage = new EcsStage();
    const step = stage.action("ecs:protect-task");
    const { kept } = await step.done();
    stage.aws.marks.refuses = "DEPLOYMENT_BLOCKED";
    await expect(step.undo(kept)).rejects.toMatchObject({ code: "not_yet" });
    stage.aws.marks.refuses = null;
    expect((await step.undo(kept)).kind).toBe("undone");
  });

  test.each([
    [1, "undone"],
    [3, "changed"],
  ])("without ECS's answer, an expiry %i min off what was asked for: %s", async (minutes, kind) => {
    const stage = new EcsStage();
    const step = stage.action("ecs:protect-task", { minutes: 60 });
    const { prepared } = await step.done();
    stage.aws.ecs.protections.set(stage.offender.taskArn, NOW + (60 + minutes) * MINUTE);
    expect((await step.undo(prepared, NOW)).kind).toBe(kind);
  });

  test("a task that ended meanwhile: gone, not known, nothing to take back", async () => {
    const stage = new EcsStage();
    const step = stage.action("ecs:protect-task");
    const { kept } = await step.ready();
    stage.aws.ecs.forget(stage.offender.taskArn);
    expect((await step.prepare()).kind).toBe("refused");
    expect((await step.execute(kept)).kind).toBe("gone");
    expect((await step.verify(kept)).kind).toBe("unknown");
    expect((await step.undo(kept)).kind).toBe("nothing");
  });

  test("a broken world is an error", async () => {
    const stage = new EcsStage();
    const step = stage.action("ecs:protect-task");
    stage.aws.marks.fail("protection", new PipelineError("aws_throttled", "slow"));
    await expect(step.prepare()).rejects.toMatchObject({ code: "aws_throttled" });
  });
});
