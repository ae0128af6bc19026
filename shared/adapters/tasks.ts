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
import { PipelineError } from "#shared/domain/error.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { TaskFacts, Tasks } from "#shared/ports/tasks.ts";

/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html */
const DESCRIBE_MAX = 100;
/** An instance runs some hundred tasks; a list that does not end is a fault. */
const PAGES_MAX = 50;

/** ECS of one registered cluster. Every call names the cluster: left out, ECS takes the one named "default". */
export function ecsTasks(client: Pick<ECSClient, "send">, cluster: Cluster): Tasks {
  const name = cluster.awsName;
  const ask = <T>(action: string, call: () => Promise<T>) => askAws(`ECS ${action} in cluster ${cluster.name}`, call);

  const describe: Tasks["describe"] = async (arns, abortSignal) => {
    const tasks: TaskFacts[] = [];
    const missing: string[] = [];
    for (let start = 0; start < arns.length; start += DESCRIBE_MAX) {
      const page = arns.slice(start, start + DESCRIBE_MAX);
      const input = { cluster: name, tasks: page, include: ["TAGS" as const] };
      const answer = await ask("DescribeTasks", () => client.send(new DescribeTasksCommand(input), { abortSignal }));
      for (const { arn, reason } of answer.failures ?? []) {
        if (reason !== "MISSING") throw new PipelineError("aws_rejected", `ECS DescribeTasks in cluster ${cluster.name}: ${reason}`);
        if (arn !== undefined) missing.push(arn);
      }
      tasks.push(...(answer.tasks ?? []).map(factsOf));
    }
    return { tasks, missing };
  };

  return {
    describe,

    async listOnInstance(containerInstance, abortSignal) {
      const arns = new Set<string>();
      // Without desiredStatus only RUNNING is listed: a task already told to stop would look as if it were not there.
      for (const desiredStatus of ["RUNNING", "STOPPED"] as const) {
        let nextToken: string | undefined;
        for (let page = 0; page === 0 || nextToken !== undefined; page++) {
          if (page >= PAGES_MAX) throw new PipelineError("aws_rejected", `ECS ListTasks in cluster ${cluster.name}: no end of pages`);
          const input = { cluster: name, containerInstance, desiredStatus, nextToken };
          const answer = await ask("ListTasks", () => client.send(new ListTasksCommand(input), { abortSignal }));
          for (const arn of answer.taskArns ?? []) arns.add(arn);
          nextToken = answer.nextToken;
        }
      }
      return [...arns];
    },

    async instanceByEc2Id(ec2InstanceId, abortSignal) {
      const input = { cluster: name, filter: `ec2InstanceId == ${ec2InstanceId}` };
      const answer = await ask("ListContainerInstances", () => client.send(new ListContainerInstancesCommand(input), { abortSignal }));
      const [instance, another] = answer.containerInstanceArns ?? [];
      // Two registrations of one machine: which of them is the live one cannot be told here.
      return instance !== undefined && another === undefined ? instance : null;
    },

    async serviceTags(service, abortSignal) {
      const input = { cluster: name, services: [service], include: ["TAGS" as const] };
      const answer = await ask("DescribeServices", () => client.send(new DescribeServicesCommand(input), { abortSignal }));
      const found = answer.services?.find(({ serviceName }) => serviceName === service);
      if (found !== undefined) return tagsOf(found.tags);
      const reason = answer.failures?.[0]?.reason ?? "not described";
      throw new PipelineError("aws_rejected", `ECS DescribeServices in cluster ${cluster.name}: a task's service is ${reason}`);
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
  };
}

const tagsOf = (tags: readonly Tag[] | undefined): Readonly<Record<string, string>> =>
  Object.fromEntries((tags ?? []).flatMap(({ key, value }) => (key === undefined ? [] : [[key, value ?? ""]])));
