import {
  ApplicationAutoScalingClient,
  DescribeScalableTargetsCommand,
  RegisterScalableTargetCommand,
  type ScalableTarget,
} from "@aws-sdk/client-application-auto-scaling";
import { DescribeServicesCommand, type ECSClient, ListTasksCommand, type Service, UpdateServiceCommand } from "@aws-sdk/client-ecs";
import { askAws } from "#shared/adapters/aws-error.ts";
import type { ClientConfig } from "#shared/adapters/cluster-sessions.ts";
import { gather } from "#shared/adapters/gather.ts";
import { everyPage } from "#shared/adapters/pages.ts";
import { tagsOf } from "#shared/adapters/tasks.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { Scaling, ServiceFacts, Services } from "#shared/ports/services.ts";

export const scalingClient = (config: ClientConfig): ApplicationAutoScalingClient => new ApplicationAutoScalingClient(config);

/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html */
const DESCRIBE_MAX = 10;
/** The one dimension of an ECS service: https://docs.aws.amazon.com/autoscaling/application/APIReference/API_ScalableTarget.html */
const DIMENSION = { ServiceNamespace: "ecs", ScalableDimension: "ecs:service:DesiredCount" } as const;

export function ecsServices(
  client: Pick<ECSClient, "send">,
  scaling: Pick<ApplicationAutoScalingClient, "send">,
  cluster: Cluster,
): Services {
  const named = (action: string) => `${action} in cluster ${cluster.name}`;
  const ask = <T>(action: string, call: () => Promise<T>) => askAws(named(action), call);
  const rejected = (action: string, why: string) => new PipelineError("aws_rejected", `${named(action)}: ${why}`);
  const resourceId = (service: string) => `service/${cluster.awsName}/${service.slice(service.lastIndexOf("/") + 1)}`;

  const described = gather<ServiceFacts | "missing" | PipelineError>(async (services, abortSignal) => {
    const action = "ECS DescribeServices";
    const answers = new Map<string, ServiceFacts | "missing" | PipelineError>();
    for (let start = 0; start < services.length; start += DESCRIBE_MAX) {
      const page = services.slice(start, start + DESCRIBE_MAX);
      const input = { cluster: cluster.awsName, services: page, include: ["TAGS" as const] };
      const answer = await ask(action, () => client.send(new DescribeServicesCommand(input), { abortSignal }));
      for (const service of page) {
        const found = answer.services?.find(({ serviceName, serviceArn }) => serviceName === service || serviceArn === service);
        const failure = answer.failures?.find(({ arn }) => page.length === 1 || arn === service || arn?.endsWith(`/${service}`));
        const facts = found === undefined ? null : factsOf(found);
        if (found === undefined && failure?.reason === "MISSING") answers.set(service, "missing");
        else answers.set(service, facts ?? rejected(action, failure?.reason ?? "not a word about the service, or not all of it"));
      }
    }
    return answers;
  }, DESCRIBE_MAX);

  return {
    async describe(service, abortSignal) {
      const answer = (await described([service], abortSignal)).get(service);
      if (answer === undefined) throw new Error(`service ${service} was asked for, and there is no answer about it`);
      if (answer instanceof PipelineError) throw answer;
      return answer === "missing" ? null : answer;
    },

    async setDesiredCount(service, desiredCount, abortSignal) {
      if (!Number.isSafeInteger(desiredCount) || desiredCount < 0) throw new RangeError(`a service cannot run ${desiredCount} tasks`);
      // Any further key, even one that says what is so already, may start a deployment that replaces every task.
      const input = { cluster: cluster.awsName, service, desiredCount };
      await ask("ECS UpdateService", () => client.send(new UpdateServiceCommand(input), { abortSignal }));
    },

    tasksOf(serviceName, abortSignal) {
      const action = "ECS ListTasks";
      return everyPage(named(action), async (nextToken) => {
        const input = { cluster: cluster.awsName, serviceName, desiredStatus: "RUNNING" as const, nextToken };
        const answer = await ask(action, () => client.send(new ListTasksCommand(input), { abortSignal }));
        return { items: answer.taskArns, next: answer.nextToken };
      });
    },

    async scaling(service, abortSignal) {
      const action = "Application Auto Scaling DescribeScalableTargets";
      const targets = await everyPage(named(action), async (NextToken) => {
        const input = { ...DIMENSION, ResourceIds: [resourceId(service)], NextToken };
        const answer = await ask(action, () => scaling.send(new DescribeScalableTargetsCommand(input), { abortSignal }));
        return { items: answer.ScalableTargets, next: answer.NextToken };
      });
      const target = targets.find(({ ResourceId }) => ResourceId === resourceId(service));
      if (target === undefined) return null;
      const scaled = scalingOf(target);
      if (scaled === null) throw rejected(action, "a target without its capacities");
      return scaled;
    },

    async suspendScaling(service, suspended, abortSignal) {
      const SuspendedState = {
        DynamicScalingInSuspended: suspended.in,
        DynamicScalingOutSuspended: suspended.out,
        ScheduledScalingSuspended: suspended.scheduled,
      };
      const input = { ...DIMENSION, ResourceId: resourceId(service), SuspendedState };
      const command = new RegisterScalableTargetCommand(input);
      await ask("Application Auto Scaling RegisterScalableTarget", () => scaling.send(command, { abortSignal }));
    },
  };
}

/** Null: what is never absent is. A service whose count is not known cannot be put back. */
function factsOf(service: Service): ServiceFacts | null {
  const { serviceName: name, serviceArn: arn, status, desiredCount, runningCount, pendingCount } = service;
  const schedulingStrategy = service.schedulingStrategy ?? "REPLICA";
  if (!name || !arn || !status || desiredCount === undefined || runningCount === undefined || pendingCount === undefined) return null;
  return {
    name,
    arn,
    status,
    schedulingStrategy,
    deploymentController: service.deploymentController?.type ?? "ECS",
    desiredCount,
    runningCount,
    pendingCount,
    // With an EXTERNAL controller it stands on the task sets instead.
    taskDefinitionArn: service.taskDefinition ?? "",
    minimumHealthyPercent: service.deploymentConfiguration?.minimumHealthyPercent ?? null,
    maximumPercent: service.deploymentConfiguration?.maximumPercent ?? null,
    tags: tagsOf(service.tags),
  };
}

function scalingOf({ MinCapacity: minCapacity, MaxCapacity: maxCapacity, SuspendedState: state }: ScalableTarget): Scaling | null {
  if (minCapacity === undefined || maxCapacity === undefined) return null;
  const suspended = {
    in: state?.DynamicScalingInSuspended ?? false,
    out: state?.DynamicScalingOutSuspended ?? false,
    scheduled: state?.ScheduledScalingSuspended ?? false,
  };
  return { minCapacity, maxCapacity, suspended };
}
