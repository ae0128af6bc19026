import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { DeployPlan } from "../../infra/plan.ts";
import { tamperRules } from "../../infra/tamper.ts";
import { matches } from "../doubles/event-pattern.ts";
import { plan } from "./plan.ts";

const STACK = "falco-responder-prod";
const KEY = "arn:aws:kms:eu-central-1:111122223333:key/0b2f0c0e-1111-4222-8333-444455556666";
const VALUES: Readonly<Record<string, string>> = {
  "AWS::StackName": STACK,
  "Key.Arn": KEY,
  Ledger: `${STACK}-Ledger-1ABC`,
  "Ledger.Arn": `arn:aws:dynamodb:eu-central-1:111122223333:table/${STACK}-Ledger-1ABC`,
  Alarms: `arn:aws:sns:eu-central-1:111122223333:${STACK}-alarms`,
  Notifications: `arn:aws:sns:eu-central-1:111122223333:${STACK}-notifications`,
  Unreadable: `${STACK}-unreadable-1abc`,
  Evidence: `${STACK}-evidence-1abc`,
};
const value = (name: string): string => VALUES[name] ?? expect.fail(`the template refers to ${name}`);

/** As CloudFormation resolves it. */
function resolved(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(resolved);
  if (typeof node !== "object" || node === null) return node;
  const entries = Object.entries(node);
  const [[key, inside] = ["", null]] = entries;
  if (key === "Ref") return value(String(inside));
  if (key === "Fn::GetAtt") return value((inside as readonly string[]).join("."));
  if (key === "Fn::Sub") return String(inside).replaceAll(/\$\{([^}]+)\}/g, (_all, name: string) => value(name));
  return Object.fromEntries(entries.map(([name, one]) => [name, resolved(one)]));
}

const rulesOf = (from: DeployPlan): ReadonlyMap<string, unknown> =>
  new Map(
    Object.values(tamperRules(from)).map(({ Properties }) => {
      const { Name, EventPattern } = resolved(Properties) as { readonly Name: string; readonly EventPattern: unknown };
      return [Name.replace(`${STACK}-tamper-`, ""), EventPattern];
    }),
  );
const rules = rulesOf(plan);

interface Call {
  readonly service: string;
  readonly name: string;
  readonly request?: object | null;
  readonly response?: object | null;
  readonly more?: object;
}

const SOURCES: Readonly<Record<string, string>> = { monitoring: "monitoring", lambda: "lambda" };

/** An event as CloudTrail and EventBridge write it: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html */
const eventOf = ({ service, name, request = null, response = null, more = {} }: Call): object => ({
  version: "0",
  id: "6f87d04b-9f2c-4d9f-0000-000000000000",
  "detail-type": "AWS API Call via CloudTrail",
  source: `aws.${SOURCES[service] ?? service}`,
  account: "111122223333",
  time: "2026-11-23T19:00:00Z",
  region: "eu-central-1",
  resources: [],
  detail: {
    eventVersion: "1.11",
    userIdentity: { type: "AssumedRole", arn: "arn:aws:sts::111122223333:assumed-role/Admin/mallory" },
    eventTime: "2026-11-23T19:00:00Z",
    eventSource: `${service}.amazonaws.com`,
    eventName: name,
    awsRegion: "eu-central-1",
    sourceIPAddress: "203.0.113.7",
    requestParameters: request,
    responseElements: response,
    readOnly: false,
    eventType: "AwsApiCall",
    managementEvent: true,
    ...more,
  },
});
const matching = (call: Call): readonly string[] => {
  const event = eventOf(call);
  return [...rules].filter(([, pattern]) => matches(pattern, event)).map(([name]) => name);
};

