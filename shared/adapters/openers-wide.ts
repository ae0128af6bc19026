import { ecsClients, ecsDefinitionsOpener, ecsInstancesOpener, ecsTasksOpener } from "#shared/adapters/cluster-access-ecs.ts";
import { taskLogsOpener } from "#shared/adapters/cluster-access-logs.ts";
import { ecsServicesOpener } from "#shared/adapters/cluster-access-services.ts";
import { hostNetworkOpener, taskRolesOpener } from "#shared/adapters/cluster-access-wide.ts";
import { clusterSessions } from "#shared/adapters/cluster-sessions.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";

/** What respond-wide reaches: machines and roles, and of ECS what it takes to find the target and tell whom else an action hits. */
export function wideOpeners(sessions = clusterSessions()) {
  const ecs = ecsClients(sessions);
  return {
    tasks: ecsTasksOpener(ecs),
    services: ecsServicesOpener(ecs, sessions),
    instances: ecsInstancesOpener(ecs),
    network: hostNetworkOpener(sessions),
    roles: taskRolesOpener(sessions),
    definitions: ecsDefinitionsOpener(ecs),
    // For evidence.
    logs: taskLogsOpener(sessions),
  } satisfies Partial<ClusterAccess>;
}
