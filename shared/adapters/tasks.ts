import {
  DescribeServicesCommand,
  DescribeTasksCommand,
  type ECSClient,
  InvalidParameterException,
  ListContainerInstancesCommand,
  ListTasksCommand,
  StopTaskCommand,
  type Tag,
  type Task,
} from "@aws-sdk/client-ecs";
import { askAws } from "#shared/adapters/aws-error.ts";
import { gather } from "#shared/adapters/gather.ts";
import { everyPage } from "#shared/adapters/pages.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { TaskFacts, Tasks } from "#shared/ports/tasks.ts";

/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html */
const DESCRIBE_MAX = 100;
/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html */
const DESCRIBE_SERVICES_MAX = 10;
/** Lists of so many container instances go out together. */
const INSTANCES_AT_ONCE = 5;
/** A machine keeps its container instance; which tasks run there is asked every time. */
const MACHINE_MS = 600_000;
const MACHINES_MAX = 1_000;

/**
 * ECS of one registered cluster. Every call names the cluster: left out, ECS takes the one named "default". What alerts that are handled
 * side by side ask for goes out in one call: ECS throttles per account and region, and the customer's deploys share the bucket.
 */
export function ecsTasks(client: Pick<ECSClient, "send">, cluster: Cluster, now: () => number = Date.now): Tasks {
  const machines = new Map<string, { readonly arn: string; readonly untilMs: number }>();
  const name = cluster.awsName;
  const ask = <T>(action: string, call: () => Promise<T>) => askAws(`ECS ${action} in cluster ${cluster.name}`, call);

  const described = gather<TaskFacts | "missing">(async (arns, abortSignal) => {
    const answers = new Map<string, TaskFacts | "missing">();
    for (let start = 0; start < arns.length; start += DESCRIBE_MAX) {
      const page = arns.slice(start, start + DESCRIBE_MAX);
      const input = { cluster: name, tasks: page, include: ["TAGS" as const] };
      const answer = await ask("DescribeTasks", () => client.send(new DescribeTasksCommand(input), { abortSignal }));
      for (const { arn, reason } of answer.failures ?? []) {
        if (reason !== "MISSING") throw new PipelineError("aws_rejected", `ECS DescribeTasks in cluster ${cluster.name}: ${reason}`);
        if (arn !== undefined) answers.set(arn, "missing");
      }
      for (const task of (answer.tasks ?? []).map(factsOf)) answers.set(task.taskArn, task);
    }
    return answers;
  }, DESCRIBE_MAX);

  const describe: Tasks["describe"] = async (arns, abortSignal) => {
    if (arns.length === 0) return { tasks: [], missing: [] };
    const answers = await described(arns, abortSignal);
    const tasks: TaskFacts[] = [];
    const missing: string[] = [];
    for (const arn of new Set(arns)) {
      const answer = answers.get(arn);
      if (answer === "missing") missing.push(arn);
      else if (answer !== undefined) tasks.push(answer);
    }
    return { tasks, missing };
  };

  const services = gather<Readonly<Record<string, string>> | Error>(async (names, abortSignal) => {
    const answers = new Map<string, Readonly<Record<string, string>> | Error>();
    for (let start = 0; start < names.length; start += DESCRIBE_SERVICES_MAX) {
      const page = names.slice(start, start + DESCRIBE_SERVICES_MAX);
      const input = { cluster: name, services: page, include: ["TAGS" as const] };
      const answer = await ask("DescribeServices", () => client.send(new DescribeServicesCommand(input), { abortSignal }));
      for (const service of page) {
        const found = answer.services?.find(({ serviceName }) => serviceName === service);
        const failure = answer.failures?.find(({ arn }) => page.length === 1 || arn?.endsWith(`/${service}`));
        answers.set(service, found === undefined ? unknownService(cluster, failure?.reason) : tagsOf(found.tags));
      }
    }
    return answers;
  }, DESCRIBE_SERVICES_MAX);

  const list = async (containerInstance: string, abortSignal: AbortSignal): Promise<readonly string[]> => {
    const arns = new Set<string>();
    // Without desiredStatus only RUNNING is listed: a task already told to stop would look as if it were not there.
    for (const desiredStatus of ["RUNNING", "STOPPED"] as const) {
      const listed = await everyPage(`ECS ListTasks in cluster ${cluster.name}`, async (nextToken) => {
        const input = { cluster: name, containerInstance, desiredStatus, nextToken };
        const answer = await ask("ListTasks", () => client.send(new ListTasksCommand(input), { abortSignal }));
        return { items: answer.taskArns, next: answer.nextToken };
      });
      for (const arn of listed) arns.add(arn);
    }
    return [...arns];
  };
  const listed = gather<readonly string[]>(
    async (instances, abortSignal) =>
      new Map(await Promise.all(instances.map(async (instance) => [instance, await list(instance, abortSignal)] as const))),
    INSTANCES_AT_ONCE,
  );

  return {
    describe,

    async listOnInstance(containerInstance, abortSignal) {
      const arns = (await listed([containerInstance], abortSignal)).get(containerInstance) ?? [];
      // A machine without a task may have registered anew.
      if (arns.length === 0) for (const [machine, { arn }] of machines) if (arn === containerInstance) machines.delete(machine);
      return arns;
    },

    async instanceByEc2Id(ec2InstanceId, abortSignal) {
      const known = machines.get(ec2InstanceId);
      if (known !== undefined && now() < known.untilMs) return known.arn;
      const input = { cluster: name, filter: `ec2InstanceId == ${ec2InstanceId}` };
      const answer = await ask("ListContainerInstances", () => client.send(new ListContainerInstancesCommand(input), { abortSignal }));
      const [instance, another] = answer.containerInstanceArns ?? [];
      // Two registrations of one machine: which of them is the live one cannot be told here.
      if (instance === undefined || another !== undefined) return null;
      if (machines.size >= MACHINES_MAX) machines.clear();
      machines.set(ec2InstanceId, { arn: instance, untilMs: now() + MACHINE_MS });
      return instance;
    },

    async serviceTags(service, abortSignal) {
      const tags = (await services([service], abortSignal)).get(service);
      if (tags === undefined || tags instanceof Error) throw tags ?? unknownService(cluster, undefined);
      return tags;
    },

    async stop(task, reason, abortSignal) {
      try {
        await client.send(new StopTaskCommand({ cluster: name, task, reason }), { abortSignal });
        return "accepted";
      } catch (thrown) {
        // ECS has one error for "no such task" and for bad parameters: whether the task is gone is asked, not read from its text.
        if (thrown instanceof InvalidParameterException && (await describe([task], abortSignal)).missing.includes(task)) return "gone";
        return await ask("StopTask", () => Promise.reject(thrown));
      }
    },
  };
}