const FUNCTION = `${STACK}-ingest`;
const functionArn = `arn:aws:lambda:eu-central-1:111122223333:function:${FUNCTION}`;
const otherArn = "arn:aws:lambda:eu-central-1:111122223333:function:checkout";
const queue = (name: string) => `https://sqs.eu-central-1.amazonaws.com/111122223333/${name}`;
const of = (service: string, key: string, ours: unknown, other: unknown, ...names: readonly string[]) =>
  names.map((name) => [name, service, { [key]: ours }, { [key]: other }] as const);

/** Event, service, parameters that are ours, those of another resource. */
const BY_REQUEST = [
  ...of(
    "logs",
    "logGroupName",
    "/falco/shop",
    "/falco/shopping",
    "DeleteSubscriptionFilter",
    "PutSubscriptionFilter",
    "DeleteLogGroup",
    "DeleteLogStream",
    "PutRetentionPolicy",
  ),
  ...of(
    "lambda",
    "functionName",
    FUNCTION,
    "checkout",
    "AddPermission20150331v2",
    "RemovePermission20150331v2",
    "UpdateFunctionCode20150331v2",
    "UpdateFunctionConfiguration20150331v2",
    "DeleteFunction20150331",
    "PutFunctionConcurrency20171031",
  ),
  ...of(
    "lambda",
    "functionName",
    functionArn,
    otherArn,
    "UpdateFunctionCode20150331v2",
    "PutFunctionEventInvokeConfig",
    "UpdateFunctionUrlConfig",
    "CreateFunctionUrlConfig",
  ),
  ...of("ssm", "name", "/falco-responder/dev/switch", "/falco-responder/slacker", "PutParameter", "DeleteParameter"),
  ...of("ssm", "name", "/falco-responder/slack", "/falco-responder/slacker", "PutParameter"),
  ...of("monitoring", "alarmNames", ["x", `${STACK}-unreadable`], ["x", "checkout-errors"], "DeleteAlarms", "DisableAlarmActions"),
  ...of("monitoring", "alarmName", `${STACK}-unreadable`, "checkout-errors", "SetAlarmState", "PutMetricAlarm"),
  ...of("dynamodb", "tableName", VALUES["Ledger"], "orders", "DeleteTable", "UpdateTable", "UpdateTimeToLive"),
  ...of("dynamodb", "tableName", VALUES["Ledger.Arn"], "arn:aws:dynamodb:eu-central-1:111122223333:table/orders", "DeleteTable"),
  ...of(
    "sqs",
    "queueUrl",
    queue(`${STACK}-alerts-ecs.fifo`),
    queue("orders"),
    "PurgeQueue",
    "DeleteQueue",
    "SetQueueAttributes",
    "AddPermission",
  ),
  ...of(
    "sns",
    "topicArn",
    VALUES["Alarms"],
    "arn:aws:sns:eu-central-1:111122223333:orders",
    "DeleteTopic",
    "SetTopicAttributes",
    "AddPermission",
    "RemovePermission",
  ),
  ...of("sns", "subscriptionArn", `${VALUES["Alarms"]}:0b2f`, "arn:aws:sns:eu-central-1:111122223333:orders:0b2f", "Unsubscribe"),
  ...of(
    "s3",
    "bucketName",
    VALUES["Evidence"],
    "orders",
    "DeleteBucket",
    "DeleteBucketPolicy",
    "PutBucketPolicy",
    "PutBucketLifecycle",
    "PutBucketObjectLockConfiguration",
  ),
  ...of(
    "iam",
    "roleName",
    `${STACK}-SweepRole-1ABC`,
    "checkout",
    "PutRolePolicy",
    "DeleteRolePolicy",
    "AttachRolePolicy",
    "DeleteRole",
    "UpdateAssumeRolePolicy",
    "PutRolePermissionsBoundary",
    "DetachRolePolicy",
  ),
  ...of(
    "cloudformation",
    "stackName",
    STACK,
    `${STACK}-2`,
    "DeleteStack",
    "UpdateStack",
    "ExecuteChangeSet",
    "SetStackPolicy",
    "UpdateTerminationProtection",
  ),
  ...of(
    "cloudformation",
    "stackName",
    `arn:aws:cloudformation:eu-central-1:111122223333:stack/${STACK}/0b2f`,
    "arn:aws:cloudformation:eu-central-1:111122223333:stack/shop/0b2f",
    "DeleteStack",
  ),
];

