import {
  ecsClients,
  ecsDefinitionsOpener,
  ecsInstancesOpener,
  ecsMarksOpener,
  ecsTasksOpener,
} from "#shared/adapters/cluster-access-ecs.ts";
import { userFunctionsOpener } from "#shared/adapters/cluster-access-functions.ts";
import { taskLogsOpener } from "#shared/adapters/cluster-access-logs.ts";
import { ecsServicesOpener } from "#shared/adapters/cluster-access-services.ts";
import { clusterSessions } from "#shared/adapters/cluster-sessions.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";

/** What respond-ecs reaches: all of ECS, the logs of tasks, functions of yours. No machine, no role. */
export function ecsOpeners(sessions = clusterSessions()) {
  const ecs = ecsClients(sessions);
  return {
    tasks: ecsTasksOpener(ecs),
    services: ecsServicesOpener(ecs, sessions),
    marks: ecsMarksOpener(ecs),
    instances: ecsInstancesOpener(ecs),
    definitions: ecsDefinitionsOpener(ecs),
    logs: taskLogsOpener(sessions),
    functions: userFunctionsOpener(),
  } satisfies Partial<ClusterAccess>;
}
