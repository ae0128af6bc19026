import { att, FUNCTIONS, type FunctionKey, functionName, type Resource, type Resources, ref, sub, type Value } from "./functions.ts";
import type { DeployPlan } from "./plan.ts";
import { filterName, sourceId } from "./sources.ts";

interface Watch {
  /** Part of the alarm's name; the key policy and the topic policy name the prefix. */
  readonly name: string;
  /** Read at 3 a.m.: what it means and where to look. */
  readonly says: string;
  readonly metric: readonly [namespace: string, name: string, dimensions: Readonly<Record<string, Value>>];
  readonly statistic?: "Sum" | "Maximum";
  /** Alarm when above; with `below`, when under. Default: above 0. */
  readonly above?: number;
  readonly below?: number;
  readonly periodSeconds?: number;
  readonly periods?: number;
  readonly missing?: "breaching";
}

/** Namespace of our own metrics (POWERTOOLS_METRICS_NAMESPACE). */
export const OWN = "FalcoResponder";

/** Every alarm tells the alarms topic. */
export function alarms(plan: DeployPlan): Resources {
  const watches = [
    ...own,
    ...queues,
    ...FUNCTIONS.flatMap(lambda),
    ...asynchronous,
    ...plan.logGroups.flatMap(({ name }) => delivery(name)),
  ];
  return Object.fromEntries(watches.map((watch) => [`${pascal(watch.name)}Alarm`, alarm(watch)]));
}

const own: readonly Watch[] = [
  {
    name: "unreadable",
    says: "Input that could not be read as an alert was kept in the unreadable bucket: look there for the reason and the remedy (json_output off?).",
    metric: [OWN, "Alerts", { service: "ingest", outcome: "unreadable" }],
  },
  {
    name: "unregistered-accuser",
    says: "An alert came from a log group or stream that no cluster is registered for, or contradicts its cluster: it was told, not acted on.",
    metric: [OWN, "UnregisteredAccuser", { service: "ingest" }],
  },
  {
    name: "sweep-troubles",
    says: "Sweep cannot settle some items of the ledger for five minutes: its log names them.",
    metric: [OWN, "SweepTroubles", { service: "sweep" }],
    periods: 5,
  },
  {
    name: "leftovers",
    says: "Something that we made in a cluster is left there and no action stands for it: sweep's log names it. Remove it by hand.",
    metric: [OWN, "Leftovers", { service: "sweep" }],
    periodSeconds: 3_600,
  },
  {
    name: "ledger-items-removed",
    says: "Somebody deleted items of the ledger that this service never deletes: audit's log names them. Who it was says CloudTrail, if data events of the table are on.",
    metric: [OWN, "LedgerItemsRemoved", { service: "audit" }],
  },
  {
    name: "audit-repaired",
    says: "Sweep found items of an incident that the record of proof did not have, and recorded them as they were then: look why audit missed them (its errors, audit-dead).",
    metric: [OWN, "AuditRepaired", { service: "sweep" }],
    periodSeconds: 3_600,
  },
  ...(["notify", "sweep"] as const).map(
    (service): Watch => ({
      name: `${service}-notification-failed`,
      says: "A notification can never be sent as it is: a topic, webhook or secret needs a person (the item stays in the ledger).",
      metric: [OWN, "NotificationFailed", { service }],
    }),
  ),
];

const queues: readonly Watch[] = [
  ...["AlertsEcsDead", "AlertsKubernetesDead", "AlertsWideDead", "NotifyDead", "AuditDead"].map(
    (queue): Watch => ({
      name: kebab(queue),
      says: "A message could not be handled and waits in the dead-letter queue with its reason.",
      metric: ["AWS/SQS", "ApproximateNumberOfMessagesVisible", { QueueName: att(queue, "QueueName") }],
      statistic: "Maximum",
    }),
  ),
  ...["AlertsEcs", "AlertsKubernetes", "AlertsWide"].map(
    (queue): Watch => ({
      name: `${kebab(queue)}-age`,
      says: "Alerts or orders wait for a responder: after 15 minutes (policy: maxAge) alerts are told, not acted on.",
      metric: ["AWS/SQS", "ApproximateAgeOfOldestMessage", { QueueName: att(queue, "QueueName") }],
      statistic: "Maximum",
      above: 300,
    }),
  ),
];