const unknownService = (cluster: Cluster, reason: string | undefined): PipelineError =>
  new PipelineError("aws_rejected", `ECS DescribeServices in cluster ${cluster.name}: a task's service is ${reason ?? "not described"}`);

function factsOf(task: Task): TaskFacts {
  const { taskArn, clusterArn, taskDefinitionArn, lastStatus, desiredStatus } = task;
  if (!taskArn || !clusterArn || !taskDefinitionArn || !lastStatus || !desiredStatus)
    throw new PipelineError("aws_rejected", "ECS DescribeTasks: a task without ARN, cluster, definition or status");
  return {
    taskArn,
    clusterArn,
    taskDefinitionArn,
    lastStatus,
    desiredStatus,
    group: task.group ?? null,
    launchType: task.launchType ?? null,
    containerInstanceArn: task.containerInstanceArn ?? null,
    startedAtMs: task.startedAt?.getTime() ?? null,
    stoppedAtMs: task.stoppedAt?.getTime() ?? null,
    stoppedReason: task.stoppedReason || null,
    containers: (task.containers ?? []).map((container) => ({
      name: container.name ?? "",
      runtimeId: container.runtimeId || null,
      image: container.image ?? null,
      lastStatus: container.lastStatus ?? null,
    })),
    tags: tagsOf(task.tags),
    networkInterfaces: (task.attachments ?? [])
      .filter(({ type }) => type === "ElasticNetworkInterface")
      .flatMap(({ details }) => details?.find(({ name }) => name === "networkInterfaceId")?.value ?? []),
    roleOverride: task.overrides?.taskRoleArn || null,
  };
}

/** Tags of anything in ECS, by key. */
export const tagsOf = (tags: readonly Tag[] | undefined): Readonly<Record<string, string>> =>
  Object.fromEntries((tags ?? []).flatMap(({ key, value }) => (key === undefined ? [] : [[key, value ?? ""]])));
