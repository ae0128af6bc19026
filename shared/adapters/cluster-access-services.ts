import type { EcsClients } from "#shared/adapters/cluster-access-ecs.ts";
import { perCluster, perSession, type Sessions } from "#shared/adapters/cluster-sessions.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";

/** Application Auto Scaling is loaded when a service is looked at. */
export function ecsServicesOpener(ecs: EcsClients, sessions: Sessions): ClusterAccess["services"] {
  const load = () => import("#shared/adapters/ecs-services.ts");
  const scaling = perSession(sessions, async (config) => (await load()).scalingClient(config));
  return perCluster(async (cluster) => (await load()).ecsServices(ecs(cluster), await scaling(cluster), cluster));
}