describe("what would blind us is told by exactly one rule; the same of another resource by none", () => {
  test.each(BY_REQUEST)("%s (%s)", (name, service, ours, other) => {
    expect(matching({ service, name, request: ours })).toHaveLength(1);
    expect(matching({ service, name, request: other })).toEqual([]);
    expect(matching({ service, name })).toEqual([]);
  });

  test.each([
    ["DeleteRule", "name", "rules"],
    ["DisableRule", "name", "rules"],
    ["PutRule", "name", "rules"],
    ["RemoveTargets", "rule", "targets"],
    ["PutTargets", "rule", "targets"],
  ])("%s, by two rules that watch each other", (name, key, which) => {
    for (const rule of [`${STACK}-SweepEventsRuleSchedule1-1ABC`, `${STACK}-tamper-rules-a`, `${STACK}-tamper-rules-b`])
      expect(matching({ service: "events", name, request: { [key]: rule } })).toEqual([`${which}-a`, `${which}-b`]);
    expect(matching({ service: "events", name, request: { [key]: "nightly" } })).toEqual([]);
  });

  test.each(["StopLogging", "DeleteTrail", "UpdateTrail", "PutEventSelectors"])(
    "%s, of any trail: which one feeds us nobody knows",
    (name) => {
      expect(matching({ service: "cloudtrail", name, request: { name: "any" } })).toEqual(["trail"]);
      expect(matching({ service: "cloudtrail", name: "StartLogging", request: { name: "any" } })).toEqual([]);
    },
  );

  test.each(["ScheduleKeyDeletion", "DisableKey", "PutKeyPolicy"])("%s of the stack's key", (name) => {
    const on = (ARN: string) => ({ more: { resources: [{ accountId: "111122223333", type: "AWS::KMS::Key", ARN }] } });
    expect(matching({ service: "kms", name, request: { keyId: "0b2f" }, ...on(KEY) })).toEqual(["key"]);
    expect(matching({ service: "kms", name, request: { keyId: "0b2f" }, ...on(KEY.replace("0b2f", "1b2f")) })).toEqual([]);
  });

  test.each(["DeleteEventSourceMapping20150331", "UpdateEventSourceMapping20150331"])("%s: the answer says whose", (name) => {
    const request = { uUID: "0b2f" };
    expect(matching({ service: "lambda", name, request, response: { functionArn } })).toEqual(["mappings"]);
    expect(matching({ service: "lambda", name, request, response: { functionArn: otherArn } })).toEqual([]);
  });

  test("StopTask, UpdateService and DeleteService of Falco in a registered cluster of this account and Region", () => {
    const arnOf = (cluster: string) => `arn:aws:ecs:eu-central-1:111122223333:cluster/${cluster}`;
    const stopped = (cluster: string, group: string) =>
      matching({ service: "ecs", name: "StopTask", request: { task: "0b2f" }, response: { task: { clusterArn: arnOf(cluster), group } } });
    expect(stopped("shop", "service:falco")).toEqual(["sensor-task"]);
    expect(stopped("shop", "service:checkout")).toEqual([]);
    expect(stopped("bookshop", "service:falco")).toEqual([]);
    for (const name of ["UpdateService", "DeleteService"]) {
      const changed = (cluster: string, service: string) => matching({ service: "ecs", name, request: { cluster, service } });
      expect(changed("shop", "falco-daemon")).toEqual(["sensor-service"]);
      expect(changed(arnOf("shop"), "arn:aws:ecs:eu-central-1:111122223333:service/shop/falco")).toEqual(["sensor-service"]);
      expect(changed("shop", "checkout")).toEqual([]);
      expect(changed("elsewhere", "falco")).toEqual([]);
    }
  });
});

