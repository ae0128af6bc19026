import { PipelineError } from "#shared/domain/error.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";

/**
 * Joins what a function can reach. Each opener is a module of its own (`ecsTasksOpener`, `kubernetesPodsOpener`), so that a function which
 * has no rights in Kubernetes does not carry its client either. A cluster that the function is not made for is a fault of the deployment.
 */
export function clusterAccess(openers: Partial<ClusterAccess>): ClusterAccess {
  const refuse = (kind: string) => (cluster: Cluster) =>
    Promise.reject(
      new PipelineError("config_invalid", `this function cannot reach ${kind}: cluster ${cluster.name} came to the wrong queue`),
    );
  return { tasks: openers.tasks ?? refuse("ECS"), pods: openers.pods ?? refuse("Kubernetes") };
}
