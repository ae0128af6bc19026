import { att, ref, sub, type Value } from "./functions.ts";
import type { DeployPlan } from "./plan.ts";
import { switchName } from "./switch.ts";

/** Calls of one service that would blind us. */
export interface Tamper {
  /** Part of the rule's name. */
  readonly name: string;
  /** Read at 3 a.m.: what it would do. No character that needs escaping in JSON. */
  readonly says: string;
  /** The event's source; CloudTrail's name of the service. */
  readonly source: string;
  readonly eventSource: string;
  /** `*` at the end: Lambda's names carry the version of its API. */
  readonly eventName: readonly string[];
  /** Whose: what the rest of `detail` must say. */
  readonly detail: { readonly [key: string]: Value };
  /** Told also when CloudFormation does it for somebody. */
  readonly alsoByDeploy?: true;
}

/** What CloudTrail gives as the address of calls that CloudFormation makes: nobody else can have it. */
export const OF_A_DEPLOY = "cloudformation.amazonaws.com";

const own = sub(`\${AWS::StackName}-`);
const ours = (...more: readonly Value[]): Value => [{ prefix: own }, ...more];
/** As a part of an ARN. */
const inArn = (text: string): Value => ({ wildcard: sub(text) });
/** So many characters of log group names are in one rule at most. */
const MOST_NAMES = 900;

/** Every event that is told. Which of them CloudTrail never writes, and what is told elsewhere: docs/tamper.md. */
export const tampers = (plan: DeployPlan): readonly Tamper[] => [
  ...logs(plan),
  {
    name: "functions",
    says: "A function of this stack was changed, deleted, throttled or cut off from what wakes it.",
    source: "aws.lambda",
    eventSource: "lambda.amazonaws.com",
    eventName: [
      "AddPermission*",
      "CreateFunctionUrlConfig*",
      "DeleteFunction*",
      "PutFunctionConcurrency*",
      "PutFunctionEventInvokeConfig*",
      "RemovePermission*",
      "UpdateFunction*",
    ],
    detail: { requestParameters: { functionName: ours(inArn(`*:function:\${AWS::StackName}-*`)) } },
  },
  {
    name: "mappings",
    says: "What hands messages to a function of this stack was changed or deleted.",
    source: "aws.lambda",
    eventSource: "lambda.amazonaws.com",
    eventName: ["DeleteEventSourceMapping*", "UpdateEventSourceMapping*"],
    // The request names the mapping by its id only.
    detail: { responseElements: { functionArn: [inArn(`*:function:\${AWS::StackName}-*`)] } },
  },
  {
    name: "parameters",
    says: "The switch, or a secret that this stack reads, was written or deleted: who may pause the response may also leave it paused.",
    source: "aws.ssm",
    eventSource: "ssm.amazonaws.com",
    eventName: ["DeleteParameter", "PutParameter"],
    detail: { requestParameters: { name: [switchName(plan), ...parametersOf(plan)] } },
  },
  {
    name: "alarms",
    says: "An alarm of this stack was deleted, silenced or set by hand.",
    source: "aws.monitoring",
    eventSource: "monitoring.amazonaws.com",
    eventName: ["DeleteAlarms", "DisableAlarmActions"],
    detail: { requestParameters: { alarmNames: ours() } },
  },
  {
    name: "alarm",
    says: "An alarm of this stack was changed or set by hand.",
    source: "aws.monitoring",
    eventSource: "monitoring.amazonaws.com",
    eventName: ["PutMetricAlarm", "SetAlarmState"],
    detail: { requestParameters: { alarmName: ours() } },
  },
  // Two, so that taking one away is told by the other.
  ...(["rules-a", "rules-b"] as const).map((name) => ({
    name,
    says: "A rule of this stack was changed, disabled or deleted: the schedule of sweep, or what tells you this.",
    source: "aws.events",
    eventSource: "events.amazonaws.com",
    eventName: ["DeleteRule", "DisableRule", "PutRule"],
    detail: { requestParameters: { name: ours() } },
  })),
  ...(["targets-a", "targets-b"] as const).map((name) => ({
    name,
    says: "What a rule of this stack wakes was changed or removed.",
    source: "aws.events",
    eventSource: "events.amazonaws.com",
    eventName: ["PutTargets", "RemoveTargets"],
    detail: { requestParameters: { rule: ours() } },
  })),
  {
    name: "trail",
    says: "A trail of this account was stopped, changed or deleted: without it none of these messages comes.",
    source: "aws.cloudtrail",
    eventSource: "cloudtrail.amazonaws.com",
    eventName: ["DeleteTrail", "PutEventSelectors", "StopLogging", "UpdateTrail"],
    detail: {},
    alsoByDeploy: true,
  },
  {
    name: "key",
    says: "The key of this stack was disabled, scheduled for deletion or given another policy: nothing can be read or told without it.",
    source: "aws.kms",
    eventSource: "kms.amazonaws.com",
    eventName: ["DisableKey", "PutKeyPolicy", "ScheduleKeyDeletion"],
    detail: { resources: { ARN: [att("Key", "Arn")] } },
  },
  {
    name: "ledger",
    says: "The ledger was deleted or changed. Items written past the functions are data events: not told here.",
    source: "aws.dynamodb",
    eventSource: "dynamodb.amazonaws.com",
    eventName: ["DeleteTable", "PutResourcePolicy", "UpdateTable", "UpdateTimeToLive"],
    detail: { requestParameters: { tableName: [ref("Ledger"), att("Ledger", "Arn")] } },
  },
  {
    name: "queues",
    says: "A queue of this stack was emptied, deleted or changed: alerts may be lost.",
    source: "aws.sqs",
    eventSource: "sqs.amazonaws.com",
    eventName: ["AddPermission", "DeleteQueue", "PurgeQueue", "SetQueueAttributes"],
    detail: { requestParameters: { queueUrl: [inArn(`*/\${AWS::StackName}-*`)] } },
  },
  {
    name: "topics",
    says: "A topic of this stack was deleted or changed: you may not be told.",
    source: "aws.sns",
    eventSource: "sns.amazonaws.com",
    eventName: ["AddPermission", "DeleteTopic", "RemovePermission", "SetTopicAttributes"],
    detail: { requestParameters: { topicArn: [ref("Alarms"), ref("Notifications")] } },
  },
  {
    name: "subscriptions",
    says: "A subscription of a topic of this stack ended: somebody is no longer told.",
    source: "aws.sns",
    eventSource: "sns.amazonaws.com",
    eventName: ["Unsubscribe"],
    detail: { requestParameters: { subscriptionArn: [inArn(`*:\${AWS::StackName}-*:*`)] } },
  },
  {
    name: "buckets",
    says: "A bucket of this stack was deleted or its policy, lock or expiry changed.",
    source: "aws.s3",
    eventSource: "s3.amazonaws.com",
    eventName: ["DeleteBucket*", "PutBucketLifecycle*", "PutBucketObjectLockConfiguration", "PutBucketPolicy"],
    detail: { requestParameters: { bucketName: [ref("Unreadable"), ref("Evidence")] } },
  },
  {
    name: "roles",
    says: "Rights of a role of this stack were changed (IAM is told in us-east-1 only).",
    source: "aws.iam",
    eventSource: "iam.amazonaws.com",
    eventName: [
      "AttachRolePolicy",
      "DeleteRole*",
      "DetachRolePolicy",
      "PutRolePermissionsBoundary",
      "PutRolePolicy",
      "UpdateAssumeRolePolicy",
    ],
    detail: { requestParameters: { roleName: ours() } },
  },
  {
    name: "stack",
    says: "This stack is being deployed, changed or deleted. Expected when you deploy.",
    source: "aws.cloudformation",
    eventSource: "cloudformation.amazonaws.com",
    eventName: ["DeleteStack", "ExecuteChangeSet", "SetStackPolicy", "UpdateStack", "UpdateTerminationProtection"],
    detail: { requestParameters: { stackName: [ref("AWS::StackName"), inArn(`*:stack/\${AWS::StackName}/*`)] } },
    alsoByDeploy: true,
  },
  ...sensors(plan),
];

