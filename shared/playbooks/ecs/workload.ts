import type { Cluster } from "#shared/domain/registry.ts";
import type { TaskWorkload } from "#shared/domain/workload.ts";
import { parseTaskDefinition } from "#shared/playbooks/ecs/arn.ts";
import type { TaskFacts } from "#shared/ports/tasks.ts";

/** The service that started the task; null: it stands alone. */
export const serviceOf = ({ group }: Pick<TaskFacts, "group">): string | null =>
  group?.startsWith("service:") && group.length > "service:".length ? group.slice("service:".length) : null;

/** `container`: the one that is meant; null: the task as a whole. */
export function workloadOf(
  task: TaskFacts,
  container: TaskFacts["containers"][number] | null,
  cluster: Cluster,
  serviceTags: Readonly<Record<string, string>>,
): TaskWorkload {
  const service = serviceOf(task);
  return {
    kind: "task",
    cluster: cluster.name,
    uid: task.taskArn,
    owner: service === null ? null : { kind: "Service", name: service, uid: null },
    container: { name: container?.name ?? "", id: container?.runtimeId ?? "", image: container?.image ?? null },
    labels: { ...serviceTags, ...task.tags },
    taskArn: task.taskArn,
    clusterArn: task.clusterArn,
    ...parseTaskDefinition(task.taskDefinitionArn),
    service,
    group: task.group,
    launchType: task.launchType,
    lastStatus: task.lastStatus,
    desiredStatus: task.desiredStatus,
    containerInstanceArn: task.containerInstanceArn,
    startedAtMs: task.startedAtMs,
    networkInterfaces: task.networkInterfaces,
    roleOverride: task.roleOverride,
  };
}
