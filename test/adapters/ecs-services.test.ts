import { ApplicationAutoScalingClient } from "@aws-sdk/client-application-auto-scaling";
import { ECSClient } from "@aws-sdk/client-ecs";
import { describe, expect, test } from "vitest";
import { ecsServices } from "#shared/adapters/ecs-services.ts";
import { ecsCluster, never } from "../playbooks/builders.ts";
import { type Answer, awsDouble, callsIn, failing, inTurn, json } from "./aws-double.ts";

const SERVICE_ARN = "arn:aws:ecs:eu-west-1:111122223333:service/shop/web";
const DEFINITION = "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7";
const WHOLE = {
  serviceName: "web",
  serviceArn: SERVICE_ARN,
  status: "ACTIVE",
  desiredCount: 3,
  runningCount: 2,
  pendingCount: 1,
  taskDefinition: DEFINITION,
};
const service = (more: object = {}) => json({ services: [{ ...WHOLE, ...more }], failures: [] });
const TARGET = { ServiceNamespace: "ecs", ResourceId: "service/shop/web", ScalableDimension: "ecs:service:DesiredCount" };
const scalable = (more: object = {}, next?: string) =>
  json({ ScalableTargets: [{ ...TARGET, MinCapacity: 1, MaxCapacity: 9, ...more }], NextToken: next });

async function aws(...answers: readonly Answer[]) {
  const double = await awsDouble(inTurn(...answers));
  const services = ecsServices(new ECSClient(double.config), new ApplicationAutoScalingClient(double.config), ecsCluster);
  return Object.assign(double, { services });
}

describe("a service", () => {
  test("is described with its tags; what ECS leaves out is its default or not known", async () => {
    await using double = await aws(service({ tags: [{ key: "team", value: "shop" }] }));
    expect(await double.services.describe("web", never)).toEqual({
      name: "web",
      arn: SERVICE_ARN,
      status: "ACTIVE",
      schedulingStrategy: "REPLICA",
      deploymentController: "ECS",
      desiredCount: 3,
      runningCount: 2,
      pendingCount: 1,
      taskDefinitionArn: DEFINITION,
      minimumHealthyPercent: null,
      maximumPercent: null,
      tags: { team: "shop" },
    });
    expect(callsIn(double.asked)).toEqual([["DescribeServices", { cluster: "shop", services: ["web"], include: ["TAGS"] }]]);
  });

  test("of other kinds says so, and is found by its ARN too", async () => {
    const told = { schedulingStrategy: "DAEMON", deploymentController: { type: "CODE_DEPLOY" }, status: "INACTIVE" };
    await using double = await aws(service({ ...told, deploymentConfiguration: { minimumHealthyPercent: 0, maximumPercent: 100 } }));
    expect(await double.services.describe(SERVICE_ARN, never)).toMatchObject({
      status: "INACTIVE",
      schedulingStrategy: "DAEMON",
      deploymentController: "CODE_DEPLOY",
      minimumHealthyPercent: 0,
      maximumPercent: 100,
    });
  });

  test("that is missing is none; another failure, and an answer about another service, are errors", async () => {
    await using double = await aws(
      json({ services: [], failures: [{ arn: SERVICE_ARN, reason: "MISSING" }] }),
      json({ services: [], failures: [{ arn: SERVICE_ARN, reason: "INTERNAL" }] }),
      service({ serviceName: "webs", serviceArn: `${SERVICE_ARN}s` }),
    );
    expect(await double.services.describe("web", never)).toBeNull();
    await expect(double.services.describe("web", never)).rejects.toMatchObject({ code: "aws_rejected" });
    await expect(double.services.describe("web", never)).rejects.toMatchObject({ code: "aws_rejected" });
  });

  test("is asked for together with others; each gets its own answer, also when one is missing and another broken", async () => {
    const other = { ...WHOLE, serviceName: "api", serviceArn: SERVICE_ARN.replace(/web$/, "api"), desiredCount: 1 };
    const broken = { ...WHOLE, serviceName: "job", serviceArn: SERVICE_ARN.replace(/web$/, "job"), desiredCount: undefined };
    const missing = { arn: SERVICE_ARN.replace(/web$/, "gone"), reason: "MISSING" };
    await using double = await aws(json({ services: [broken, other, WHOLE], failures: [missing] }));
    const answers = await Promise.allSettled(["web", "gone", "api", "job"].map((name) => double.services.describe(name, never)));
    expect(answers).toMatchObject([
      { value: { name: "web", desiredCount: 3 } },
      { status: "fulfilled", value: null },
      { value: { name: "api", desiredCount: 1 } },
      { reason: { code: "aws_rejected" } },
    ]);
    expect(callsIn(double.asked)).toEqual([
      ["DescribeServices", { cluster: "shop", services: ["web", "gone", "api", "job"], include: ["TAGS"] }],
    ]);
  });

  test("of more than ten is asked for in calls of ten", async () => {
    const names = Array.from({ length: 12 }, (_, n) => `web-${n}`);
    await using double = await aws(
      json({ services: [], failures: names.map((name) => ({ arn: SERVICE_ARN.replace(/web$/, name), reason: "MISSING" })) }),
    );
    expect(await Promise.all(names.map((name) => double.services.describe(name, never)))).toEqual(names.map(() => null));
    expect(callsIn(double.asked).map(([, { services }]) => (services as string[]).length)).toEqual([10, 2]);
  });

  test.each(["desiredCount", "runningCount", "pendingCount", "status"])("without %s is an error: it could not be put back", async (key) => {
    await using double = await aws(service({ [key]: undefined }));
    await expect(double.services.describe("web", never)).rejects.toMatchObject({ code: "aws_rejected" });
  });
});

