import { ecsClients, ecsInstancesOpener, ecsMarksOpener, ecsTasksOpener } from "#shared/adapters/cluster-access-ecs.ts";
import { kubernetesApiOpener } from "#shared/adapters/cluster-access-kubernetes.ts";
import { ecsServicesOpener } from "#shared/adapters/cluster-access-services.ts";
import { hostNetworkOpener, taskRolesOpener } from "#shared/adapters/cluster-access-wide.ts";
import { clusterSessions } from "#shared/adapters/cluster-sessions.ts";
import type { SecretReader } from "#shared/adapters/secrets.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";

/** What sweep reaches: everything that can be verified late. Its role only reads there. */
export function sweepOpeners(secrets: SecretReader, sessions = clusterSessions()) {
  const ecs = ecsClients(sessions);
  return {
    tasks: ecsTasksOpener(ecs),
    kubernetes: kubernetesApiOpener(secrets, sessions),
    services: ecsServicesOpener(ecs, sessions),
    marks: ecsMarksOpener(ecs),
    instances: ecsInstancesOpener(ecs),
    network: hostNetworkOpener(sessions),
    roles: taskRolesOpener(sessions),
  } satisfies Partial<ClusterAccess>;
}
