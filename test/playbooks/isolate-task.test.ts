import { expect, test } from "vitest";
import type { TaskWorkload } from "#shared/domain/workload.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import { never } from "./builders.ts";
import { because, EcsStage, planningOf } from "./ecs-stage.ts";

const ISOLATE = "ecs:isolate-task";
const AWSVPC = /interface is managed by ECS.*DryRun says yes.*replaces tasks instead of isolating.*next best: ecs:stop-task$/;
const SHARED = /shares its host's interfaces.*replaces tasks instead of isolating.*next best: ecs:stop-task/;

test.each<[string, Partial<TaskWorkload>, RegExp]>([
  ["Fargate", { launchType: "FARGATE", containerInstanceArn: null }, AWSVPC],
  ["awsvpc on EC2", { networkInterfaces: ["eni-0123456789abcdef0"] }, AWSVPC],
  ["bridge or host on EC2", {}, /shares its host's.*next best: ecs:stop-task, and ecs:isolate-instance after it/],
  ["an external instance", { launchType: "EXTERNAL" }, SHARED],
])("a task of %s is refused, with what is true there", (_, more, why) => {
  const stage = new EcsStage();
  expect(because(planningOf(stage, ISOLATE, {}, more))).toMatch(why);
});

test("nothing that AWS cannot isolate is sent to ecs:isolate-instance", () => {
  const stage = new EcsStage();
  expect(because(planningOf(stage, ISOLATE, {}, { launchType: "EXTERNAL" }))).not.toContain("isolate-instance");
  expect(because(planningOf(stage, ISOLATE, {}, { launchType: "FARGATE", containerInstanceArn: null }))).not.toContain("isolate-instance");
});

test("it is never carried out, and there is nothing to take back", async () => {
  const { execute, verify, undo } = playbooks[ISOLATE];
  const stage = new EcsStage();
  const { plan } = stage.action("ecs:tag-task");
  await expect(execute(plan, {}, stage.reach, never)).rejects.toThrow("nothing to execute");
  await expect(verify(plan, {}, stage.reach, never)).rejects.toThrow("nothing to look at");
  expect(undo.possible).toBe(false);
});
