import { perCluster, perSession, type Sessions } from "#shared/adapters/cluster-sessions.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";

/** EC2, whose client is the largest of all, is loaded when a machine is looked at. */
export function hostNetworkOpener(sessions: Sessions): ClusterAccess["network"] {
  const load = () => import("#shared/adapters/host-network.ts");
  const clients = perSession(sessions, async (config) => (await load()).ec2Client(config));
  return perCluster(async (cluster) => (await load()).hostNetwork(await clients(cluster), cluster));
}

/** IAM is loaded when a role is looked at. */
export function taskRolesOpener(sessions: Sessions): ClusterAccess["roles"] {
  const load = () => import("#shared/adapters/task-roles.ts");
  const clients = perSession(sessions, async (config) => (await load()).iamClient(config));
  return perCluster(async (cluster) => (await load()).taskRoles(await clients(cluster), cluster));
}
