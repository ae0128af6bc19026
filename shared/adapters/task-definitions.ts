import { type ContainerDefinition, DescribeTaskDefinitionCommand, type ECSClient, type TaskDefinition } from "@aws-sdk/client-ecs";
import { askAws, isAws } from "#shared/adapters/aws-error.ts";
import { gather } from "#shared/adapters/gather.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { TaskDefinitionFacts, TaskDefinitions } from "#shared/ports/task-definitions.ts";

/** With its revision: a family alone is whatever is newest. */
const ARN = /^arn:[a-z-]+:ecs:[a-z0-9-]+:\d{12}:task-definition\/[A-Za-z0-9_-]{1,255}:\d{1,9}$/;
/** A revision never changes, but for its status. */
const KEEP_MS = 600_000;
const KEEP_MAX = 500;
const DESCRIBED_AT_ONCE = 10;

export function taskDefinitions(client: Pick<ECSClient, "send">, cluster: Cluster, now: () => number = Date.now): TaskDefinitions {
  const kept = new Map<string, { readonly facts: TaskDefinitionFacts; readonly untilMs: number }>();
  const what = `ECS DescribeTaskDefinition for cluster ${cluster.name}`;

  const ask = async (arn: string, abortSignal: AbortSignal): Promise<TaskDefinitionFacts | null> => {
    try {
      const answer = await client.send(new DescribeTaskDefinitionCommand({ taskDefinition: arn }), { abortSignal });
      const facts = answer.taskDefinition === undefined ? null : factsOf(answer.taskDefinition);
      if (facts === null || facts.arn !== arn) throw new PipelineError("aws_rejected", `${what}: an answer about another definition`);
      if (kept.size >= KEEP_MAX) kept.clear();
      kept.set(arn, { facts, untilMs: now() + KEEP_MS });
      return facts;
    } catch (thrown) {
      // ECS has no error of its own for it: "Unable to describe task definition.", and the ARN is well-formed.
      if (isAws(thrown, "ClientException")) return null;
      return await askAws(what, () => Promise.reject(thrown));
    }
  };
  // ECS describes one at a time: what is joined is that tasks of one revision ask once.
  const asked = gather<TaskDefinitionFacts | null>(
    async (arns, signal) => new Map(await Promise.all(arns.map(async (arn) => [arn, await ask(arn, signal)] as const))),
    DESCRIBED_AT_ONCE,
  );

  return {
    async describe(arn, abortSignal) {
      if (!ARN.test(arn)) throw new RangeError(`"${arn}" is no ARN of a task definition's revision`);
      const known = kept.get(arn);
      if (known !== undefined && now() < known.untilMs) return known.facts;
      return (await asked([arn], abortSignal)).get(arn) ?? null;
    },
  };
}

function factsOf(definition: TaskDefinition): TaskDefinitionFacts | null {
  const { taskDefinitionArn: arn, family, revision, status } = definition;
  if (!arn || !family || revision === undefined || !status) return null;
  return {
    arn,
    family,
    revision,
    status,
    networkMode: definition.networkMode || null,
    taskRoleArn: definition.taskRoleArn || null,
    executionRoleArn: definition.executionRoleArn || null,
    pidMode: definition.pidMode || null,
    ipcMode: definition.ipcMode || null,
    containers: (definition.containerDefinitions ?? []).map(containerOf),
  };
}

/** Names of variables and secrets only; command lines and labels may hold secrets too and stay here. */
const containerOf = (container: ContainerDefinition): TaskDefinitionFacts["containers"][number] => ({
  name: container.name ?? "",
  image: container.image ?? "",
  essential: container.essential ?? true,
  privileged: container.privileged ?? false,
  readonlyRootFilesystem: container.readonlyRootFilesystem ?? false,
  user: container.user || null,
  stopTimeoutSeconds: container.stopTimeout ?? null,
  environment: (container.environment ?? []).map(({ name }) => name ?? ""),
  secrets: (container.secrets ?? []).map(({ name }) => name ?? ""),
  linuxCapabilities: [...(container.linuxParameters?.capabilities?.add ?? [])],
  logs: logsOf(container.logConfiguration),
});

/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html. Options of other drivers may hold tokens. */
function logsOf(logs: ContainerDefinition["logConfiguration"]): TaskDefinitionFacts["containers"][number]["logs"] {
  if (logs?.logDriver === undefined) return null;
  const option = (key: string) => (logs.logDriver === "awslogs" ? (logs.options?.[`awslogs-${key}`] ?? null) : null);
  return { driver: logs.logDriver, group: option("group"), region: option("region"), streamPrefix: option("stream-prefix") };
}
