import { CloudWatchLogsClient, GetLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import {
  DescribeNetworkInterfacesCommand,
  DescribeSecurityGroupsCommand,
  EC2Client,
  ModifyNetworkInterfaceAttributeCommand,
} from "@aws-sdk/client-ec2";
import { DescribeContainerInstancesCommand, DescribeTasksCommand, ECSClient, StopTaskCommand } from "@aws-sdk/client-ecs";
import { DeleteRolePolicyCommand, GetRoleCommand, GetRolePolicyCommand, IAMClient, PutRolePolicyCommand } from "@aws-sdk/client-iam";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Aws } from "./aws.ts";

let aws: Aws;
beforeEach(async () => {
  aws = await Aws.start({ now: () => Date.parse("2026-03-01T12:00:00Z") });
});
afterEach(() => aws[Symbol.asyncDispose]());

const ec2 = <T>(send: (client: EC2Client) => Promise<T>): Promise<T> => send(new EC2Client(aws.config()));
const regroup = (NetworkInterfaceId: string, Groups: string[]) =>
  ec2((client) => client.send(new ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId, Groups })));

test("interfaces come in pages of what is asked, whole and without repeats", async () => {
  const ids = Array.from({ length: 12 }, () => aws.world.networkInterface({ ec2InstanceId: "i-01" }).id);
  aws.world.networkInterface({ ec2InstanceId: "i-02" });
  const seen: string[][] = [];
  for (let NextToken: string | undefined, n = 0; n === 0 || NextToken !== undefined; n++) {
    const input = { Filters: [{ Name: "attachment.instance-id", Values: ["i-01"] }], MaxResults: 5, NextToken };
    const answer = await ec2((client) => client.send(new DescribeNetworkInterfacesCommand(input)));
    seen.push((answer.NetworkInterfaces ?? []).map(({ NetworkInterfaceId = "" }) => NetworkInterfaceId));
    NextToken = answer.NextToken;
  }
  expect(seen.map((page) => page.length)).toEqual([5, 5, 2]);
  expect(seen.flat()).toEqual(ids);
  const few = new DescribeNetworkInterfacesCommand({ MaxResults: 4 });
  await expect(ec2((client) => client.send(few))).rejects.toMatchObject({ name: "InvalidParameterValue" });
});

test("each refusal of a change of groups has EC2's own code, and a change that is allowed is made", async () => {
  const [open, closed] = [aws.world.securityGroup().id, aws.world.securityGroup({ outbound: "none" }).id];
  const foreign = aws.world.securityGroup({ vpcId: "vpc-0bb" }).id;
  const own = aws.world.networkInterface({ groups: [open] });
  const managed = aws.world.networkInterface({ groups: [open], requesterManaged: true });
  await expect(regroup("eni-0", [closed])).rejects.toMatchObject({ name: "InvalidNetworkInterfaceID.NotFound" });
  await expect(regroup(managed.id, [closed])).rejects.toMatchObject({ name: "AuthFailure", $metadata: { httpStatusCode: 403 } });
  await expect(regroup(own.id, ["sg-0"])).rejects.toMatchObject({ name: "InvalidGroup.NotFound" });
  await expect(regroup(own.id, [foreign])).rejects.toMatchObject({ name: "InvalidParameterValue" });
  await expect(regroup(own.id, [])).rejects.toMatchObject({ name: "InvalidParameterCombination" });
  const six = Array.from({ length: 6 }, () => aws.world.securityGroup().id);
  await expect(regroup(own.id, six)).rejects.toMatchObject({ name: "SecurityGroupsPerInterfaceLimitExceeded" });
  expect(own.groups).toEqual([open]);
  await regroup(own.id, six.slice(1));
  expect(own.groups).toEqual(six.slice(1));
  const unknown = new DescribeSecurityGroupsCommand({ GroupIds: ["sg-0"] });
  await expect(ec2((client) => client.send(unknown))).rejects.toMatchObject({ name: "InvalidGroup.NotFound" });
});

