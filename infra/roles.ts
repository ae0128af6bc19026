import type { Cluster, Registry } from "#shared/domain/registry.ts";
import { lookAtEcs, stopTasks } from "./ecs-rights.ts";
import { FUNCTIONS, type FunctionKey, type Resource, type Resources, roleId, sub } from "./functions.ts";
import type { DeployPlan } from "./plan.ts";
import {
  assume,
  count,
  failedTo,
  findDue,
  keepLedger,
  listStreams,
  ownLog,
  ownTopic,
  publish,
  put,
  readSecrets,
  readStream,
  receive,
  type Statement,
  send,
  trace,
  useKey,
} from "./rights.ts";

/** One role per function: exactly what its work needs (docs/permissions.md says why for each right). */
export const roles = (plan: DeployPlan): Resources =>
  Object.fromEntries(
    FUNCTIONS.map((key) => [roleId(key), role([ownLog(key), ...rights[key](plan.registry), ...(plan.deploy.tracing ? [trace] : [])])]),
  );

const rights: Readonly<Record<FunctionKey, (registry: Registry) => readonly Statement[]>> = {
  ingest: () => [
    count,
    send("AlertsEcs", "AlertsKubernetes"),
    put("Unreadable"),
    failedTo("Unreadable"),
    useKey(["dynamodb", "sqs", "s3"]),
  ],

  "respond-ecs": ({ clusters }) => [
    keepLedger,
    receive("AlertsEcs"),
    send("AlertsEcsDead"),
    put("Evidence"),
    useKey(["dynamodb", "sqs", "s3"]),
    ...lookAtEcs(clusters),
    ...stopTasks(clusters),
    ...assume(rolesOf(clusters.filter(isEcs))),
  ],

  "respond-kubernetes": ({ clusters }) => [
    keepLedger,
    receive("AlertsKubernetes"),
    send("AlertsKubernetesDead"),
    put("Evidence"),
    useKey(["dynamodb", "sqs", "s3", "secretsmanager", "ssm"]),
    ...readSecrets(tokens(clusters)),
    ...assume(rolesOf(clusters.filter((cluster) => !isEcs(cluster)))),
  ],

  notify: (registry) => [
    keepLedger,
    readStream,
    listStreams,
    send("NotifyDead"),
    publish(topics(registry)),
    useKey(["dynamodb", "sqs", "sns", "secretsmanager", "ssm"]),
    ...readSecrets(webhooks(registry)),
  ],

  // Verifies late what others began and sends what they could not: it looks at tasks and pods, and stops none.
  sweep: (registry) => [
    keepLedger,
    findDue,
    publish(topics(registry)),
    useKey(["dynamodb", "sns", "secretsmanager", "ssm"]),
    ...lookAtEcs(registry.clusters),
    ...readSecrets([...webhooks(registry), ...tokens(registry.clusters)]),
    ...assume(rolesOf(registry.clusters)),
  ],
};

const isEcs = (cluster: Cluster): boolean => cluster.kind === "ecs";
const rolesOf = (clusters: readonly Cluster[]): readonly string[] => clusters.flatMap(({ roleArn }) => (roleArn === null ? [] : [roleArn]));
const tokens = (clusters: readonly Cluster[]): readonly string[] =>
  clusters.flatMap(({ access }) => (access === null ? [] : [access.tokenSecret]));
const webhooks = ({ notifications }: Registry): readonly string[] =>
  notifications.channels.flatMap((channel) => (channel.kind === "slack" ? [channel.urlSecret] : []));
const topics = ({ notifications }: Registry) => [
  ownTopic,
  ...new Set(notifications.channels.flatMap((channel) => (channel.kind === "sns" ? [channel.topicArn] : []))),
];

const role = (statements: readonly Statement[]): Resource => ({
  Type: "AWS::IAM::Role",
  Properties: {
    AssumeRolePolicyDocument: {
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }],
    },
    Policies: [{ PolicyName: sub(`\${AWS::StackName}`), PolicyDocument: { Version: "2012-10-17", Statement: statements } }],
  },
});
