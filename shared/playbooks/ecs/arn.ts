import type { Cluster } from "#shared/domain/registry.ts";

export interface TaskArn {
  readonly region: string;
  readonly account: string;
  readonly cluster: string;
  readonly id: string;
}

/** The long format only: the short one names no cluster. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-account-settings.html */
const TASK = /^arn:aws(?:-[a-z]+){0,3}:ecs:([a-z0-9-]{1,32}):(\d{12}):task\/([A-Za-z0-9_-]{1,255})\/([0-9a-f-]{32,36})$/;
const TASK_DEFINITION = /^arn:[^:]+:ecs:[^:]+:\d{12}:task-definition\/([A-Za-z0-9_-]{1,255}):(\d{1,9})$/;

export function parseTaskArn(text: string): TaskArn | null {
  const [, region, account, cluster, id] = TASK.exec(text) ?? [];
  return region && account && cluster && id ? { region, account, cluster, id } : null;
}

/** Why the task is not one of the registered cluster's; null when it is. */
export function foreignTo(cluster: Cluster, arn: TaskArn): string | null {
  if (arn.account !== cluster.account) return `account ${arn.account} is not ${cluster.account}, the account of ${cluster.name}`;
  if (arn.region !== cluster.region) return `region ${arn.region} is not ${cluster.region}, the region of ${cluster.name}`;
  if (arn.cluster !== cluster.awsName) return `ECS cluster ${arn.cluster} is not ${cluster.awsName}`;
  return null;
}

/** The ARN as the control plane gives it; a shape that we do not know keeps its whole text as the family, so that no protected name is missed. */
export function parseTaskDefinition(arn: string): { readonly family: string; readonly revision: string } {
  const [, family, revision] = TASK_DEFINITION.exec(arn) ?? [];
  return family && revision ? { family, revision } : { family: arn.slice(arn.lastIndexOf("/") + 1), revision: "" };
}