describe("its desired count", () => {
  test("is set and nothing else: another key may replace every task", async () => {
    await using double = await aws(service({ desiredCount: 0 }));
    await double.services.setDesiredCount("web", 0, never);
    expect(callsIn(double.asked)).toEqual([["UpdateService", { cluster: "shop", service: "web", desiredCount: 0 }]]);
  });

  test.each([-1, 1.5, Number.NaN])("is never %d", async (count) => {
    await using double = await aws(service());
    await expect(double.services.setDesiredCount("web", count, never)).rejects.toThrow(RangeError);
    expect(double.asked).toEqual([]);
  });

  test.each([
    ["InvalidParameterException", "aws_rejected"],
    ["ServiceNotFoundException", "aws_rejected"],
    ["ServiceNotActiveException", "aws_rejected"],
    ["ThrottlingException", "aws_throttled"],
    ["AccessDeniedException", "aws_denied"],
  ])("%s is %s", async (name, code) => {
    await using double = await aws(failing(name));
    const outcome = expect(double.services.setDesiredCount("web", 0, never)).rejects;
    await outcome.toMatchObject({ code, message: expect.stringContaining("ECS UpdateService in cluster shop-prod") });
  });
});

describe("its tasks", () => {
  test("are listed to the last page", async () => {
    await using double = await aws(json({ taskArns: ["a"], nextToken: "more" }), json({ taskArns: ["b"] }));
    expect(await double.services.tasksOf("web", never)).toEqual(["a", "b"]);
    const input = { cluster: "shop", serviceName: "web", desiredStatus: "RUNNING" };
    expect(callsIn(double.asked)).toEqual([
      ["ListTasks", input],
      ["ListTasks", { ...input, nextToken: "more" }],
    ]);
  });

  test("without end are an error", async () => {
    await using double = await aws(json({ taskArns: ["a"], nextToken: "more" }));
    await expect(double.services.tasksOf("web", never)).rejects.toMatchObject({ code: "aws_rejected" });
    expect(double.asked).toHaveLength(50);
  });
});

describe("its automatic scaling", () => {
  test("is that of the one dimension a service has, whichever page it stands on", async () => {
    await using double = await aws(
      scalable({ ResourceId: "service/shop/web2" }, "more"),
      scalable({ SuspendedState: { DynamicScalingInSuspended: true, ScheduledScalingSuspended: true } }),
    );
    expect(await double.services.scaling("web", never)).toEqual({
      minCapacity: 1,
      maxCapacity: 9,
      suspended: { in: true, out: false, scheduled: true },
    });
    const input = { ServiceNamespace: "ecs", ScalableDimension: "ecs:service:DesiredCount", ResourceIds: ["service/shop/web"] };
    expect(callsIn(double.asked)).toEqual([
      ["DescribeScalableTargets", input],
      ["DescribeScalableTargets", { ...input, NextToken: "more" }],
    ]);
  });

  test("is none where no target is registered, and an error where its capacities are not told", async () => {
    await using double = await aws(json({ ScalableTargets: [] }), scalable({ MinCapacity: undefined }));
    expect(await double.services.scaling(SERVICE_ARN, never)).toBeNull();
    await expect(double.services.scaling("web", never)).rejects.toMatchObject({ code: "aws_rejected" });
  });

  test("is suspended without a word about capacities, which stay as they are", async () => {
    await using double = await aws(json({}));
    await double.services.suspendScaling("web", { in: true, out: true, scheduled: false }, never);
    const SuspendedState = { DynamicScalingInSuspended: true, DynamicScalingOutSuspended: true, ScheduledScalingSuspended: false };
    expect(callsIn(double.asked)).toEqual([["RegisterScalableTarget", { ...TARGET, SuspendedState }]]);
  });

  test.each([
    ["ValidationException", "aws_rejected"],
    ["ConcurrentUpdateException", "aws_throttled"],
    ["ThrottlingException", "aws_throttled"],
    ["AccessDeniedException", "aws_denied"],
  ])("%s is %s", async (name, code) => {
    await using double = await aws(failing(name));
    await expect(double.services.suspendScaling("web", { in: true, out: true, scheduled: true }, never)).rejects.toMatchObject({ code });
  });
});
