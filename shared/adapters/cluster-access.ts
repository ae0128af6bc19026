import { PipelineError } from "#shared/domain/error.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";

/**
 * Joins what a function can reach. Each opener is a module of its own (`ecsTasksOpener`, `kubernetesPodsOpener`, ...), so that a function
 * which has no rights somewhere does not carry its client either. What the function is not made for is a fault of the deployment.
 */
export function clusterAccess(openers: Partial<ClusterAccess>): ClusterAccess {
  const refuse = (what: string) => (cluster: Cluster) =>
    Promise.reject(
      new PipelineError("config_invalid", `this function cannot reach ${what}: cluster ${cluster.name} came to the wrong queue`),
    );
  return {
    tasks: refuse("ECS"),
    kubernetes: refuse("Kubernetes"),
    services: refuse("ECS services"),
    marks: refuse("ECS task marks"),
    instances: refuse("ECS container instances"),
    network: refuse("EC2 interfaces"),
    roles: refuse("IAM roles"),
    definitions: refuse("ECS task definitions"),
    logs: refuse("logs of tasks"),
    functions: refuse("Lambda functions of yours"),
    ...openers,
  };
}
