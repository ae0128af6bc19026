import { expect, test } from "vitest";
import { taskEvidence } from "#shared/playbooks/ecs/evidence.ts";
import type { TaskDefinitionFacts } from "#shared/ports/task-definitions.ts";
import { never } from "./builders.ts";
import { EcsStage } from "./ecs-stage.ts";

const noHurry = new AbortController().signal;

test("what is kept of a task is its description, its service and its definition", async () => {
  const stage = new EcsStage();
  const kept = await taskEvidence(stage.workload(), stage.reach, never, noHurry);
  expect(kept).toMatchObject({
    task: { taskArn: stage.offender.taskArn },
    service: { name: "web", desiredCount: 2 },
    definition: { family: "web" },
    logs: [],
    missing: ["log of app: it has no log driver, only awslogs with a stream prefix can be read"],
  });
});

test("what does not answer within the bound is missing, the rest is kept, and nobody else's call is called off", async () => {
  const stage = new EcsStage();
  const hurry = new AbortController();
  const invocation = new AbortController();
  const given: AbortSignal[] = [];
  stage.aws.services.describe = (_service: string, signal?: AbortSignal): Promise<null> => {
    if (signal !== undefined) given.push(signal);
    setTimeout(() => hurry.abort(new Error("its time is over")), 5);
    return new Promise(() => undefined);
  };
  const kept = await taskEvidence(stage.workload(), stage.reach, invocation.signal, hurry.signal);
  expect(kept).toMatchObject({ task: { taskArn: stage.offender.taskArn }, service: null, definition: { family: "web" } });
  expect(kept.missing).toContain("service: its time is over");
  expect(given).toEqual([invocation.signal]);
  expect(given[0]?.aborted).toBe(false);
});

test("a bug of ours is not taken for something missing", async () => {
  const stage = new EcsStage();
  const definitions = { describe: (): Promise<TaskDefinitionFacts | null> => Promise.reject(new TypeError("a bug")) };
  const reach = { ...stage.reach, access: { ...stage.reach.access, definitions: () => Promise.resolve(definitions) } };
  await expect(taskEvidence(stage.workload(), reach, never, noHurry)).rejects.toThrow("a bug");
});
