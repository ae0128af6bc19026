import type { Cluster } from "#shared/domain/registry.ts";
import type { ContainerInstances } from "#shared/ports/container-instances.ts";
import type { HostNetwork } from "#shared/ports/host-network.ts";
import type { KubernetesApi } from "#shared/ports/kubernetes.ts";
import type { Services } from "#shared/ports/services.ts";
import type { TaskDefinitions } from "#shared/ports/task-definitions.ts";
import type { TaskLogs } from "#shared/ports/task-logs.ts";
import type { TaskMarks } from "#shared/ports/task-marks.ts";
import type { TaskRoles } from "#shared/ports/task-roles.ts";
import type { Tasks } from "#shared/ports/tasks.ts";
import type { UserFunctions } from "#shared/ports/user-functions.ts";

/**
 * Opens a cluster of the registry, with the role, endpoint and credentials that stand there. Connections are kept. What a function is not
 * made for cannot be opened there: `config_invalid`.
 */
export interface ClusterAccess {
  tasks(cluster: Cluster): Promise<Tasks>;
  kubernetes(cluster: Cluster): Promise<KubernetesApi>;
  services(cluster: Cluster): Promise<Services>;
  marks(cluster: Cluster): Promise<TaskMarks>;
  instances(cluster: Cluster): Promise<ContainerInstances>;
  network(cluster: Cluster): Promise<HostNetwork>;
  roles(cluster: Cluster): Promise<TaskRoles>;
  definitions(cluster: Cluster): Promise<TaskDefinitions>;
  logs(cluster: Cluster): Promise<TaskLogs>;
  functions(cluster: Cluster): Promise<UserFunctions>;
}
