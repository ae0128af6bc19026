import {
  type ContainerInstance,
  DescribeContainerInstancesCommand,
  type ECSClient,
  UpdateContainerInstancesStateCommand,
} from "@aws-sdk/client-ecs";
import { askAws, isAws } from "#shared/adapters/aws-error.ts";
import { refusedFor } from "#shared/adapters/ecs-failure.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { ContainerInstances, InstanceFacts } from "#shared/ports/container-instances.ts";

/** From which an instance may go to the other. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/container-instance-life-cycle.html */
const SETTABLE: readonly string[] = ["ACTIVE", "DRAINING"];

export function containerInstances(client: Pick<ECSClient, "send">, cluster: Cluster): ContainerInstances {
  const ask = <T>(action: string, call: () => Promise<T>) => askAws(`ECS ${action} in cluster ${cluster.name}`, call);
  const rejected = (action: string, why: string) => new PipelineError("aws_rejected", `ECS ${action} in cluster ${cluster.name}: ${why}`);

  const describe: ContainerInstances["describe"] = async (arn, abortSignal) => {
    const action = "DescribeContainerInstances";
    const input = { cluster: cluster.awsName, containerInstances: [arn] };
    const answer = await ask(action, () => client.send(new DescribeContainerInstancesCommand(input), { abortSignal }));
    const instance = answer.containerInstances?.find(({ containerInstanceArn }) => containerInstanceArn === arn);
    const reason = answer.failures?.[0]?.reason;
    if (instance === undefined && reason === "MISSING") return null;
    if (instance === undefined) throw rejected(action, reason ?? "not a word about the instance");
    const facts = factsOf(instance);
    if (facts === null) throw rejected(action, "an instance without status, agent or counts");
    return facts;
  };

  return {
    describe,

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
