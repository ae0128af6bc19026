import type { Cluster } from "#shared/domain/registry.ts";
import type { Pods } from "#shared/ports/pods.ts";
import type { Tasks } from "#shared/ports/tasks.ts";

/** Opens a cluster of the registry, with the role, endpoint and credentials that stand there. Connections are kept. */
export interface ClusterAccess {
  tasks(cluster: Cluster): Promise<Tasks>;
  pods(cluster: Cluster): Promise<Pods>;
}
