import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FUNCTIONS, type FunctionKey, roleId } from "../../infra/functions.ts";
import type { DeployPlan } from "../../infra/plan.ts";
import { roles } from "../../infra/roles.ts";
import { plan } from "./plan.ts";
import { allowed, statementsOf } from "./policy.ts";

const built = roles(plan);
const of = (key: FunctionKey, from: DeployPlan = plan) => statementsOf(roles(from), roleId(key));
const all = FUNCTIONS.flatMap((key) => statementsOf(built, roleId(key)));

/** Rights of every kind of work; docs/permissions.md says why. */
const LEDGER = ["dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"];
const LANE = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"];
const KEY = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"];
const LOG = ["logs:CreateLogStream", "logs:PutLogEvents"];
const LOOK_AT_ECS = ["ecs:DescribeServices", "ecs:DescribeTasks", "ecs:ListContainerInstances", "ecs:ListTasks"];
const STREAM = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"];
const SECRETS = ["secretsmanager:GetSecretValue", "ssm:GetParameter"];

const expected: Readonly<Record<FunctionKey, readonly string[]>> = {
  ingest: [...LOG, ...KEY, "dynamodb:BatchWriteItem", "s3:ListBucket", "s3:PutObject", "sqs:SendMessage"],
  "respond-ecs": [...LOG, ...KEY, ...LEDGER, ...LANE, ...LOOK_AT_ECS, "ecs:StopTask", "s3:PutObject", "sts:AssumeRole"],
  "respond-kubernetes": [...LOG, ...KEY, ...LEDGER, ...LANE, "s3:PutObject", "secretsmanager:GetSecretValue"],
  notify: [...LOG, ...KEY, ...LEDGER, ...STREAM, "sns:Publish", "sqs:SendMessage", "ssm:GetParameter"],
  sweep: [...LOG, ...KEY, ...LEDGER, ...LOOK_AT_ECS, ...SECRETS, "sns:Publish", "sts:AssumeRole"],
};

describe("each function has a role of its own, with exactly the rights of its work", () => {
  test.each(FUNCTIONS)("%s", (key) => {
    expect([...new Set(allowed(of(key)))].sort()).toEqual([...new Set(expected[key])].sort());
  });

  test("only Lambda may take the roles", () => {
    expect(Object.keys(built).sort()).toEqual(FUNCTIONS.map(roleId).sort());
    for (const { Properties } of Object.values(built)) {
      expect(JSON.stringify(Properties["AssumeRolePolicyDocument"])).toContain('"Principal":{"Service":"lambda.amazonaws.com"}');
    }
  });

  test("no right is granted by a wildcard in its name", () => {
    expect(all.flatMap(({ actions }) => actions).filter((action) => action.includes("*"))).toEqual([]);
  });

  test("a statement on every resource is a denial, or one whose service has no resources", () => {
    const open = all.filter(({ resources }) => resources.includes("*"));
    expect(open.map(({ effect, sid }) => `${effect} ${sid}`)).toEqual(["Deny NeverProtectedTasks"]);

    const traced = FUNCTIONS.flatMap((key) => of(key, { ...plan, deploy: { ...plan.deploy, tracing: true } }));
    const openWhenTraced = traced.filter(({ effect, resources }) => effect === "Allow" && resources.includes("*"));
    expect(new Set(openWhenTraced.map(({ sid }) => sid))).toEqual(new Set(["XRayHasNoResources"]));
  });

  test("a function writes to its own log group only", () => {
    for (const key of FUNCTIONS) {
      const logs = of(key).filter(({ actions }) => actions.some((action) => action.startsWith("logs:")));
      expect(logs.flatMap(({ resources }) => resources)).toEqual([
        expect.stringContaining(`log-group:/aws/lambda/\${AWS::StackName}-${key}:*`),
      ]);
    }
  });

  test("ingest writes counts and nothing else to the ledger", () => {
    const [statement, ...others] = of("ingest").filter(({ actions }) => actions.some((action) => action.startsWith("dynamodb:")));
    expect(others).toEqual([]);
    expect(statement?.condition).toEqual({
      "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["COUNT#*"] },
      // Without it a request that names no key would satisfy ForAllValues.
      Null: { "dynamodb:LeadingKeys": "false" },
    });
  });

  test("the key is used only through the services that hold our data", () => {
    for (const statement of all.filter(({ actions }) => actions.some((action) => action.startsWith("kms:")))) {
      expect(JSON.stringify(statement.condition)).toContain("kms:ViaService");
    }
  });
});

