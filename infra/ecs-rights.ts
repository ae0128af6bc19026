import type { Cluster } from "#shared/domain/registry.ts";
import type { On, Right } from "#shared/playbooks/playbook.ts";
import { sub, type Value } from "./functions.ts";
import type { Statement } from "./rights.ts";

/** What rights are granted on. */
export interface Scope {
  /** ECS clusters that are reached with the role. */
  readonly clusters: readonly Cluster[];
  /** ARNs of the functions that the policy names. */
  readonly userFunctions: readonly string[];
  /** Roles of this service, ARN patterns after `arn:partition:iam::`: never to be changed. */
  readonly ownRoles: readonly string[];
}

/** Clusters that the function reaches with its own role; the others are reached by a role of their account. */
export const ownEcs = (clusters: readonly Cluster[]): readonly Cluster[] =>
  clusters.filter((cluster) => cluster.kind === "ecs" && cluster.roleArn === null);

/**
 * How a right is scoped. Where the service has no resource or no condition key for an action, the action stands apart from its kind.
 * Resource types and condition keys: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
 */
type Grant = "in-cluster" | "list-tasks" | "tags" | "no-resource" | "interfaces" | Exclude<On, InCluster | Interface | Unscoped>;
type InCluster = "container-instance" | "service" | "task";
type Interface = "network-interface" | "security-group";
type Unscoped = "task-definition" | "any-interface";

/** Describe actions without a resource, whatever they are declared on. */
const NO_RESOURCE = [
  "application-autoscaling:DescribeScalableTargets",
  "ec2:DescribeInstances",
  "ec2:DescribeNetworkInterfaces",
  "ec2:DescribeSecurityGroups",
  "ecs:DescribeTaskDefinition",
];
/** They know no `ecs:cluster`: only the ARN says which cluster it is. */
const TAGS = ["ecs:TagResource", "ecs:UntagResource"];
/** Listed by service it is authorised on "*": https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security_iam_id-based-policy-examples.html#IAM_task_policies */
const LIST_TASKS = "ecs:ListTasks";

function grantOf(on: On, action: string): Grant {
  if (NO_RESOURCE.includes(action)) return "no-resource";
  if (TAGS.includes(action)) return "tags";
  if (action === LIST_TASKS) return "list-tasks";
  if (on === "container-instance" || on === "service" || on === "task") return "in-cluster";
  if (on === "network-interface" || on === "security-group") return "interfaces";
  // Said in words when somebody declares such a right: a silent "*" would be granted for ever.
  if (on === "task-definition" || on === "any-interface")
    throw new Error(`${action} on ${on} has a resource: say which in infra/ecs-rights.ts`);
  return on;
}

const of = (kind: string) => (cluster: Cluster) =>
  sub(`arn:\${AWS::Partition}:ecs:${cluster.region}:${cluster.account}:${kind}/${cluster.awsName}${kind === "cluster" ? "" : "/*"}`);

/** `ecs:cluster` is the ARN of the cluster that the request names. */
const named = (clusters: readonly Cluster[]): Value => ({ ArnEquals: { "ecs:cluster": clusters.map(of("cluster")) } });

/** One ARN per account and Region of the clusters. */
const inPlaces = (clusters: readonly Cluster[], service: string, resource: string): readonly Value[] =>
  unique(clusters.map(({ region, account }) => `arn:\${AWS::Partition}:${service}:${region}:${account}:${resource}`)).map(sub);

const roleArns = (clusters: readonly Cluster[]): readonly Value[] =>
  unique(
    clusters.flatMap(({ account, taskRoles = [] }) => taskRoles.map((name) => `arn:\${AWS::Partition}:iam::${account}:role/${name}`)),
  ).map(sub);

const logArns = (clusters: readonly Cluster[]): readonly Value[] =>
  unique(
    clusters.flatMap(({ region, account, taskLogGroups = [] }) =>
      taskLogGroups.map((name) => `arn:\${AWS::Partition}:logs:${region}:${account}:log-group:${name}:log-stream:*`),
    ),
  ).map(sub);

interface Granted {
  readonly sid: string;
  /** None: no statement. `on`: what the rights are declared on. */
  readonly resources: (scope: Scope, on: ReadonlySet<On>) => readonly Value[] | "*";
  readonly condition?: (scope: Scope) => Value;
}

