import type { Cluster } from "#shared/domain/registry.ts";
import { sub, type Value } from "./functions.ts";
import type { Statement } from "./rights.ts";

/** Clusters that the function reaches with its own role; the others are reached by a role of their account. */
export const ownEcs = (clusters: readonly Cluster[]): readonly Cluster[] =>
  clusters.filter((cluster) => cluster.kind === "ecs" && cluster.roleArn === null);

const of = (kind: string) => (cluster: Cluster) =>
  sub(`arn:\${AWS::Partition}:ecs:${cluster.region}:${cluster.account}:${kind}/${cluster.awsName}${kind === "cluster" ? "" : "/*"}`);

/** `ecs:cluster` is the ARN of the cluster that the request names. */
const named = (clusters: readonly Cluster[]): Value => ({ ArnEquals: { "ecs:cluster": clusters.map(of("cluster")) } });

/**
 * What is needed to find and watch a task.
 * Resource types and condition keys: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
 */
export function lookAtEcs(all: readonly Cluster[]): readonly Statement[] {
  const clusters = ownEcs(all);
  if (clusters.length === 0) return [];
  return [
    {
      Sid: "DescribeTasks",
      Effect: "Allow",
      Action: ["ecs:DescribeTasks"],
      Resource: clusters.map(of("task")),
      Condition: named(clusters),
    },
    {
      Sid: "ListTasksOfInstance",
      Effect: "Allow",
      Action: ["ecs:ListTasks"],
      Resource: clusters.map(of("container-instance")),
      Condition: named(clusters),
    },
    { Sid: "FindInstance", Effect: "Allow", Action: ["ecs:ListContainerInstances"], Resource: clusters.map(of("cluster")) },
    {
      Sid: "ReadServiceTags",
      Effect: "Allow",
      Action: ["ecs:DescribeServices"],
      Resource: clusters.map(of("service")),
      Condition: named(clusters),
    },
  ];
}

/** The Deny holds whatever the code or another policy says; it needs the tag on the task (`propagateTags` brings a service's tags there). */
export function stopTasks(all: readonly Cluster[]): readonly Statement[] {
  const clusters = ownEcs(all);
  if (clusters.length === 0) return [];
  return [
    { Sid: "StopTasks", Effect: "Allow", Action: ["ecs:StopTask"], Resource: clusters.map(of("task")), Condition: named(clusters) },
    {
      Sid: "NeverProtectedTasks",
      Effect: "Deny",
      Action: ["ecs:StopTask"],
      Resource: "*",
      Condition: { StringEquals: { "aws:ResourceTag/falco-responder/protected": "true" } },
    },
  ];
}
