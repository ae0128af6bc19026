import {
  CreateClusterCommand,
  CreateServiceCommand,
  DescribeContainerInstancesCommand,
  DescribeTasksCommand,
  type ECSClient,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
  StartTaskCommand,
  type Tag,
  type Task,
} from "@aws-sdk/client-ecs";
import { waitFor } from "./wait.ts";

/** A task as the lab follows it. */
export interface LabTask {
  readonly arn: string;
  readonly id: string;
  readonly instanceArn: string;
  /** 64 hex. */
  readonly runtimeId: string;
  readonly status: string;
  readonly stoppedReason: string;
}

/** Falco's own task on one container instance: who speaks, never who is meant. */
export interface EcsSensor {
  readonly cluster: string;
  readonly taskArn: string;
  readonly taskId: string;
  readonly taskDefinition: string;
  readonly containerId: string;
  readonly instanceId: string;
  readonly instanceArn: string;
}

export const createCluster = async (ecs: ECSClient, clusterName: string): Promise<void> => {
  await ecs.send(new CreateClusterCommand({ clusterName }));
};

/** A service on EC2 instances with `count` tasks running. `stopTimeout` (seconds): its container ignores SIGTERM for that long. */
export async function createService(
  ecs: ECSClient,
  cluster: string,
  service: string,
  options: {
    readonly count: number;
    readonly tags?: Readonly<Record<string, string>>;
    readonly stopTimeout?: number;
    readonly image?: string;
  },
): Promise<readonly LabTask[]> {
  const container = { name: service, image: options.image ?? `registry.test/${service}:1`, memory: 64, essential: true };
  await ecs.send(
    new RegisterTaskDefinitionCommand({
      family: service,
      containerDefinitions: [{ ...container, ...(options.stopTimeout ? { stopTimeout: options.stopTimeout } : {}) }],
    }),
  );
  const tags: Tag[] = Object.entries(options.tags ?? {}).map(([key, value]) => ({ key, value }));
  await ecs.send(
    new CreateServiceCommand({
      cluster,
      serviceName: service,
      taskDefinition: service,
      desiredCount: options.count,
      launchType: "EC2",
      tags,
    }),
  );
  return await waitFor(`${options.count} tasks of ${service} run`, async () => {
    const tasks = await tasksOf(ecs, cluster, service);
    return tasks.length === options.count && tasks.every(({ status }) => status === "RUNNING") ? tasks : null;
  });
}

/** Tasks of a service that are meant to run. */
export async function tasksOf(ecs: ECSClient, cluster: string, service: string): Promise<readonly LabTask[]> {
  const { taskArns = [] } = await ecs.send(new ListTasksCommand({ cluster, serviceName: service }));
  return await describe(ecs, cluster, taskArns);
}

/** Whatever became of these tasks. */
export async function describe(ecs: ECSClient, cluster: string, arns: readonly string[]): Promise<readonly LabTask[]> {
  if (arns.length === 0) return [];
  const { tasks = [] } = await ecs.send(new DescribeTasksCommand({ cluster, tasks: [...arns] }));
  return tasks.map(labTask);
}

const labTask = (task: Task): LabTask => ({
  arn: task.taskArn ?? "",
  id: idOf(task.taskArn ?? ""),
  instanceArn: task.containerInstanceArn ?? "",
  runtimeId: task.containers?.[0]?.runtimeId ?? "",
  status: task.lastStatus ?? "",
  stoppedReason: task.stoppedReason ?? "",
});

const idOf = (arn: string): string => arn.slice(arn.lastIndexOf("/") + 1);

/** Puts a Falco task on every instance that runs one of these tasks, as its daemon service would. By container instance ARN. */
export async function startSensors(ecs: ECSClient, cluster: string, tasks: readonly LabTask[]): Promise<ReadonlyMap<string, EcsSensor>> {
  const containerInstances = [...new Set(tasks.map(({ instanceArn }) => instanceArn))];
  await ecs.send(
    new RegisterTaskDefinitionCommand({
      family: "falco",
      containerDefinitions: [{ name: "falco", image: "falcosecurity/falco:0.44.1", memory: 512 }],
    }),
  );
  const started = await ecs.send(new StartTaskCommand({ cluster, taskDefinition: "falco", containerInstances, group: "service:falco" }));
  const instances = await ecs.send(new DescribeContainerInstancesCommand({ cluster, containerInstances }));
  const ec2 = new Map(instances.containerInstances?.map((instance) => [instance.containerInstanceArn ?? "", instance.ec2InstanceId ?? ""]));
  return new Map(
    (started.tasks ?? []).map((task) => {
      const { arn, id, instanceArn, runtimeId } = labTask(task);
      const taskDefinition = idOf(task.taskDefinitionArn ?? "");
      const sensor = {
        cluster,
        taskArn: arn,
        taskId: id,
        taskDefinition,
        containerId: runtimeId,
        instanceId: ec2.get(instanceArn) ?? "",
        instanceArn,
      };
      return [instanceArn, sensor] as const;
    }),
  );
}