/** In the order in which they stand in a role. */
const GRANTS: Readonly<Record<Grant, Granted>> = {
  "in-cluster": {
    sid: "InRegisteredClusters",
    resources: ({ clusters }, on) => [...on].toSorted().flatMap((kind) => clusters.map(of(kind))),
    condition: ({ clusters }) => named(clusters),
  },
  cluster: { sid: "OnRegisteredClusters", resources: ({ clusters }) => clusters.map(of("cluster")) },
  "list-tasks": {
    sid: "ListTasksByServiceNamesNoResource",
    resources: ({ clusters }) => (clusters.length === 0 ? [] : "*"),
    condition: ({ clusters }) => named(clusters),
  },
  tags: { sid: "TagTasks", resources: ({ clusters }) => clusters.map(of("task")) },
  "no-resource": {
    sid: "DescribeHasNoResources",
    resources: ({ clusters }) => (clusters.length === 0 ? [] : "*"),
    condition: ({ clusters }) => ({ StringEquals: { "aws:RequestedRegion": unique(clusters.map(({ region }) => region)) } }),
  },
  // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsapplicationautoscaling.html
  "scalable-target": {
    sid: "SuspendScalingOfServices",
    resources: ({ clusters }) => inPlaces(clusters, "application-autoscaling", "scalable-target/*"),
    condition: () => ({
      StringEquals: {
        "application-autoscaling:service-namespace": "ecs",
        "application-autoscaling:scalable-dimension": "ecs:service:DesiredCount",
      },
    }),
  },
  // EC2 asks for the interface and for every group that is put on it.
  interfaces: {
    sid: "OnInterfacesWithGroups",
    resources: ({ clusters }, on) => [...on].toSorted().flatMap((kind) => inPlaces(clusters, "ec2", `${kind}/*`)),
  },
  "task-role": { sid: "OnListedTaskRoles", resources: ({ clusters }) => roleArns(clusters) },
  "task-log-group": { sid: "ReadListedLogGroups", resources: ({ clusters }) => logArns(clusters) },
  "user-function": { sid: "InvokeFunctionsOfThePolicy", resources: ({ userFunctions }) => unique(userFunctions) },
};

/** Those actions on ECS that change something and know the tags of what they change. */
const PROTECTABLE = [
  "ecs:StopTask",
  "ecs:TagResource",
  "ecs:UntagResource",
  "ecs:UpdateContainerInstancesState",
  "ecs:UpdateService",
  "ecs:UpdateTaskProtection",
];
const ROLE_CHANGES = ["iam:DeleteRolePolicy", "iam:PutRolePolicy"];
const PROTECTED = "falco-responder/protected";

/**
 * Statements for declared rights on ECS and what belongs to it. A kind of which nothing is listed (task roles, log groups, functions) has no
 * statement. The denials hold whatever the code or another policy says; the first needs the tag on the task itself (`propagateTags`).
 */
export function clusterRights(rights: readonly Right[], scope: Scope): readonly Statement[] {
  const asked = Map.groupBy(
    rights.flatMap(({ actions, on }) => actions.map((action) => ({ action, on }))),
    ({ action, on }) => grantOf(on, action),
  );
  const allows = (Object.keys(GRANTS) as Grant[]).flatMap((grant) => {
    const { sid, resources, condition } = GRANTS[grant];
    const these = asked.get(grant) ?? [];
    const Resource = resources(scope, new Set(these.map(({ on }) => on)));
    if (these.length === 0 || Resource.length === 0) return [];
    const Action = unique(these.map(({ action }) => action));
    return [{ Sid: sid, Effect: "Allow", Action, Resource, ...(condition === undefined ? {} : { Condition: condition(scope) }) }];
  });
  const granted = new Set(allows.flatMap(({ Action }) => Action));
  return [...allows, ...denials(granted, scope)];
}

function denials(granted: ReadonlySet<string>, { ownRoles }: Scope): readonly Statement[] {
  const any = (actions: readonly string[]): boolean => actions.some((action) => granted.has(action));
  const deny = (Sid: string, Action: readonly string[], Resource: Value, Condition?: Value): Statement => ({
    Sid,
    Effect: "Deny",
    Action,
    Resource,
    ...(Condition === undefined ? {} : { Condition }),
  });
  return [
    ...(any(PROTECTABLE) ? [deny("NeverProtected", PROTECTABLE, "*", { StringEquals: { [`aws:ResourceTag/${PROTECTED}`]: "true" } })] : []),
    ...(any(TAGS) ? [deny("NeverTheProtectingTag", TAGS, "*", { "ForAnyValue:StringEquals": { "aws:TagKeys": [PROTECTED] } })] : []),
    ...(any(ROLE_CHANGES)
      ? [
          deny(
            "NeverOwnRoles",
            ROLE_CHANGES,
            ownRoles.map((role) => sub(`arn:\${AWS::Partition}:iam::${role}`)),
          ),
        ]
      : []),
  ];
}

const unique = (texts: readonly string[]): readonly string[] => [...new Set(texts)].toSorted();
