import { ECSClient } from "@aws-sdk/client-ecs";
import { type ClientConfig, clusterSessions, perCluster, perSession } from "#shared/adapters/cluster-sessions.ts";
import { containerInstances } from "#shared/adapters/container-instances.ts";
import { taskDefinitions } from "#shared/adapters/task-definitions.ts";
import { taskMarks } from "#shared/adapters/task-marks.ts";
import { ecsTasks } from "#shared/adapters/tasks.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";

/** ECS in the cluster's own region, with the role and external id that stand in the registry. */
export type EcsClients = (cluster: Cluster) => ECSClient;

export const ecsClients = (sessions = clusterSessions()): EcsClients =>
  perSession(sessions, (config: ClientConfig) => new ECSClient(config));

export const ecsTasksOpener = (clients: EcsClients = ecsClients()): ClusterAccess["tasks"] =>
  perCluster((cluster) => ecsTasks(clients(cluster), cluster));

export const ecsMarksOpener = (clients: EcsClients): ClusterAccess["marks"] =>
  perCluster((cluster) => taskMarks(clients(cluster), cluster));

export const ecsInstancesOpener = (clients: EcsClients): ClusterAccess["instances"] =>
  perCluster((cluster) => containerInstances(clients(cluster), cluster));

export const ecsDefinitionsOpener = (clients: EcsClients): ClusterAccess["definitions"] =>
  perCluster((cluster) => taskDefinitions(clients(cluster), cluster));
