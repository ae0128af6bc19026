import { describe, expect, test } from "vitest";
import { because, EcsStage, planned, planningOf } from "./ecs-stage.ts";

const DRAIN = "ecs:drain-instance";

const statusOf = ({ aws, here }: EcsStage) => aws.instances.at(here).status;

describe(DRAIN, () => {
  test("moves the service tasks of that instance, daemons and standalone tasks stay, and it says so", async () => {
    const stage = new EcsStage();
    const step = stage.action(DRAIN);
    const { kept, remarks } = await step.ready();
    expect(remarks.join(" ")).toMatch(
      /3 service tasks .* \(services api, web\).*1 standalone task there runs on untouched\..*1 daemon task .*falco/,
    );
    expect(remarks.join(" ")).toContain("same image and hole");
    expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: false });
    expect((await step.execute(kept)).kind).toBe("accepted");
    expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: true, because: expect.stringContaining("3 service tasks") });
    stage.tick();
    expect(await step.verify(kept)).toMatchObject({ kind: "done", because: expect.stringContaining("1 standalone task on it runs on") });
    const left = stage.aws.ecs.running().filter(({ containerInstanceArn }) => containerInstanceArn === stage.here);
    expect(left.map(({ group }) => group).sort()).toEqual(["family:job", "service:falco"]);
    expect(stage.aws.ecs.living("web").every(({ containerInstanceArn }) => containerInstanceArn === stage.there)).toBe(true);
  });

  test("an offender that stands alone is not touched: told before and after", async () => {
    const stage = new EcsStage();
    const step = stage.action(DRAIN, {}, stage.alone);
    expect((await step.ready()).remarks.join(" ")).toContain("the offender too: ecs:stop-task stops it");
    const { kept } = await step.done();
    stage.tick();
    expect((await step.verify(kept)).because).toContain("the offender too");
    expect(stage.aws.ecs.task(stage.alone.taskArn)?.lastStatus).toBe("RUNNING");
  });

  test("a task on Fargate is refused; its twin on an instance is planned", () => {
    const stage = new EcsStage();
    expect(because(planningOf(stage, DRAIN, {}, { containerInstanceArn: null }))).toMatch(/Fargate.*next best: ecs:stop-task/);
    expect(planned(planningOf(stage, DRAIN)).params).toEqual({});
    expect(because(planningOf(stage, DRAIN, { force: true }))).toContain('"force" is not known');
  });

  test.each([
    ["ACTIVE", "ready"],
    ["DRAINING", "nothing"],
    ["REGISTERING", "refused"],
    ["DEREGISTERING", "refused"],
    ["INACTIVE", "refused"],
  ])("an instance that is %s: %s", async (status, kind) => {
    const stage = new EcsStage();
    stage.aws.instances.at(stage.here).status = status;
    expect((await stage.action(DRAIN).prepare()).kind).toBe(kind);
  });

  test("an instance that ECS does not know is refused, and a conflict when it left meanwhile", async () => {
    const stage = new EcsStage();
    const step = stage.action(DRAIN);
    const { kept } = await step.ready();
    stage.aws.ecs.instances.delete(stage.here);
    expect(await step.prepare()).toMatchObject({ kind: "refused", because: expect.stringContaining("next best") });
    expect((await step.execute(kept)).kind).toBe("conflict");
    expect((await step.verify(kept)).kind).toBe("unknown");
    expect((await step.undo(kept)).kind).toBe("nothing");
  });

  test("an instance that somebody drained meanwhile is not asked for again", async () => {
    const stage = new EcsStage();
    const step = stage.action(DRAIN);
    const { kept } = await step.ready();
    stage.aws.instances.at(stage.here).status = "DRAINING";
    expect((await step.execute(kept)).kind).toBe("accepted");
    expect(stage.aws.instances.calls).not.toContain("setStatus");
  });

  test("a state that forbids it meanwhile is a conflict", async () => {
    const stage = new EcsStage();
    const step = stage.action(DRAIN);
    const { kept } = await step.ready();
    stage.aws.instances.at(stage.here).status = "DEREGISTERING";
    expect(await step.execute(kept)).toMatchObject({ kind: "conflict", because: expect.stringContaining("DEREGISTERING") });
  });

  describe("a neighbour that the policy protects", () => {
    test("holds it, with their number; its twin on another instance does not", async () => {
      const stage = new EcsStage();
      stage.protecting("api");
      expect(await stage.action(DRAIN).prepare()).toMatchObject({
        kind: "refused",
        because: expect.stringMatching(/1 protected task .*service api is protected.*next best: ecs:stop-task/),
      });
      for (const { taskArn } of stage.aws.ecs.living("api")) stage.aws.ecs.change(taskArn, { containerInstanceArn: stage.there });
      expect((await stage.action(DRAIN).prepare()).kind).toBe("ready");
    });

    test("by a tag of its service alone holds it", async () => {
      const stage = new EcsStage();
      stage.protection = ({ labels }) => (labels["team"] === "api" ? "the label team protects it" : null);
      expect((await stage.action(DRAIN).prepare()).kind).toBe("refused");
    });

    test("that is a daemon does not hold it: every instance has it", async () => {
      const stage = new EcsStage();
      stage.protecting("falco");
      expect((await stage.action(DRAIN).prepare()).kind).toBe("ready");
    });

    test("that has stopped does not hold it", async () => {
      const stage = new EcsStage();
      stage.protecting("api");
      for (const { taskArn } of stage.aws.ecs.living("api"))
        stage.aws.ecs.change(taskArn, { lastStatus: "STOPPED", desiredStatus: "STOPPED" });
      expect((await stage.action(DRAIN).prepare()).kind).toBe("ready");
    });
  });

  test("a neighbour whose service ECS does not describe holds it: its tags are not known", async () => {
    const stage = new EcsStage();
    stage.aws.ecs.services.delete("api");
    expect(await stage.action(DRAIN).prepare()).toMatchObject({
      kind: "refused",
      because: expect.stringContaining("service api cannot be read"),
    });
  });

  test.each<[number | null, number | null, string]>([
    [100, 100, "refused"],
    [null, 100, "refused"],
    [100, null, "ready"],
    [99, 100, "ready"],
    [100, 101, "ready"],
  ])("a service with minimumHealthyPercent %j and maximumPercent %j: %s", async (minimumHealthyPercent, maximumPercent, kind) => {
    const stage = new EcsStage();
    const given = { family: "db", instance: stage.here, tags: {}, desired: 1, minimumHealthyPercent, maximumPercent };
    stage.aws.ecs.service("db", given);
    const preparation = await stage.action(DRAIN).prepare();
    expect(preparation.kind).toBe(kind);
    if (preparation.kind === "refused") expect(preparation.because).toMatch(/never end.*service db.*next best/);
  });

  test("a disconnected agent is told", async () => {
    const stage = new EcsStage();
    stage.aws.instances.at(stage.here).agentConnected = false;
    expect((await stage.action(DRAIN).ready()).remarks.join(" ")).toContain("disconnected");
  });

  test("ACTIVE again only from DRAINING", async () => {
    const stage = new EcsStage();
    const step = stage.action(DRAIN);
    const { kept } = await step.done();
    expect((await step.undo(kept)).kind).toBe("undone");
    expect(statusOf(stage)).toBe("ACTIVE");
    stage.aws.instances.at(stage.here).status = "DEREGISTERING";
    expect(await step.undo(kept)).toMatchObject({ kind: "changed", because: expect.stringContaining("DEREGISTERING") });
    expect(statusOf(stage)).toBe("DEREGISTERING");
    stage.aws.instances.at(stage.here).status = "INACTIVE";
    expect(await step.undo(kept)).toMatchObject({ kind: "nothing", because: expect.stringContaining("left ECS") });
  });
});