test("every AWS call of the adapters is granted, and nothing is granted that neither they nor the services behind the functions call", () => {
  const called = readdirSync("shared/adapters").flatMap((file) =>
    [...readFileSync(join("shared/adapters", file), "utf8").matchAll(/new (\w+)Command\(/g)].map(([, name]) => name ?? ""),
  );
  // Not one to one: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
  const actions: Readonly<Record<string, readonly string[]>> = {
    AssumeRole: ["sts:AssumeRole"],
    BatchWrite: ["dynamodb:BatchWriteItem"],
    ChangeMessageVisibility: ["sqs:ChangeMessageVisibility"],
    DescribeServices: ["ecs:DescribeServices"],
    DescribeTasks: ["ecs:DescribeTasks"],
    Get: ["dynamodb:GetItem"],
    GetParameter: ["ssm:GetParameter"],
    GetSecretValue: ["secretsmanager:GetSecretValue"],
    ListContainerInstances: ["ecs:ListContainerInstances"],
    ListTasks: ["ecs:ListTasks"],
    Publish: ["sns:Publish"],
    PutObject: ["s3:PutObject"],
    Query: ["dynamodb:Query"],
    SendMessage: ["sqs:SendMessage"],
    SendMessageBatch: ["sqs:SendMessage"],
    StopTask: ["ecs:StopTask"],
    TransactWrite: ["dynamodb:ConditionCheckItem", "dynamodb:PutItem"],
  };
  expect(called.filter((name) => actions[name] === undefined)).toEqual([]);
  const byServices = [...LOG, ...KEY, ...STREAM, "s3:ListBucket", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];
  const needed = new Set([...byServices, ...called.flatMap((name) => actions[name] ?? [])]);
  expect([...new Set(FUNCTIONS.flatMap((key) => allowed(of(key))))].toSorted()).toEqual([...needed].toSorted());
});

describe("stopping tasks", () => {
  test("only respond-ecs may, only in the registered clusters of this account, never a protected task", () => {
    expect(FUNCTIONS.filter((key) => allowed(of(key)).includes("ecs:StopTask"))).toEqual(["respond-ecs"]);
    const stop = of("respond-ecs").filter(({ actions }) => actions.includes("ecs:StopTask"));
    expect(stop).toEqual([
      expect.objectContaining({
        effect: "Allow",
        resources: [JSON.stringify({ "Fn::Sub": `arn:\${AWS::Partition}:ecs:eu-central-1:111122223333:task/shop/*` })],
        condition: { ArnEquals: { "ecs:cluster": [{ "Fn::Sub": `arn:\${AWS::Partition}:ecs:eu-central-1:111122223333:cluster/shop` }] } },
      }),
      expect.objectContaining({
        effect: "Deny",
        resources: ["*"],
        condition: { StringEquals: { "aws:ResourceTag/falco-responder/protected": "true" } },
      }),
    ]);
  });

  test("without an ECS cluster of its own no role has a right on ECS", () => {
    const clusters = plan.registry.clusters.filter(({ name }) => name !== "shop");
    const without = { ...plan, registry: { ...plan.registry, clusters } };
    expect(FUNCTIONS.flatMap((key) => allowed(of(key, without))).filter((action) => action.startsWith("ecs:"))).toEqual([]);
  });
});

describe("other accounts and secrets", () => {
  test("a role is assumed only if the registry names it, and only by who needs it", () => {
    const roleArns = (key: FunctionKey) =>
      of(key).flatMap(({ actions, resources }) => (actions.includes("sts:AssumeRole") ? resources : []));
    expect(roleArns("respond-ecs")).toEqual(["arn:aws:iam::444455556666:role/falco-responder"]);
    expect(roleArns("sweep")).toEqual(["arn:aws:iam::444455556666:role/falco-responder"]);
    for (const key of ["ingest", "respond-kubernetes", "notify"] as const) expect(roleArns(key)).toEqual([]);
  });

  test("a secret is read by its name, by the functions that use it", () => {
    const readers = (part: string) =>
      FUNCTIONS.filter((key) => of(key).some(({ resources }) => resources.some((arn) => arn.includes(part))));
    expect(readers(":parameter/falco-responder/slack")).toEqual(["notify", "sweep"]);
    expect(readers(":secret:falco/kube-token-??????")).toEqual(["respond-kubernetes", "sweep"]);
  });
});
