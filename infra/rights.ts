import { arn, att, type FunctionKey, ref, sub, type Value } from "./functions.ts";

/** One statement of a policy. Every `Resource: "*"` says in `Sid` why nothing narrower exists; a test has the list. */
export type Statement = { readonly [key: string]: Value };

/** Characters of all inline policies of a role, white space not counted: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const INLINE_MAX = 10_240;

/** The one inline policy of a role. Throws when IAM would not take it: in the middle of a deploy it would say so in no words of ours. */
export function inline(statements: readonly Statement[], whose: string): Value {
  const document = { Version: "2012-10-17", Statement: statements };
  const length = JSON.stringify(document).replaceAll(/\{"Fn::Sub":("[^"]*")\}/g, "$1").length;
  if (length <= INLINE_MAX) return document;
  throw new Error(
    `${whose} would need ${length} characters, and IAM takes ${INLINE_MAX}: give some clusters a role of their own (docs/permissions.md, "Another account's cluster"; it works in this account too)`,
  );
}

const allow = (sid: string, actions: readonly string[], resource: Value, condition?: Value): Statement => ({
  Sid: sid,
  Effect: "Allow",
  Action: actions,
  Resource: resource,
  ...(condition === undefined ? {} : { Condition: condition }),
});

/** CreateLogGroup is not among them: the groups are declared. */
export const ownLog = (key: FunctionKey): Statement =>
  allow("OwnLog", ["logs:CreateLogStream", "logs:PutLogEvents"], arn("logs", `log-group:/aws/lambda/\${AWS::StackName}-${key}:*`));

/** X-Ray has no resource to name: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html */
export const trace: Statement = allow("XRayHasNoResources", ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*");

/**
 * The stack's key, only through the services that hold our data. `writes`: the caller also makes data keys.
 * DynamoDB asks the caller for all of these: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
 */
export const useKey = (services: readonly string[]): Statement =>
  allow(
    "KeyThroughServices",
    ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"],
    att("Key", "Arn"),
    { StringEquals: { "kms:ViaService": services.map((service) => sub(`${service}.\${AWS::Region}.amazonaws.com`)) } },
  );

/** Counts and arrivals only: who reads the shipper's text can neither read the ledger nor touch an incident, claim or switch. */
export const count: Statement = allow("CountAlertsAndArrivals", ["dynamodb:BatchWriteItem"], att("Ledger", "Arn"), {
  "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["ARRIVED#*", "COUNT#*"] },
  Null: { "dynamodb:LeadingKeys": "false" },
});

/** Of what arrived, what was compared, and what is told of it: refetch can neither read nor write an incident, claim or switch. */
export const keepDelivery: Statement = allow(
  "KeepDelivery",
  ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"],
  att("Ledger", "Arn"),
  {
    "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["ARRIVED#*", "DELIVERY#*", "NOTICE#*"] },
    Null: { "dynamodb:LeadingKeys": "false" },
  },
);

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html */
export const listEvents = (groups: readonly string[]): readonly Statement[] =>
  groups.length === 0
    ? []
    : [
        allow(
          "ListEventsOfRegisteredGroups",
          ["logs:FilterLogEvents"],
          groups.map((group) => arn("logs", `log-group:${group}:*`)),
        ),
      ];

/** CloudWatch has no resource for reading metrics: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html */
export const countReceived = (region: string): Statement =>
  allow("MetricsHaveNoResources", ["cloudwatch:GetMetricData"], "*", { StringEquals: { "aws:RequestedRegion": [region] } });

/** Transactions are authorised as the writes in them. Nothing is ever deleted (TTL does that), and no right scans. */
const ledger = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"];
export const keepLedger: Statement = allow("KeepLedger", ledger, att("Ledger", "Arn"));
/** A claim checks the kill switch beside what it writes. */
export const claimInLedger: Statement = allow("ClaimInLedger", ["dynamodb:ConditionCheckItem", ...ledger], att("Ledger", "Arn"));
/** By the items' partition: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html */
const inPartitions = (...keys: readonly string[]): Value => ({
  "ForAllValues:StringLike": { "dynamodb:LeadingKeys": keys },
  Null: { "dynamodb:LeadingKeys": "false" },
});
export const readIncidents: Statement = allow(
  "ReadIncidents",
  ["dynamodb:GetItem", "dynamodb:Query"],
  att("Ledger", "Arn"),
  inPartitions("INCIDENT#*", "CLAIM#*"),
);
/** People's decisions, and which signed requests were taken. */
export const decideInLedger: Statement = allow(
  "DecideInLedger",
  ["dynamodb:PutItem"],
  att("Ledger", "Arn"),
  inPartitions("INCIDENT#*", "SLACK#*"),
);
/** The items of the kill switch and of mutes are people's, by operate: no function that reads what attackers write may set them, whatever its code does. */
export const neverTheSwitch: Statement = {
  Sid: "NeverTheSwitch",
  Effect: "Deny",
  Action: ["dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
  Resource: att("Ledger", "Arn"),
  Condition: { "ForAnyValue:StringEquals": { "dynamodb:LeadingKeys": ["MUTE", "SWITCH"] } },
};
/** One parameter by its name; nobody of ours may write it. */
export const readSwitch = (name: string): Statement =>
  allow("ReadSwitch", ["ssm:GetParameter"], arn("ssm", `parameter/${name.replace(/^\//, "")}`));
export const findDue: Statement = allow("FindDue", ["dynamodb:Query"], sub(`\${Ledger.Arn}/index/due`));
export const readStream: Statement = allow(
  "WokenByStream",
  ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
  att("Ledger", "StreamArn"),
);
/** The service asks for it and has no resource for it: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html */
export const listStreams: Statement = allow("WokenByStreamList", ["dynamodb:ListStreams"], sub(`\${Ledger.Arn}/stream/*`));

export const send = (...queues: readonly string[]): Statement =>
  allow(
    "Send",
    ["sqs:SendMessage"],
    queues.map((queue) => att(queue, "Arn")),
  );
export const receive = (queue: string): Statement =>
  allow("Receive", ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"], att(queue, "Arn"));

/** Records of the ledger's index: audit can neither read nor touch an incident, a claim or the switch. */
export const indexRecord: Statement = allow(
  "IndexOfTheRecord",
  ["dynamodb:BatchWriteItem", "dynamodb:GetItem", "dynamodb:Query"],
  att("Ledger", "Arn"),
  {
    "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["AUDIT#*"] },
    Null: { "dynamodb:LeadingKeys": "false" },
  },
);
/** Sweep keeps what the stream lost, and its index. */
export const indexMissing: Statement = allow("IndexOfTheRecord", ["dynamodb:BatchWriteItem"], att("Ledger", "Arn"), {
  "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["AUDIT#*"] },
  Null: { "dynamodb:LeadingKeys": "false" },
});
/** To say which objects are still what they were. Nothing lists them. */
export const readKept = (...buckets: readonly string[]): Statement =>
  allow(
    "ReadWhatWasKept",
    ["s3:GetObject"],
    buckets.map((bucket) => sub(`\${${bucket}.Arn}/*`)),
  );

export const put = (bucket: string): Statement => allow(`Keep${bucket}`, ["s3:PutObject"], sub(`\${${bucket}.Arn}/*`));
/** An on-failure destination on S3 is written with the function's role: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html */
export const failedTo = (bucket: string): Statement => allow("FailedBatchesNeedList", ["s3:ListBucket"], att(bucket, "Arn"));

export const publish = (topics: readonly Value[]): Statement => allow("Publish", ["sns:Publish"], topics);
export const putEvents = (buses: readonly Value[]): readonly Statement[] =>
  buses.length > 0 ? [allow("PutEvents", ["events:PutEvents"], buses)] : [];
export const ownTopic: Value = ref("Notifications");

/** Secrets by name only. Secrets Manager adds six characters to a secret's ARN. */
export function readSecrets(references: readonly string[]): readonly Statement[] {
  const names = [...new Set(references)].map(split);
  const parameters = names.filter(({ store }) => store === "ssm").map(({ name }) => arn("ssm", `parameter/${name.replace(/^\//, "")}`));
  const secrets = names
    .filter(({ store }) => store === "secretsmanager")
    .map(({ name }) => (name.startsWith("arn:") ? name : arn("secretsmanager", `secret:${name}-??????`)));
  return [
    ...(parameters.length > 0 ? [allow("ReadParameters", ["ssm:GetParameter"], parameters)] : []),
    ...(secrets.length > 0 ? [allow("ReadSecrets", ["secretsmanager:GetSecretValue"], secrets)] : []),
  ];
}

function split(reference: string): { readonly store: "ssm" | "secretsmanager"; readonly name: string } {
  if (reference.startsWith("ssm:")) return { store: "ssm", name: reference.slice("ssm:".length) };
  return { store: "secretsmanager", name: reference.replace(/^secretsmanager:/, "") };
}

export const ASSUMES = "OnlyConfiguredRoles";
export const assume = (roles: readonly string[]): readonly Statement[] =>
  roles.length > 0 ? [allow(ASSUMES, ["sts:AssumeRole"], [...new Set(roles)])] : [];
