import { perCluster, perSession, type Sessions } from "#shared/adapters/cluster-sessions.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";

/** CloudWatch Logs is loaded when lines are kept as evidence. */
export function taskLogsOpener(sessions: Sessions): ClusterAccess["logs"] {
  const load = () => import("#shared/adapters/task-logs.ts");
  const clients = perSession(sessions, async (config) => (await load()).logsClient(config));
  return perCluster(async (cluster) => (await load()).taskLogs(await clients(cluster), cluster));
}
