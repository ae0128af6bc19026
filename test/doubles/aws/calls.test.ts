import { ApplicationAutoScalingClient, DescribeScalableTargetsCommand } from "@aws-sdk/client-application-auto-scaling";
import { CloudWatchLogsClient, GetLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { DescribeSecurityGroupsCommand, EC2Client } from "@aws-sdk/client-ec2";
import {
  DescribeContainerInstancesCommand,
  DescribeTasksCommand,
  ECSClient,
  ListClustersCommand,
  StopTaskCommand,
  UpdateServiceCommand,
} from "@aws-sdk/client-ecs";
import { GetRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Aws } from "./aws.ts";
import { AwsFailure } from "./failure.ts";
import { ECS_READS } from "./faults.ts";

let aws: Aws;
beforeEach(async () => {
  aws = await Aws.start({ now: () => Date.parse("2026-03-01T12:00:00Z") });
  aws.world.instance();
});
afterEach(() => aws[Symbol.asyncDispose]());

const ecs = (given: object = {}): ECSClient => new ECSClient({ ...aws.config(), ...given });
const describe = (task: string, client = ecs()) => client.send(new DescribeTasksCommand({ cluster: "shop", tasks: [task] }));
const stop = (task: string, client = ecs()) => client.send(new StopTaskCommand({ cluster: "shop", task }));

const EACH: readonly (readonly [action: string, name: string, status: number, call: () => Promise<unknown>])[] = [
  ["DescribeTasks", "ThrottlingException", 400, () => describe("a")],
  [
    "DescribeScalableTargets",
    "ThrottlingException",
    400,
    () => new ApplicationAutoScalingClient(aws.config()).send(new DescribeScalableTargetsCommand({ ServiceNamespace: "ecs" })),
  ],
  [
    "GetLogEvents",
    "ThrottlingException",
    400,
    () => new CloudWatchLogsClient(aws.config()).send(new GetLogEventsCommand({ logGroupName: "a", logStreamName: "b" })),
  ],
  [
    "DescribeSecurityGroups",
    "RequestLimitExceeded",
    503,
    () => new EC2Client(aws.config()).send(new DescribeSecurityGroupsCommand({ GroupIds: ["sg-1"] })),
  ],
  ["GetRole", "Throttling", 400, () => new IAMClient(aws.config()).send(new GetRoleCommand({ RoleName: "web" }))],
  [
    "AssumeRole",
    "Throttling",
    400,
    () => new STSClient(aws.config()).send(new AssumeRoleCommand({ RoleArn: "arn:aws:iam::1:role/web", RoleSessionName: "test" })),
  ],
  ["Invoke", "TooManyRequestsException", 429, () => new LambdaClient(aws.config()).send(new InvokeCommand({ FunctionName: "web" }))],
];

test.each(EACH)("%s is throttled in its service's own words, %s with HTTP %i, and once", async (action, name, status, call) => {
  aws.throttleNext(action);
  await expect(call()).rejects.toMatchObject({ name, $metadata: { httpStatusCode: status } });
  const after = await call().catch((thrown: unknown) => thrown);
  expect(after).not.toMatchObject({ name });
  expect(aws.calls(action)[0]).toMatchObject({ error: name });
});

test("a throttled call changes nothing, and an SDK client that may try again gets through", async () => {
  const { arn } = aws.world.task();
  aws.throttleNext("StopTask", 2);
  await expect(stop(arn)).rejects.toThrow("Rate exceeded");
  expect((await describe(arn)).tasks?.[0]).toMatchObject({ desiredStatus: "RUNNING" });
  await stop(arn, ecs({ maxAttempts: 3 }));
  expect((await describe(arn)).tasks?.[0]).toMatchObject({ desiredStatus: "STOPPED" });
  expect(aws.calls("StopTask").map(({ error }) => error)).toEqual(["ThrottlingException", "ThrottlingException", null]);
});

test("a bucket is empty after its burst, is filled by time, and is one for its actions in an account and region", async () => {
  const { arn } = aws.world.task();
  aws.limit(ECS_READS);
  const got = async (n: number, call: () => Promise<unknown>): Promise<number> => {
    const answers = await Promise.allSettled(Array.from({ length: n }, call));
    return answers.filter(({ status }) => status === "fulfilled").length;
  };
  expect(await got(60, () => describe(arn))).toBe(50);
  const instances = { cluster: "shop", containerInstances: ["a"] };
  expect(await got(1, () => ecs().send(new DescribeContainerInstancesCommand(instances)))).toBe(0);
  expect(await got(1, () => stop(arn))).toBe(1);
  aws.world.tick(1_000);
  expect(await got(60, () => describe(arn))).toBe(20);
  aws.world.in({ region: "us-east-1" }).cluster();
  expect(await got(1, () => describe(arn, ecs({ region: "us-east-1" })))).toBe(1);
  aws.world.tick(60_000);
  expect(await got(60, () => describe(arn))).toBe(50);
});

test("a call whose connection breaks has not happened; one whose answer is lost has", async () => {
  const [first, second] = [aws.world.task().arn, aws.world.task().arn];
  aws.failNext("StopTask", "hang-up");
  await expect(stop(first)).rejects.toThrow();
  aws.failNext("StopTask", "lost");
  await expect(stop(second)).rejects.toThrow();
  expect((await describe(first)).tasks?.[0]).toMatchObject({ desiredStatus: "RUNNING" });
  expect((await describe(second)).tasks?.[0]).toMatchObject({ desiredStatus: "STOPPED" });
});

test("a call fails as it is told to, once, and other actions do not", async () => {
  const { arn } = aws.world.task();
  aws.failNext("StopTask", new AwsFailure("ServerException", "Service Unavailable", 500));
  expect((await describe(arn)).tasks).toHaveLength(1);
  await expect(stop(arn)).rejects.toMatchObject({ name: "ServerException", $fault: "server" });
  await stop(arn);
});

test("every call is recorded with who made it, the right it takes, its input and its failure", async () => {
  const { arn } = aws.world.task();
  await stop(arn, new ECSClient(aws.config("AKIA-ONE")));
  await expect(ecs().send(new UpdateServiceCommand({ cluster: "shop", service: "nobody", desiredCount: 0 }))).rejects.toThrow();
  aws.world.fn("web", (payload) => payload);
  await new LambdaClient(aws.config()).send(new InvokeCommand({ FunctionName: "web", Payload: Buffer.from("{}") }));
  const from = { account: "111122223333", region: "eu-west-1" };
  expect(aws.calls()).toMatchObject([
    { ...from, service: "ecs", right: "ecs:StopTask", accessKeyId: "AKIA-ONE", input: { cluster: "shop", task: arn }, error: null },
    { right: "ecs:UpdateService", accessKeyId: "test", input: { desiredCount: 0 }, error: "ServiceNotFoundException" },
    { service: "lambda", action: "Invoke", right: "lambda:InvokeFunction", input: { FunctionName: "web", Payload: "{}" }, error: null },
  ]);
});

test("what is not modelled says so, whatever it is", async () => {
  await expect(ecs().send(new ListClustersCommand({}))).rejects.toMatchObject({ name: "NotModelledByTheDouble" });
  aws.world.service({ name: "web" });
  const input = { cluster: "shop", service: "web", enableExecuteCommand: true };
  await expect(ecs().send(new UpdateServiceCommand(input))).rejects.toThrow("UpdateService enableExecuteCommand");
});

test("another account and region have nothing of this one's", async () => {
  const { arn } = aws.world.task();
  await expect(describe(arn, ecs({ region: "us-east-1" }))).rejects.toMatchObject({ name: "ClusterNotFoundException" });
  aws.world.in({ account: "444455556666" }).cluster();
  aws.world.in({ account: "444455556666" }).role("far");
  const assume = new AssumeRoleCommand({ RoleArn: "arn:aws:iam::444455556666:role/far", RoleSessionName: "test" });
  const { Credentials: given } = await new STSClient(aws.config()).send(assume);
  const credentials = { accessKeyId: given?.AccessKeyId ?? "", secretAccessKey: given?.SecretAccessKey ?? "" };
  expect((await describe(arn, ecs({ credentials }))).failures).toEqual([{ arn, reason: "MISSING" }]);
});
