import { setTimeout as sleep } from "node:timers/promises";
import {
  CreateClusterCommand,
  CreateServiceCommand,
  DeleteServiceCommand,
  DescribeContainerInstancesCommand,
  ECSClient,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
} from "@aws-sdk/client-ecs";
import { describe } from "vitest";
import { ecsTasksOpener } from "#shared/adapters/cluster-access-ecs.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import { ecsCluster } from "../playbooks/builders.ts";
import { until } from "./cases.ts";
import { type TasksWorld, tasksContract } from "./tasks.suite.ts";

/** Set by the lab, which patches what the emulator lacks of ECS (lab/emulator). */
const endpoint = process.env["AWS_ENDPOINT_URL"];

describe.skipIf(endpoint === undefined)("with AWS_ENDPOINT_URL set to the emulator's", () => {
  tasksContract("ECS of the emulator", () => openEmulator({}));
  // The emulator enforces no role: that its session is taken and used is what is shown.
  tasksContract("ECS of the emulator, through a role", () => openEmulator({ roleArn: ROLE, externalId: "shop" }));
});

const ROLE = "arn:aws:iam::000000000000:role/falco-responder-target";

async function openEmulator(through: Partial<Cluster>): Promise<TasksWorld> {
  const region = process.env["AWS_REGION"] ?? "us-east-1";
  const client = new ECSClient({ region });
  const awsName = `contract-${process.pid}-${through.roleArn ? 2 : 1}`;
  const { cluster } = await client.send(new CreateClusterCommand({ clusterName: awsName }));
  const account = cluster?.clusterArn?.split(":")[4] ?? "";
  const containerDefinitions = [{ name: "app", image: "registry.test/web:1", memory: 64, essential: true }];
  await client.send(new RegisterTaskDefinitionCommand({ family: awsName, containerDefinitions }));
  const service = { cluster: awsName, serviceName: "web", taskDefinition: awsName, desiredCount: 2, launchType: "EC2" as const };
  await client.send(new CreateServiceCommand({ ...service, tags: [{ key: "team", value: "shop" }] }));
  const tasks = await ecsTasksOpener()({ ...ecsCluster, ...through, awsName, account, region });
  const signal = new AbortController().signal;
  const wait = () => sleep(250);
  let taskArns: readonly string[] = [];
  await until(async () => {
    taskArns = (await client.send(new ListTasksCommand({ cluster: awsName }))).taskArns ?? [];
    const described = taskArns.length === 2 ? (await tasks.describe(taskArns, signal)).tasks : [];
    return described.length === 2 && described.every((task) => task.containers.every(({ runtimeId }) => runtimeId !== null));
  }, wait);
  const arn = (await tasks.describe(taskArns, signal)).tasks[0]?.containerInstanceArn ?? "";
  const instances = await client.send(new DescribeContainerInstancesCommand({ cluster: awsName, containerInstances: [arn] }));
  return {
    tasks,
    service: "web",
    taskArns,
    instance: { ec2InstanceId: instances.containerInstances?.[0]?.ec2InstanceId ?? "", arn },
    wait,
    close: async () => {
      await client.send(new DeleteServiceCommand({ cluster: awsName, service: "web", force: true }));
      client.destroy();
    },
  };
}
