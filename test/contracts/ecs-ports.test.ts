import { setTimeout as sleep } from "node:timers/promises";
import { ApplicationAutoScalingClient, RegisterScalableTargetCommand } from "@aws-sdk/client-application-auto-scaling";
import {
  CreateClusterCommand,
  CreateServiceCommand,
  DeregisterTaskDefinitionCommand,
  DescribeContainerInstancesCommand,
  ECSClient,
  ListContainerInstancesCommand,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  StartTaskCommand,
} from "@aws-sdk/client-ecs";
import { describe } from "vitest";
import { ecsOpeners } from "#shared/adapters/openers-ecs.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { Services } from "#shared/ports/services.ts";
import { defined } from "../doubles/aws/defined.ts";
import { ecsCluster } from "../playbooks/builders.ts";
import { stranger, until } from "./cases.ts";
import { containerInstancesContract } from "./container-instances.suite.ts";
import { NOT_ON_THE_EMULATOR } from "./emulator-differences.ts";
import { servicesContract } from "./services.suite.ts";
import { taskDefinitionsContract } from "./task-definitions.suite.ts";
import { taskMarksContract } from "./task-marks.suite.ts";

const endpoint = process.env["AWS_ENDPOINT_URL"];
const region = process.env["AWS_REGION"] ?? "us-east-1";
const signal = new AbortController().signal;
const wait = () => sleep(250);
const close = async (): Promise<void> => {};
const containers = [{ name: "app", image: "registry.test/web:1", memory: 64, essential: true }];

/** A cluster of the emulator, with the family "web" known there. */
async function newCluster(port: string): Promise<Cluster> {
  const awsName = `contract-${port}-${process.pid}`;
  const { cluster } = await ecs().send(new CreateClusterCommand({ clusterName: awsName }));
  await ecs().send(new RegisterTaskDefinitionCommand({ family: "web", containerDefinitions: containers }));
  return { ...ecsCluster, awsName, region, account: cluster?.clusterArn?.split(":")[4] ?? "" };
}

const ecs = (): ECSClient => new ECSClient({ region });

async function createService(cluster: string, serviceName: string, services: Services, given: object): Promise<readonly string[]> {
  const input = { cluster, serviceName, taskDefinition: "web", launchType: "EC2" as const, ...given };
  const { service } = await ecs().send(new CreateServiceCommand(input));
  const desired = service?.desiredCount ?? 0;
  await until(async () => (await services.describe(serviceName, signal))?.runningCount === desired, wait);
  return await services.tasksOf(serviceName, signal);
}

const runAlone = async (cluster: string): Promise<string> =>
  (await ecs().send(new RunTaskCommand({ cluster, taskDefinition: "web", launchType: "EC2" }))).tasks?.[0]?.taskArn ?? "";

describe.skipIf(endpoint === undefined)("with AWS_ENDPOINT_URL set to the emulator's", () => {
  servicesContract(
    "the emulator",
    async () => {
      const cluster = await newCluster("services");
      const services = await ecsOpeners().services(cluster);
      await createService(cluster.awsName, "web", services, { desiredCount: 2, tags: [{ key: "team", value: "shop" }] });
      await createService(cluster.awsName, "agent", services, { schedulingStrategy: "DAEMON" });
      const target = { ServiceNamespace: "ecs", ScalableDimension: "ecs:service:DesiredCount", MinCapacity: 1, MaxCapacity: 4 } as const;
      const register = new RegisterScalableTargetCommand({ ...target, ResourceId: `service/${cluster.awsName}/web` });
      // That this fails is in the table: the cases that need it are.
      await new ApplicationAutoScalingClient({ region }).send(register).catch(() => {});
      return { services, service: "web", daemon: "agent", wait, close };
    },
    NOT_ON_THE_EMULATOR.services,
  );

  taskMarksContract(
    "the emulator",
    async () => {
      const cluster = await newCluster("marks");
      const { marks, services, tasks } = ecsOpeners();
      const [serviceTask = ""] = await createService(cluster.awsName, "web", await services(cluster), { desiredCount: 1 });
      const standaloneTask = await runAlone(cluster.awsName);
      return { marks: await marks(cluster), tasks: await tasks(cluster), serviceTask, standaloneTask, nowMs: Date.now, wait, close };
    },
    NOT_ON_THE_EMULATOR.marks,
  );

  containerInstancesContract(
    "the emulator",
    async () => {
      const cluster = await newCluster("instances");
      const { instances, services, tasks } = ecsOpeners();
      const [serviceTask = ""] = await createService(cluster.awsName, "web", await services(cluster), { desiredCount: 1 });
      const at = (await (await tasks(cluster)).describe([serviceTask], signal)).tasks[0]?.containerInstanceArn ?? "";
      const named = { cluster: cluster.awsName, containerInstances: [at] };
      const [machine] = (await ecs().send(new DescribeContainerInstancesCommand(named))).containerInstances ?? [];
      const started = await ecs().send(new StartTaskCommand({ ...named, taskDefinition: "web" }));
      const all = (await ecs().send(new ListContainerInstancesCommand({ cluster: cluster.awsName }))).containerInstanceArns;
      return {
        instances: await instances(cluster),
        tasks: await tasks(cluster),
        instance: { arn: at, ec2InstanceId: machine?.ec2InstanceId ?? "" },
        other: all?.find((arn) => arn !== at) ?? "",
        serviceTask,
        standaloneTask: started.tasks?.[0]?.taskArn ?? "",
        registering: stranger(at, 1),
        disconnected: stranger(at, 2),
        wait,
        close,
      };
    },
    NOT_ON_THE_EMULATOR.instances,
  );

  taskDefinitionsContract("the emulator", async () => {
    const cluster = await newCluster("definitions");
    const input = { ...defined.definition, family: "defined", containerDefinitions: [...defined.containers] };
    const { taskDefinition } = await ecs().send(new RegisterTaskDefinitionCommand(input));
    const old = await ecs().send(new RegisterTaskDefinitionCommand({ family: "old", containerDefinitions: containers }));
    const deregistered = old.taskDefinition?.taskDefinitionArn ?? "";
    await ecs().send(new RunTaskCommand({ cluster: cluster.awsName, taskDefinition: deregistered, launchType: "EC2" }));
    await ecs().send(new DeregisterTaskDefinitionCommand({ taskDefinition: deregistered }));
    const unknown = deregistered.replace(/:\d+$/, ":4711");
    return {
      definitions: await ecsOpeners().definitions(cluster),
      arn: taskDefinition?.taskDefinitionArn ?? "",
      deregistered,
      unknown,
      close,
    };
  });
});