const lambda = (key: FunctionKey): readonly Watch[] => [
  {
    name: `${key}-errors`,
    says: `${key} failed: see its log group. The service behind it tries again.`,
    metric: ["AWS/Lambda", "Errors", { FunctionName: functionName(key) }],
  },
  {
    name: `${key}-throttles`,
    says: `${key} was throttled: raise its reserved concurrency or the account's limit.`,
    metric: ["AWS/Lambda", "Throttles", { FunctionName: functionName(key) }],
  },
];

const asynchronous: readonly Watch[] = [
  {
    name: "ingest-events-dropped",
    says: "Lambda gave up on a batch of log events: it is in the unreadable bucket under aws/lambda/async/, if the alarm on failed destinations is quiet.",
    metric: ["AWS/Lambda", "AsyncEventsDropped", { FunctionName: functionName("ingest") }],
  },
  {
    name: "ingest-destination-failures",
    says: "A batch that Lambda gave up on could not be kept either: fetch the group's events of this time again.",
    metric: ["AWS/Lambda", "DestinationDeliveryFailures", { FunctionName: functionName("ingest") }],
  },
  {
    name: "notify-behind",
    says: "Notifications are late: the ledger's stream is read more than five minutes behind.",
    metric: ["AWS/Lambda", "IteratorAge", { FunctionName: functionName("notify") }],
    statistic: "Maximum",
    above: 300_000,
  },
  {
    name: "audit-behind",
    says: "The record of proof is more than an hour behind the ledger. After 24 hours the stream forgets, and sweep can only record what items say by then.",
    metric: ["AWS/Lambda", "IteratorAge", { FunctionName: functionName("audit") }],
    statistic: "Maximum",
    above: 3_600_000,
  },
  {
    name: "sweep-silent",
    says: "Sweep has not run for five minutes: late verifications, expired claims and unsent notifications wait.",
    metric: ["AWS/Lambda", "Invocations", { FunctionName: functionName("sweep") }],
    below: 1,
    periodSeconds: 300,
    missing: "breaching",
  },
];

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html */
function delivery(group: string): readonly Watch[] {
  const dimensions = { LogGroupName: group, DestinationType: "Lambda", FilterName: sub(`${filterName}-\${AWS::StackName}`) };
  const id = sourceId(group);
  return [
    {
      name: `delivery-errors-${id}`,
      says: `CloudWatch Logs could not deliver events of ${group}: after a refusal it skips up to 10 minutes. Check the permission, then fetch them again.`,
      metric: ["AWS/Logs", "DeliveryErrors", dimensions],
    },
    {
      name: `delivery-throttled-${id}`,
      says: `CloudWatch Logs is throttled when it delivers events of ${group}; it tries for 24 hours.`,
      metric: ["AWS/Logs", "DeliveryThrottling", dimensions],
    },
  ];
}

function alarm(watch: Watch): Resource {
  const [Namespace, MetricName, dimensions] = watch.metric;
  return {
    Type: "AWS::CloudWatch::Alarm",
    Properties: {
      AlarmName: sub(`\${AWS::StackName}-${watch.name}`),
      AlarmDescription: watch.says,
      Namespace,
      MetricName,
      Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
      Statistic: watch.statistic ?? "Sum",
      Period: watch.periodSeconds ?? 60,
      EvaluationPeriods: watch.periods ?? 1,
      Threshold: watch.below ?? watch.above ?? 0,
      ComparisonOperator: watch.below === undefined ? "GreaterThanThreshold" : "LessThanThreshold",
      TreatMissingData: watch.missing ?? "notBreaching",
      AlarmActions: [ref("Alarms")],
      OKActions: [ref("Alarms")],
    },
  };
}

function pascal(name: string): string {
  return name.replace(/(?:^|-)(.)/g, (_all, letter: string) => letter.toUpperCase());
}

function kebab(name: string): string {
  return name.replace(/(?<=.)([A-Z])/g, "-$1").toLowerCase();
}
