import {
  type ContainerInstance,
  type ContainerInstanceStatus,
  DescribeContainerInstancesCommand,
  type ECSClient,
  ListContainerInstancesCommand,
  UpdateContainerInstancesStateCommand,
} from "@aws-sdk/client-ecs";
import { askAws, isAws } from "#shared/adapters/aws-error.ts";
import { refusedFor } from "#shared/adapters/ecs-failure.ts";
import { gather } from "#shared/adapters/gather.ts";
import { everyPage } from "#shared/adapters/pages.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { ContainerInstances, InstanceFacts, ListedInstance } from "#shared/ports/container-instances.ts";

/** From which an instance may go to the other. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/container-instance-life-cycle.html */
const SETTABLE: readonly string[] = ["ACTIVE", "DRAINING"];

/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeContainerInstances.html */
const DESCRIBE_MAX = 100;

export function containerInstances(client: Pick<ECSClient, "send">, cluster: Cluster): ContainerInstances {
  const ask = <T>(action: string, call: () => Promise<T>) => askAws(`ECS ${action} in cluster ${cluster.name}`, call);
  const rejected = (action: string, why: string) => new PipelineError("aws_rejected", `ECS ${action} in cluster ${cluster.name}: ${why}`);

  const described = gather<InstanceFacts | "missing" | PipelineError>(async (arns, abortSignal) => {
    const action = "DescribeContainerInstances";
    const answers = new Map<string, InstanceFacts | "missing" | PipelineError>();
    for (let start = 0; start < arns.length; start += DESCRIBE_MAX) {
      const page = arns.slice(start, start + DESCRIBE_MAX);
      const input = { cluster: cluster.awsName, containerInstances: page };
      const answer = await ask(action, () => client.send(new DescribeContainerInstancesCommand(input), { abortSignal }));
      for (const arn of page) {
        const instance = answer.containerInstances?.find(({ containerInstanceArn }) => containerInstanceArn === arn);
        const reason = answer.failures?.find((failure) => page.length === 1 || failure.arn === arn)?.reason;
        if (instance !== undefined) answers.set(arn, factsOf(instance) ?? rejected(action, "an instance without status, agent or counts"));
        else answers.set(arn, reason === "MISSING" ? "missing" : rejected(action, reason ?? "not a word about the instance"));
      }
    }
    return answers;
  }, DESCRIBE_MAX);

  const describe: ContainerInstances["describe"] = async (arn, abortSignal) => {
    const answer = (await described([arn], abortSignal)).get(arn);
    if (answer === undefined) throw new Error(`instance ${arn} was asked for, and there is no answer about it`);
    if (answer instanceof PipelineError) throw answer;
    return answer === "missing" ? null : answer;
  };

  const listed = async (status: ContainerInstanceStatus, abortSignal: AbortSignal): Promise<readonly string[]> => {
    const action = "ListContainerInstances";
    return await everyPage(`ECS ${action} in cluster ${cluster.name}`, async (nextToken) => {
      const input = { cluster: cluster.awsName, status, maxResults: DESCRIBE_MAX, nextToken };
      const answer = await ask(action, () => client.send(new ListContainerInstancesCommand(input), { abortSignal }));
      return { items: answer.containerInstanceArns, next: answer.nextToken };
    });
  };

  return {
    describe,

    async list(abortSignal) {
      const arns = await Promise.all((["ACTIVE", "DRAINING"] as const).map((status) => listed(status, abortSignal)));
      const all = [...new Set(arns.flat())];
      const found: ListedInstance[] = [];
      for (let start = 0; start < all.length; start += DESCRIBE_MAX) {
        const action = "DescribeContainerInstances";
        const input = { cluster: cluster.awsName, containerInstances: all.slice(start, start + DESCRIBE_MAX) };
        const answer = await ask(action, () => client.send(new DescribeContainerInstancesCommand(input), { abortSignal }));
        const strange = answer.failures?.find(({ reason }) => reason !== "MISSING");
        if (strange !== undefined) throw rejected(action, strange.reason ?? "not a word about an instance");
        found.push(
          ...(answer.containerInstances ?? []).map(
            (one) => listedOf(one) ?? raise(rejected(action, "an instance without machine or time")),
          ),
        );
      }
      return found;
    },

    async setStatus(arn, status, abortSignal) {
      const action = "UpdateContainerInstancesState";
      const input = { cluster: cluster.awsName, containerInstances: [arn], status };
      try {
        const answer = await client.send(new UpdateContainerInstancesStateCommand(input), { abortSignal });
        const failure = answer.failures?.[0];
        if (failure !== undefined) return refusedFor(failure);
        const instance = answer.containerInstances?.find(({ containerInstanceArn }) => containerInstanceArn === arn);
        if (instance === undefined) throw rejected(action, "not a word about the instance");
        return instance.status === status
          ? { kind: "set" }
          : refusedFor({ reason: `the instance stays ${instance.status ?? "as it was"}` });
      } catch (thrown) {
        // One error for a state that cannot be left and for bad parameters: which it is, the instance tells.
        if (isAws(thrown, "InvalidParameterException", "ResourceNotFoundException")) {
          const there = await describe(arn, abortSignal);
          if (there === null) return refusedFor({ reason: "it does not know the instance" });
          if (!SETTABLE.includes(there.status)) return refusedFor({ reason: `the instance is ${there.status}` });
        }
        return await ask(action, () => Promise.reject(thrown));
      }
    },
  };
}

function factsOf(instance: ContainerInstance): InstanceFacts | null {
  const { containerInstanceArn: arn, ec2InstanceId, status, agentConnected, runningTasksCount, pendingTasksCount } = instance;
  if (!arn || !status || agentConnected === undefined || runningTasksCount === undefined || pendingTasksCount === undefined) return null;
  return {
    arn,
    ec2InstanceId: ec2InstanceId?.startsWith("i-") ? ec2InstanceId : null,
    status,
    agentConnected,
    runningTasksCount,
    pendingTasksCount,
  };
}

function listedOf({
  containerInstanceArn: arn,
  ec2InstanceId: machine,
  agentConnected,
  registeredAt,
}: ContainerInstance): ListedInstance | null {
  if (!arn || !machine || agentConnected === undefined || registeredAt === undefined) return null;
  return { arn, machine, agentConnected, registeredAtMs: registeredAt.getTime() };
}

function raise(error: Error): never {
  throw error;
}
