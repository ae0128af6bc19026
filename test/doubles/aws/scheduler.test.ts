import {
  DescribeContainerInstancesCommand,
  DescribeServicesCommand,
  ECSClient,
  GetTaskProtectionCommand,
  ListContainerInstancesCommand,
  StopTaskCommand,
  UpdateContainerInstancesStateCommand,
  UpdateServiceCommand,
  type UpdateServiceRequest,
  UpdateTaskProtectionCommand,
} from "@aws-sdk/client-ecs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Aws } from "./aws.ts";

let aws: Aws;
let client: ECSClient;
beforeEach(async () => {
  aws = await Aws.start({ now: () => Date.parse("2026-03-01T12:00:00Z") });
  client = new ECSClient(aws.config());
});
afterEach(() => aws[Symbol.asyncDispose]());

const cluster = "shop";
const update = (service: string, given: Omit<UpdateServiceRequest, "service">) =>
  client.send(new UpdateServiceCommand({ cluster, service, ...given }));
const drain = (instance: string, status: "ACTIVE" | "DRAINING" = "DRAINING") =>
  client.send(new UpdateContainerInstancesStateCommand({ cluster, containerInstances: [instance], status }));
const protect = (tasks: string[], expiresInMinutes?: number) =>
  client.send(new UpdateTaskProtectionCommand({ cluster, tasks, protectionEnabled: true, ...(expiresInMinutes && { expiresInMinutes }) }));
const service = async (name: string) =>
  (await client.send(new DescribeServicesCommand({ cluster, services: [name], include: ["TAGS"] }))).services?.[0];
/** Task ids by instance, of those not told to stop. */
const wanted = (name: string) => aws.world.tasksOf(name).filter(({ desiredStatus }) => desiredStatus === "RUNNING");
const ticks = (n: number): void => {
  for (let left = n; left > 0; left--) aws.world.tick();
};

describe("the count", () => {
  test("a stopped task is replaced on a connected, active instance by one that has to start first", async () => {
    const [first, second] = [aws.world.instance().arn, aws.world.instance().arn];
    aws.world.service({ name: "web" });
    const [task] = wanted("web");
    expect(task?.instanceArn).toBe(first);
    aws.world.connect(first, false);
    await client.send(new StopTaskCommand({ cluster, task: task?.arn }));
    expect(await service("web")).toMatchObject({ desiredCount: 1, runningCount: 1, pendingCount: 1 });
    ticks(1);
    expect(wanted("web")).toMatchObject([{ instanceArn: second, lastStatus: "RUNNING" }]);
  });

  test("zero stops every task but the protected one, which goes when its protection ends", async () => {
    aws.world.instance();
    aws.world.service({ name: "web", desired: 3 });
    const kept = wanted("web")[1]?.arn ?? "";
    await protect([kept], 10);
    await update("web", { desiredCount: 0 });
    ticks(5);
    expect(wanted("web").map(({ arn }) => arn)).toEqual([kept]);
    aws.world.tick(600_000);
    expect(wanted("web")).toEqual([]);
  });

  test("StopTask stops a protected task all the same", async () => {
    aws.world.instance();
    aws.world.service({ name: "web" });
    const task = wanted("web")[0]?.arn ?? "";
    await protect([task]);
    await client.send(new StopTaskCommand({ cluster, task }));
    ticks(2);
    expect(wanted("web").map(({ arn }) => arn)).not.toContain(task);
  });

  test("with no instance to run on nothing starts, and it does once there is one", async () => {
    aws.world.cluster();
    aws.world.service({ name: "web", desired: 2 });
    expect(await service("web")).toMatchObject({ desiredCount: 2, runningCount: 0, pendingCount: 0 });
    aws.world.instance();
    ticks(2);
    expect(await service("web")).toMatchObject({ runningCount: 2 });
  });

  test("an INACTIVE, an unknown and a DAEMON service take none; a count alone is taken whatever deploys the service", async () => {
    aws.world.instance();
    aws.world.service({ name: "old", status: "INACTIVE" });
    aws.world.service({ name: "agent", strategy: "DAEMON" });
    aws.world.service({ name: "blue", controller: "CODE_DEPLOY" });
    await expect(update("old", { desiredCount: 0 })).rejects.toMatchObject({ name: "ServiceNotActiveException" });
    await expect(update("nobody", { desiredCount: 0 })).rejects.toMatchObject({ name: "ServiceNotFoundException" });
    await expect(update("agent", { desiredCount: 0 })).rejects.toMatchObject({ name: "InvalidParameterException" });
    await expect(update("blue", { forceNewDeployment: true })).rejects.toMatchObject({ name: "InvalidParameterException" });
    expect((await update("blue", { desiredCount: 0 })).service).toMatchObject({ desiredCount: 0, deployments: [{ id: "ecs-svc/1" }] });
  });
});