test.each([
  ["none", false, "RUNNING"],
  ["https", true, "STOPPED"],
] as const)(
  "groups with outbound %s: the agent is connected: %s, and a task told to stop after the swap is %s",
  async (outbound, connected, status) => {
    const { arn, ec2InstanceId } = aws.world.instance();
    const group = aws.world.securityGroup().id;
    const { id } = aws.world.networkInterface({ ec2InstanceId, groups: [group] });
    const task = aws.world.task({ instanceArn: arn }).arn;
    const client = new ECSClient(aws.config());
    await regroup(id, [aws.world.securityGroup({ outbound }).id]);
    const instances = { cluster: "shop", containerInstances: [arn] };
    const described = await client.send(new DescribeContainerInstancesCommand(instances));
    expect(described.containerInstances).toMatchObject([{ agentConnected: connected }]);
    await client.send(new StopTaskCommand({ cluster: "shop", task }));
    aws.world.tick(60_000);
    const lastStatus = async () => (await client.send(new DescribeTasksCommand({ cluster: "shop", tasks: [task] }))).tasks?.[0]?.lastStatus;
    expect(await lastStatus()).toBe(status);
    await regroup(id, [group]);
    aws.world.tick(1_000);
    expect(await lastStatus()).toBe("STOPPED");
  },
);

const iam = (): IAMClient => new IAMClient(aws.config());
const put = (RoleName: string, PolicyName: string, PolicyDocument: string) =>
  iam().send(new PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument }));
const policy = (filler = "") => JSON.stringify({ Version: "2012-10-17", Statement: [], Id: filler });

test("what is not there is NoSuchEntity with 404, for roles and policies, read or removed", async () => {
  aws.world.role("web");
  const missing = { name: "NoSuchEntityException", $metadata: { httpStatusCode: 404 } };
  await expect(iam().send(new GetRoleCommand({ RoleName: "nobody" }))).rejects.toMatchObject(missing);
  const named = { RoleName: "web", PolicyName: "none" };
  await expect(iam().send(new GetRolePolicyCommand(named))).rejects.toMatchObject(missing);
  await expect(iam().send(new DeleteRolePolicyCommand(named))).rejects.toMatchObject(missing);
  await put("web", "none", policy());
  expect((await iam().send(new GetRolePolicyCommand(named))).PolicyDocument).toBe(encodeURIComponent(policy()));
  await iam().send(new DeleteRolePolicyCommand(named));
});

test("a policy that is none, one too many characters and a service-linked role are refused", async () => {
  aws.world.role("web");
  aws.world.role("linked", { path: "/aws-service-role/ecs.amazonaws.com/" });
  await expect(put("web", "p", "{")).rejects.toMatchObject({ name: "MalformedPolicyDocumentException" });
  await expect(put("linked", "p", policy())).rejects.toMatchObject({ name: "UnmodifiableEntityException" });
  const room = 10_240 - policy().length;
  await put("web", "p", policy("x".repeat(room)));
  await put("web", "p", policy("y".repeat(room)));
  await expect(put("web", "p", policy("x".repeat(room + 1)))).rejects.toMatchObject({ name: "LimitExceededException" });
  await expect(put("web", "q", policy())).rejects.toMatchObject({ name: "LimitExceededException" });
});

test("the last lines come first, a page may be empty before them, and at the beginning the token given comes back", async () => {
  const events = Array.from({ length: 5 }, (_, n) => ({ atMs: n, message: `line ${n}` }));
  aws.world.logStream("/shop/web", "web/app/1", events, 1);
  const logs = new CloudWatchLogsClient(aws.config());
  const get = (input: object = {}, logStreamName = "web/app/1") =>
    logs.send(new GetLogEventsCommand({ logGroupName: "/shop/web", logStreamName, limit: 3, ...input }));
  const messages = async (input: object) => (await get(input)).events?.map(({ message }) => message);
  const first = await get();
  expect(first.events).toEqual([]);
  const second = await get({ nextToken: first.nextBackwardToken });
  expect(second.events?.map(({ timestamp }) => timestamp)).toEqual([2, 3, 4]);
  const third = await get({ nextToken: second.nextBackwardToken });
  expect(third.events?.map(({ timestamp }) => timestamp)).toEqual([0, 1]);
  expect((await get({ nextToken: third.nextBackwardToken })).nextBackwardToken).toBe(third.nextBackwardToken);
  aws.world.logStream("/shop/web", "web/app/2", events);
  expect(await messages({ logStreamName: "web/app/2", startFromHead: true })).toEqual(["line 0", "line 1", "line 2"]);
  expect(await messages({ logStreamName: "web/app/2", startTime: 1, endTime: 3 })).toEqual(["line 1", "line 2"]);
  for (const wrong of [{ limit: 0 }, { limit: 10_001 }, { nextToken: "nonsense" }])
    await expect(get(wrong)).rejects.toMatchObject({ name: "InvalidParameterException" });
  await expect(get({}, "nobody")).rejects.toMatchObject({ name: "ResourceNotFoundException", message: expect.stringContaining("stream") });
  await expect(get({ logGroupName: "/nobody" })).rejects.toThrow("group");
});