/** The groups that Falco's lines arrive in, and those of our own functions. As many rules as their names need. */
function logs({ logGroups }: DeployPlan): readonly Tamper[] {
  const parts: string[][] = [];
  let room = 0;
  for (const { name } of logGroups) {
    if (parts.length === 0 || room < name.length + 3) {
      parts.push([]);
      room = MOST_NAMES;
    }
    parts.at(-1)?.push(name);
    room -= name.length + 3;
  }
  const one = (name: string, names: readonly Value[]): Tamper => ({
    name,
    says: "A log group was deleted, shortened, or what hands its lines to this stack was changed: alerts may be lost.",
    source: "aws.logs",
    eventSource: "logs.amazonaws.com",
    eventName: ["DeleteLogGroup", "DeleteLogStream", "DeleteSubscriptionFilter", "PutRetentionPolicy", "PutSubscriptionFilter"],
    detail: { requestParameters: { logGroupName: names } },
  });
  return [
    ...parts.map((names, n) => one(n === 0 ? "logs" : `logs-${n + 1}`, names)),
    one("own-logs", [{ prefix: sub(`/aws/lambda/\${AWS::StackName}-`) }]),
  ];
}

/** Falco of the registered ECS clusters of this account and Region; that of Kubernetes is told by its own audit log. */
function sensors({ registry }: DeployPlan): readonly Tamper[] {
  const here = registry.clusters.filter(
    ({ kind, account, region }) => kind === "ecs" && account === registry.account && region === registry.region,
  );
  return here.flatMap(({ awsName, name }, n) => {
    const suffix = n === 0 ? "" : `-${n + 1}`;
    const ecs = { source: "aws.ecs", eventSource: "ecs.amazonaws.com" };
    const cluster = [awsName, { suffix: `:cluster/${awsName}` }];
    const says = `in cluster ${name}: nobody would see what happens there.`;
    return [
      {
        ...ecs,
        name: `sensor-service${suffix}`,
        says: `A service of Falco was changed or deleted ${says}`,
        eventName: ["DeleteService", "UpdateService"],
        detail: { requestParameters: { cluster, service: [{ wildcard: "*falco*" }] } },
      },
      {
        ...ecs,
        name: `sensor-task${suffix}`,
        says: `A task of Falco was stopped by hand ${says}`,
        eventName: ["StopTask"],
        // The request names the task by its id only.
        detail: { responseElements: { task: { clusterArn: [{ suffix: `:cluster/${awsName}` }], group: [{ wildcard: "*falco*" }] } } },
      },
    ];
  });
}

function parametersOf({ registry }: DeployPlan): readonly string[] {
  const named = JSON.stringify([registry.notifications, registry.clusters.map(({ access }) => access)]);
  return [...new Set([...named.matchAll(/"ssm:(\/[^"]+)"/g)].map(([, name]) => name ?? ""))].toSorted();
}
