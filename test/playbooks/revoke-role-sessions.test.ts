import { describe, expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import { NOW } from "./builders.ts";
import { EcsStage, planned, planningOf } from "./ecs-stage.ts";

const REVOKE = "ecs:revoke-role-sessions";
const POLICY = "falco-responder-revoke-sessions";
const HOURS_12 = 12 * 3_600_000;

const document = ({ aws }: EcsStage): string | undefined => aws.roles.policies("web-task").get(POLICY);

function listed(stage: EcsStage, taskRoles?: readonly string[]): void {
  const { taskRoles: _, ...cluster } = stage.cluster;
  stage.cluster = taskRoles === undefined ? cluster : { ...cluster, taskRoles };
}

describe(REVOKE, () => {
  test("denies everything to sessions issued until now, and takes nothing else from the role", async () => {
    const stage = new EcsStage();
    stage.aws.roles.policies("web-task").set("own", "{}");
    const step = stage.action(REVOKE);
    const { kept } = await step.ready();
    expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: false });
    stage.later(1_500);
    expect((await step.execute(kept)).kind).toBe("accepted");
    expect(JSON.parse(document(stage) ?? "")).toEqual({
      Version: "2012-10-17",
      Statement: [
        {
          Sid: "FalcoResponder0123456789abcdef",
          Effect: "Deny",
          Action: "*",
          Resource: "*",
          Condition: { DateLessThan: { "aws:TokenIssueTime": "2026-03-01T12:00:02Z" } },
        },
      ],
    });
    expect(stage.aws.roles.policies("web-task").get("own")).toBe("{}");
    expect(await step.verify(kept)).toMatchObject({ kind: "done", because: expect.stringContaining("2026-03-01T12:00:02Z") });
  });

  test("tells whom it hits too, that it breaks healthy tasks for hours, and that the offender gets fresh credentials", async () => {
    const stage = new EcsStage();
    stage.aws.roles.role("web-task", { trusts: ["ecs-tasks.amazonaws.com", "arn:aws:iam::111122223333:role/ops"] });
    const told = (await stage.action(REVOKE).ready()).remarks.join(" ");
    expect(told).toContain("ecs-tasks.amazonaws.com, arn:aws:iam::111122223333:role/ops");
    expect(told).toContain("At least 1 other task of service web uses the role");
    expect(told).toMatch(/hours: force a new deployment/);
    expect(told).toContain("stop it too");
    const alone = stage.aws.ecs.run({ family: "web", containerInstanceArn: stage.here });
    expect((await stage.action(REVOKE, {}, alone).ready()).remarks.join(" ")).toContain("not known");
  });

  test("the role is the override's, before the definition's", async () => {
    const stage = new EcsStage();
    const roleOverride = stage.aws.roles.role("web-override");
    stage.aws.ecs.change(stage.offender.taskArn, { roleOverride });
    const { kept, remarks } = await stage.action(REVOKE).ready();
    expect(kept["role"]).toBe("web-override");
    expect(remarks.join(" ")).toContain("At least 0 other tasks");
    stage.aws.ecs.forget(stage.offender.taskArn);
    expect((await stage.action(REVOKE, {}, { ...stage.offender, roleOverride }).ready()).kept["role"]).toBe("web-override");
  });

  test("a task that ECS has forgotten has the role of its definition: stolen credentials outlive it", async () => {
    const stage = new EcsStage();
    stage.aws.ecs.forget(stage.offender.taskArn);
    expect((await stage.action(REVOKE).ready()).kept["role"]).toBe("web-task");
  });

  describe("refuses", () => {
    test.each<[string, RegExp, (stage: EcsStage) => void]>([
      [
        "a task without a task role, though it has an execution role",
        /no task role.*next best/,
        ({ aws }) => aws.definitions.define("web", { executionRoleArn: "arn:aws:iam::111122223333:role/web-exec" }),
      ],
      [
        "a task whose definition ECS does not know",
        /does not know the task's definition.*next best/,
        (stage) =>
          stage.aws.ecs.change(stage.offender.taskArn, { taskDefinitionArn: "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:8" }),
      ],
      [
        "a role of another account",
        /account 999988887777.*by hand.*next best/,
        ({ aws }) => aws.definitions.define("web", { taskRoleArn: "arn:aws:iam::999988887777:role/web-task" }),
      ],
      [
        "an ARN that is no role's",
        /cannot be read/,
        ({ aws }) => aws.definitions.define("web", { taskRoleArn: "arn:aws:iam::111122223333:user/web-task" }),
      ],
      [
        "a role that the registry does not list",
        /add it to taskRoles of cluster shop-prod in falco-responder.yml/,
        (stage) => listed(stage, ["api-*"]),
      ],
      ["any role when the registry lists none", /add it to taskRoles/, (stage) => listed(stage)],
      ["a role that IAM does not know", /knows no role/, ({ aws }) => aws.roles.remove("web-task")],
      [
        "a policy of our name that somebody else wrote",
        /not as we write it/,
        ({ aws }) => aws.roles.policies("web-task").set(POLICY, '{"Version":"2012-10-17","Statement":[]}'),
      ],
    ])("%s", async (_, why, given) => {
      const stage = new EcsStage();
      expect((await stage.action(REVOKE).prepare()).kind).toBe("ready");
      given(stage);
      const preparation = await stage.action(REVOKE).prepare();
      expect(preparation).toMatchObject({ kind: "refused", because: expect.stringMatching(why) });
      expect(stage.aws.roles.calls).not.toContain("putPolicy");
    });

    test("a parameter that it does not know", () => {
      expect(planningOf(new EcsStage(), REVOKE, { role: "x" }).kind).toBe("refused");
      expect(planned(planningOf(new EcsStage(), REVOKE)).params).toEqual({});
    });
  });

  test("a role under a path is known by its name", async () => {
    const stage = new EcsStage();
    stage.aws.definitions.define("web", { taskRoleArn: "arn:aws:iam::111122223333:role/team/shop/web-task" });
    expect((await stage.action(REVOKE).ready()).kept["role"]).toBe("web-task");
  });

  test("executing again does not move the time: what was handed out since stays good", async () => {
    const stage = new EcsStage();
    const step = stage.action(REVOKE);
    const { kept } = await step.ready();
    stage.aws.roles.lose("putPolicy", new PipelineError("timed_out", "lost"));
    await expect(step.execute(kept)).rejects.toMatchObject({ retryable: true });
    const written = document(stage);
    stage.later(60_000);
    expect((await step.verify(kept)).kind).toBe("done");
    expect((await step.execute(kept)).kind).toBe("accepted");
    expect(document(stage)).toBe(written);
  });

  test("a policy that somebody put there between preparing and executing stands", async () => {
    const stage = new EcsStage();
    const step = stage.action(REVOKE);
    const { kept } = await step.ready();
    stage.aws.roles.policies("web-task").set(POLICY, "{}");
    expect((await step.execute(kept)).kind).toBe("conflict");
    expect(await step.verify(kept)).toMatchObject({ kind: "unknown" });
    expect(document(stage)).toBe("{}");
  });

  test("the deny of an earlier incident is replaced by a later one, and that is told", async () => {
    const stage = new EcsStage();
    const first = stage.action(REVOKE);
    const { kept: earlier } = await first.done();
    stage.later(3_600_000);
    const second = stage.action(REVOKE, {}, stage.sibling);
    expect((await second.ready()).remarks.join(" ")).toContain("earlier incident");
    const { kept } = await second.done();
    expect(document(stage)).toContain("2026-03-01T13:00:00Z");
    expect((await first.verify(earlier)).kind).toBe("done");
    // The first one's undo does not lift the second's deny, also when the note of what was written is lost.
    stage.later(HOURS_12);
    expect((await first.undo(earlier, NOW)).kind).toBe("changed");
    const { written: _, ...lost } = earlier;
    expect((await first.undo(lost, NOW)).kind).toBe("changed");
    expect((await second.undo(kept, NOW + 3_600_000)).kind).toBe("undone");
    expect(document(stage)).toContain("2026-03-01T12:00:00Z");
    expect((await first.undo(earlier, NOW)).kind).toBe("undone");
    expect(document(stage)).toBeUndefined();
  });

  test("the deny that another incident wrote at the same time is not taken for ours", async () => {
    const stage = new EcsStage();
    const step = stage.action(REVOKE);
    const { prepared } = await step.done();
    const theirs = (document(stage) ?? "").replace("FalcoResponder0123456789abcdef", "FalcoResponderfedcba9876543210");
    stage.aws.roles.policies("web-task").set(POLICY, theirs);
    expect((await step.verify(prepared)).kind).toBe("done");
    stage.later(HOURS_12);
    expect((await step.undo(prepared)).kind).toBe("changed");
    expect(document(stage)).toBe(theirs);
  });

  test("is not taken back before the longest session has ended", async () => {
    const stage = new EcsStage();
    const step = stage.action(REVOKE);
    const { kept } = await step.done();
    stage.later(HOURS_12 - 1);
    expect(await step.undo(kept)).toMatchObject({ kind: "early", notBeforeMs: NOW + HOURS_12 });
    expect(document(stage)).toBeDefined();
    stage.later(1);
    expect((await step.undo(kept)).kind).toBe("undone");
    expect(document(stage)).toBeUndefined();
  });

  test("the same document, spaced and ordered otherwise, is ours", async () => {
    const stage = new EcsStage();
    const step = stage.action(REVOKE);
    const { kept } = await step.done();
    const { Version, Statement } = JSON.parse(document(stage) ?? "") as { readonly Version: string; readonly Statement: unknown };
    stage.aws.roles.policies("web-task").set(POLICY, JSON.stringify({ Statement, Version }, null, 2));
    expect((await step.verify(kept)).kind).toBe("done");
    stage.later(HOURS_12);
    expect((await step.undo(kept)).kind).toBe("undone");
  });

  test("a role that was deleted leaves nothing to take back", async () => {
    const stage = new EcsStage();
    const step = stage.action(REVOKE);
    const { kept } = await step.done();
    stage.later(HOURS_12);
    stage.aws.roles.remove("web-task");
    expect((await step.undo(kept)).kind).toBe("nothing");
  });
});
