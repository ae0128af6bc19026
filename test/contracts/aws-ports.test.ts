import { CloudWatchLogsClient, CreateLogGroupCommand, CreateLogStreamCommand, PutLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import {
  AttachNetworkInterfaceCommand,
  AuthorizeSecurityGroupEgressCommand,
  CreateNetworkInterfaceCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  EC2Client,
  RevokeSecurityGroupEgressCommand,
  RunInstancesCommand,
} from "@aws-sdk/client-ec2";
import { CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import { CreateFunctionCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { describe } from "vitest";
import { ecsOpeners } from "#shared/adapters/openers-ecs.ts";
import { wideOpeners } from "#shared/adapters/openers-wide.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import { ecsCluster } from "../playbooks/builders.ts";
import { NOT_ON_THE_EMULATOR } from "./emulator-differences.ts";
import { hostNetworkContract } from "./host-network.suite.ts";
import { taskLogsContract } from "./task-logs.suite.ts";
import { taskRolesContract } from "./task-roles.suite.ts";
import { userFunctionsContract } from "./user-functions.suite.ts";
import { zipOf } from "./zip.ts";

const endpoint = process.env["AWS_ENDPOINT_URL"];
const region = process.env["AWS_REGION"] ?? "us-east-1";
/** The emulator's account. */
const cluster: Cluster = { ...ecsCluster, account: "000000000000", region };
const close = async (): Promise<void> => {};
const trust = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { Service: "ecs-tasks.amazonaws.com" }, Action: "sts:AssumeRole" }],
};
const ALL = { IpProtocol: "-1", IpRanges: [{ CidrIp: "0.0.0.0/0" }] };
const HTTPS = { ...ALL, IpProtocol: "tcp", FromPort: 443, ToPort: 443 };

const ec2 = new EC2Client({ region });

async function newVpc(): Promise<{ readonly vpc: string; readonly subnet: string }> {
  const vpc = (await ec2.send(new CreateVpcCommand({ CidrBlock: "10.0.0.0/16" }))).Vpc?.VpcId ?? "";
  const subnet = (await ec2.send(new CreateSubnetCommand({ VpcId: vpc, CidrBlock: "10.0.1.0/24" }))).Subnet?.SubnetId ?? "";
  return { vpc, subnet };
}

/** A new group lets everything out. */
async function newGroup(VpcId: string, GroupName: string): Promise<string> {
  const named = { GroupName: `${GroupName}-${process.pid}`, Description: GroupName, VpcId };
  return (await ec2.send(new CreateSecurityGroupCommand(named))).GroupId ?? "";
}

describe.skipIf(endpoint === undefined)("with AWS_ENDPOINT_URL set to the emulator's", () => {
  hostNetworkContract(
    "the emulator",
    async () => {
      const { vpc, subnet } = await newVpc();
      const [web, base, closed] = [await newGroup(vpc, "web"), await newGroup(vpc, "base"), await newGroup(vpc, "closed")];
      const foreign = await newGroup((await newVpc()).vpc, "foreign");
      for (const GroupId of [base, closed]) await ec2.send(new RevokeSecurityGroupEgressCommand({ GroupId, IpPermissions: [ALL] }));
      await ec2.send(new AuthorizeSecurityGroupEgressCommand({ GroupId: base, IpPermissions: [HTTPS] }));
      const machines = await ec2.send(new RunInstancesCommand({ ImageId: "ami-0", MinCount: 1, MaxCount: 1, SubnetId: subnet }));
      const machine = machines.Instances?.[0]?.InstanceId ?? "";
      const attach = async (DeviceIndex: number, Groups: string[]): Promise<string> => {
        const made = await ec2.send(new CreateNetworkInterfaceCommand({ SubnetId: subnet, Groups }));
        const NetworkInterfaceId = made.NetworkInterface?.NetworkInterfaceId ?? "";
        await ec2.send(new AttachNetworkInterfaceCommand({ DeviceIndex, InstanceId: machine, NetworkInterfaceId }));
        return NetworkInterfaceId;
      };
      const [interfaceId, taskInterface] = [await attach(1, [web, base]), await attach(2, [web])];
      return {
        network: await wideOpeners().network(cluster),
        machine,
        interfaceId,
        taskInterface,
        groups: { web, base, closed, foreign },
        close,
      };
    },
    NOT_ON_THE_EMULATOR.network,
  );

  taskRolesContract("the emulator", async () => {
    const role = `contract-${process.pid}`;
    const input = { RoleName: role, AssumeRolePolicyDocument: JSON.stringify(trust), MaxSessionDuration: 7_200 };
    await new IAMClient({ region }).send(new CreateRoleCommand(input));
    return { roles: await wideOpeners().roles(cluster), role, close };
  });

  taskLogsContract("the emulator", async () => {
    const client = new CloudWatchLogsClient({ region });
    const logGroupName = `/contract/${process.pid}`;
    const fromMs = Math.floor(Date.now() / 1_000) * 1_000 - 60_000;
    await client.send(new CreateLogGroupCommand({ logGroupName }));
    for (const logStreamName of ["lines", "empty"]) await client.send(new CreateLogStreamCommand({ logGroupName, logStreamName }));
    const logEvents = Array.from({ length: 5 }, (_, n) => ({ timestamp: fromMs + n * 1_000, message: `line ${n}` }));
    await client.send(new PutLogEventsCommand({ logGroupName, logStreamName: "lines", logEvents }));
    const logs = await ecsOpeners().logs(cluster);
    return { logs, group: logGroupName, stream: "lines", emptyStream: "empty", fromMs, close };
  });

  userFunctionsContract("the emulator", async () => {
    const client = new LambdaClient({ region });
    const make = async (name: string, body: string): Promise<string> => {
      const input = {
        FunctionName: `contract-${name}-${process.pid}`,
        Runtime: "nodejs24.x" as const,
        Role: "arn:aws:iam::000000000000:role/contract",
        Handler: "index.handler",
        Timeout: 30,
        Code: { ZipFile: zipOf("index.mjs", `export const handler = async (event) => { ${body} };`) },
      };
      return (await client.send(new CreateFunctionCommand(input))).FunctionArn ?? "";
    };
    const echo = await make("echo", "return event;");
    return {
      functions: await ecsOpeners().functions(cluster),
      echo,
      failing: await make("failing", 'throw new RangeError("no such host");'),
      slow: await make("slow", "await new Promise((resolve) => setTimeout(resolve, 2000)); return {};"),
      unknown: echo.replace("echo", "nobody"),
      close,
    };
  });
});