describe("automatic scaling", () => {
  test.each([
    [false, 1],
    [true, 0],
  ])("with scaling out suspended: %s, a count of zero becomes %i", async (suspended, count) => {
    aws.world.instance();
    aws.world.service({ name: "web", desired: 2 });
    aws.world.scalableTarget("web", 1, 4);
    const { ApplicationAutoScalingClient, RegisterScalableTargetCommand } = await import("@aws-sdk/client-application-auto-scaling");
    const scaling = new ApplicationAutoScalingClient(aws.config());
    const target = { ServiceNamespace: "ecs", ResourceId: "service/shop/web", ScalableDimension: "ecs:service:DesiredCount" } as const;
    await scaling.send(new RegisterScalableTargetCommand({ ...target, SuspendedState: { DynamicScalingOutSuspended: suspended } }));
    await update("web", { desiredCount: 0 });
    expect(await service("web")).toMatchObject({ desiredCount: 0 });
    ticks(3);
    expect(await service("web")).toMatchObject({ desiredCount: count, runningCount: count });
    const unknown = { ...target, ResourceId: "service/shop/other", SuspendedState: {} };
    await expect(scaling.send(new RegisterScalableTargetCommand(unknown))).rejects.toMatchObject({ name: "ValidationException" });
    await scaling.send(new RegisterScalableTargetCommand({ ...target, MinCapacity: 3 }));
    expect(await service("web")).toMatchObject({ desiredCount: 3 });
  });
});

describe("draining", () => {
  test.each([
    ["100 to 200", 100, 200, 2],
    ["50 to 100", 50, 100, 1],
    ["0 to 100", 0, 100, 0],
  ])("%s percent: all tasks move, and never fewer run than the least", async (_, minimumHealthyPercent, maximumPercent, least) => {
    const first = aws.world.instance().arn;
    aws.world.service({ name: "web", desired: 2, minimumHealthyPercent, maximumPercent });
    const second = aws.world.instance().arn;
    await drain(first);
    for (let n = 0; n < 10; n++) {
      const living = wanted("web");
      expect(living.filter(({ lastStatus }) => lastStatus === "RUNNING").length).toBeGreaterThanOrEqual(least);
      expect(living.length).toBeLessThanOrEqual((2 * maximumPercent) / 100);
      ticks(1);
    }
    expect(wanted("web").map(({ instanceArn }) => instanceArn)).toEqual([second, second]);
  });

  test("100 to 100 percent never progresses, and a way back leaves everything as it was", async () => {
    const first = aws.world.instance().arn;
    aws.world.service({ name: "web", desired: 2, minimumHealthyPercent: 100, maximumPercent: 100 });
    aws.world.instance();
    const before = wanted("web").map(({ arn }) => arn);
    await drain(first);
    aws.world.tick(3_600_000);
    expect(wanted("web").map(({ arn }) => arn)).toEqual(before);
    await drain(first, "ACTIVE");
    expect(wanted("web").map(({ arn }) => arn)).toEqual(before);
  });

  test("standalone tasks stay, and a DAEMON task leaves after the others", async () => {
    const first = aws.world.instance().arn;
    aws.world.service({ name: "agent", strategy: "DAEMON" });
    aws.world.service({ name: "web", exitsAfterSeconds: 5 });
    const alone = aws.world.task({ instanceArn: first });
    aws.world.instance();
    const on = (name: string) => aws.world.tasksOf(name).filter(({ instanceArn }) => instanceArn === first);
    await drain(first);
    ticks(4);
    expect(on("web")).toMatchObject([{ lastStatus: "STOPPING" }]);
    expect(on("agent")).toMatchObject([{ desiredStatus: "RUNNING" }]);
    ticks(10);
    expect([...on("web"), ...on("agent")]).toEqual([]);
    expect(alone.desiredStatus).toBe("RUNNING");
    expect(await service("agent")).toMatchObject({ desiredCount: 1, runningCount: 1 });
  });

  test("ten instances at a time, to ACTIVE or DRAINING, from no other state; what is unknown fails for itself", async () => {
    const { arn } = aws.world.instance();
    const set = (containerInstances: string[], status: "DRAINING" | "REGISTERING" = "DRAINING") =>
      client.send(new UpdateContainerInstancesStateCommand({ cluster, containerInstances, status }));
    const refused = { name: "InvalidParameterException" };
    await expect(set(Array.from({ length: 11 }, () => arn))).rejects.toMatchObject(refused);
    await expect(set([arn], "REGISTERING")).rejects.toMatchObject(refused);
    await expect(set([aws.world.instance({ status: "DEREGISTERING" }).arn])).rejects.toMatchObject(refused);
    const answer = await set([arn, "0".repeat(32)]);
    expect(answer.containerInstances).toMatchObject([{ containerInstanceArn: arn, status: "DRAINING" }]);
    expect(answer.failures).toMatchObject([{ reason: "MISSING" }]);
  });

  test("instances are listed by machine, without INACTIVE ones, and described with failures", async () => {
    const { arn, ec2InstanceId } = aws.world.instance({ ec2InstanceId: "i-0123456789abcdef0" });
    const other = aws.world.instance({ ec2InstanceId: null }).arn;
    aws.world.instance({ status: "INACTIVE" });
    const listed = async (filter?: string) =>
      (await client.send(new ListContainerInstancesCommand({ cluster, ...(filter && { filter }) }))).containerInstanceArns;
    expect(await listed()).toEqual([arn, other]);
    expect(await listed(`ec2InstanceId == ${ec2InstanceId}`)).toEqual([arn]);
    expect(await listed(`ec2InstanceId in [i-0, ${ec2InstanceId}]`)).toEqual([arn]);
    expect(await listed("ec2InstanceId == i-0123456789abcdef1")).toEqual([]);
    const described = await client.send(new DescribeContainerInstancesCommand({ cluster, containerInstances: [arn, "nobody"] }));
    expect(described).toMatchObject({ containerInstances: [{ ec2InstanceId }], failures: [{ reason: "MISSING" }] });
  });
});