describe("a deploy", () => {
  const byCloudFormation = { sourceIPAddress: "cloudformation.amazonaws.com" };

  test("is told as one, not once for each of its changes; the same changes by anybody else are told", () => {
    const call: Call = { service: "lambda", name: "UpdateFunctionCode20150331v2", request: { functionName: FUNCTION } };
    expect(matching({ ...call, more: byCloudFormation })).toEqual([]);
    expect(matching(call)).toEqual(["functions"]);
    expect(matching({ service: "cloudformation", name: "ExecuteChangeSet", request: { stackName: STACK } })).toEqual(["stack"]);
  });

  test("never hides what happens to a trail, or to the stack itself", () => {
    expect(matching({ service: "cloudtrail", name: "StopLogging", request: { name: "any" }, more: byCloudFormation })).toEqual(["trail"]);
    expect(matching({ service: "cloudformation", name: "DeleteStack", request: { stackName: STACK }, more: byCloudFormation })).toEqual([
      "stack",
    ]);
  });
});

describe("the rules", () => {
  test("tell the alarms topic, in words, without a function of ours in between", () => {
    for (const { Type, Properties } of Object.values(tamperRules(plan))) {
      expect(Type).toBe("AWS::Events::Rule");
      const [target, ...others] = Properties["Targets"] as readonly {
        readonly Arn: unknown;
        readonly InputTransformer: { readonly InputPathsMap: object; readonly InputTemplate: unknown };
      }[];
      expect(others).toEqual([]);
      expect(target?.Arn).toEqual({ Ref: "Alarms" });
      const { InputPathsMap = {}, InputTemplate } = target?.InputTransformer ?? {};
      const template = String(resolved(InputTemplate));
      for (const line of template.split("\n")) expect(typeof JSON.parse(line)).toBe("string");
      expect([...template.matchAll(/<(\w+)>/g)].map(([, name]) => name).toSorted()).toEqual(Object.keys(InputPathsMap).toSorted());
      // What the caller wrote is not told: it may be anything.
      expect(JSON.stringify(InputPathsMap)).not.toMatch(/requestParameters|userAgent|responseElements/);
    }
  });

  test("may publish to the topic and use its key", () => {
    const topics = readFileSync("infra/cloudformation/topics.yml", "utf8");
    const { Resources } = parse(topics, { logLevel: "silent", merge: true }) as {
      readonly Resources: Record<string, { readonly Properties: { readonly PolicyDocument: { readonly Statement: readonly object[] } } }>;
    };
    expect(Resources["AlarmsPolicy"]?.Properties.PolicyDocument.Statement).toContainEqual(
      expect.objectContaining({
        Effect: "Allow",
        Principal: { Service: "events.amazonaws.com" },
        Action: "sns:Publish",
        Resource: "Alarms",
      }),
    );
    const key = readFileSync("infra/cloudformation/encryption.yml", "utf8");
    expect(key).toMatch(/Service: events\.amazonaws\.com \}\n\s+Action: \[kms:Decrypt, kms:GenerateDataKey\]/);
  });

  test("cover every log group, however many, each within what EventBridge takes", () => {
    const logGroups = Array.from({ length: 60 }, (_, n) => ({ name: `/falco/${"a-long-name-".repeat(4)}${n}`, create: false }));
    const many = rulesOf({ ...plan, logGroups });
    for (const { name } of logGroups) {
      const event = eventOf({ service: "logs", name: "DeleteLogGroup", request: { logGroupName: name } });
      expect([...many.values()].filter((pattern) => matches(pattern, event))).toHaveLength(1);
    }
    for (const pattern of many.values()) expect(JSON.stringify(pattern).length).toBeLessThanOrEqual(2_048);
  });

  test("have names of their own", () => {
    expect(rules.size).toBe(Object.keys(tamperRules(plan)).length);
  });
});