describe("deployments and protection", () => {
  test("a new deployment replaces every task but a protected one, and then no more can be protected", async () => {
    aws.world.instance();
    aws.world.service({ name: "web", desired: 2 });
    const [kept = "", other = ""] = wanted("web").map(({ arn }) => arn);
    await protect([kept], 60);
    const definition = aws.world.definition("web");
    await update("web", { taskDefinition: definition });
    ticks(5);
    const living = wanted("web").map(({ arn }) => arn);
    expect(living).toContain(kept);
    expect(living).not.toContain(other);
    expect((await service("web"))?.deployments).toMatchObject([
      { status: "PRIMARY", taskDefinition: definition, rolloutState: "IN_PROGRESS", runningCount: 2 },
      { status: "ACTIVE", runningCount: 1 },
    ]);
    expect(await protect([kept])).toMatchObject({ protectedTasks: [], failures: [{ arn: kept, reason: "DEPLOYMENT_BLOCKED" }] });
    aws.world.tick(3_600_000);
    expect((await service("web"))?.deployments).toMatchObject([{ rolloutState: "COMPLETED", runningCount: 2 }]);
  });

  test("ten tasks at a time, for 1 to 2880 minutes, two hours when not said", async () => {
    aws.world.instance();
    aws.world.service({ name: "web" });
    const task = wanted("web")[0]?.arn ?? "";
    for (const minutes of [-1, 2_881]) await expect(protect([task], minutes)).rejects.toMatchObject({ name: "InvalidParameterException" });
    await expect(protect(Array.from({ length: 11 }, () => task))).rejects.toMatchObject({ name: "InvalidParameterException" });
    const until = new Date(aws.world.now() + 7_200_000);
    expect((await protect([task])).protectedTasks).toEqual([{ taskArn: task, protectionEnabled: true, expirationDate: until }]);
    const alone = aws.world.task().arn;
    const asked = await client.send(new GetTaskProtectionCommand({ cluster, tasks: [task, alone, "nobody"] }));
    expect(asked.protectedTasks).toMatchObject([{ taskArn: task, protectionEnabled: true }]);
    expect(asked.failures?.map(({ reason }) => reason)).toEqual(["TASK_NOT_VALID", "MISSING"]);
    aws.world.tick(7_200_000);
    const after = await client.send(new GetTaskProtectionCommand({ cluster, tasks: [task] }));
    expect(after.protectedTasks).toEqual([{ taskArn: task, protectionEnabled: false }]);
  });

  test("ten services are described, eleven are not; tags when asked for; unknown ones are failures", async () => {
    aws.world.instance();
    aws.world.service({ name: "web", tags: { team: "shop" }, propagateTags: true });
    const ask = (services: string[]) => client.send(new DescribeServicesCommand({ cluster, services }));
    expect(await ask(["web", "nobody"])).toMatchObject({ services: [{ serviceName: "web" }], failures: [{ reason: "MISSING" }] });
    expect((await ask(["web"])).services?.[0]).not.toHaveProperty("tags");
    expect((await service("web"))?.tags).toEqual([{ key: "team", value: "shop" }]);
    expect(wanted("web")).toMatchObject([{ tags: { team: "shop" } }]);
    await expect(ask(Array.from({ length: 11 }, (_, n) => `${n}`))).rejects.toMatchObject({ name: "InvalidParameterException" });
  });
});
