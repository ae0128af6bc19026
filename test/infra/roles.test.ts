import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FUNCTIONS, type FunctionKey, roleId } from "../../infra/functions.ts";
import type { DeployPlan } from "../../infra/plan.ts";
import { roleOutputs, roles } from "../../infra/roles.ts";
import { plan } from "./plan.ts";
import { allowed, statementsOf } from "./policy.ts";

const built = roles(plan);
const of = (key: FunctionKey, from: DeployPlan = plan) => statementsOf(roles(from), roleId(key));
const all = FUNCTIONS.flatMap((key) => statementsOf(built, roleId(key)));

/** Rights of every kind of work; docs/permissions.md says why. */
const LEDGER = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"];
const CLAIM = [...LEDGER, "dynamodb:ConditionCheckItem"];
const LANE = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"];
const KEY = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"];
const LOG = ["logs:CreateLogStream", "logs:PutLogEvents"];
/** Of every task: found, seen again, described for evidence. */
const FIND = ["ecs:ListContainerInstances", "ecs:ListTasks"];
const SEE = ["ecs:DescribeServices", "ecs:DescribeTaskDefinition", "ecs:DescribeTasks", "logs:GetLogEvents"];
const CONTAIN_ECS = [
  "application-autoscaling:DescribeScalableTargets",
  "application-autoscaling:RegisterScalableTarget",
  "ecs:DescribeContainerInstances",
  "ecs:GetTaskProtection",
  "ecs:StopTask",
  "ecs:TagResource",
  "ecs:UntagResource",
  "ecs:UpdateContainerInstancesState",
  "ecs:UpdateService",
  "ecs:UpdateTaskProtection",
];
const MACHINES = [
  "ec2:DescribeNetworkInterfaces",
  "ec2:DescribeSecurityGroups",
  "ec2:ModifyNetworkInterfaceAttribute",
  "ecs:DescribeContainerInstances",
  "ecs:ListTasks",
  "ecs:StopTask",
];
const ROLES = ["iam:DeleteRolePolicy", "iam:GetRole", "iam:GetRolePolicy", "iam:PutRolePolicy"];
const VERIFY = [
  "application-autoscaling:DescribeScalableTargets",
  "ec2:DescribeNetworkInterfaces",
  "ecs:DescribeContainerInstances",
  "ecs:DescribeServices",
  "ecs:DescribeTasks",
  "ecs:GetTaskProtection",
  "ecs:ListTasks",
  "iam:GetRolePolicy",
];
const STREAM = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"];
const SECRETS = ["secretsmanager:GetSecretValue", "ssm:GetParameter"];

const expected: Readonly<Record<FunctionKey, readonly string[]>> = {
  ingest: [...LOG, ...KEY, "dynamodb:BatchWriteItem", "s3:ListBucket", "s3:PutObject", "sqs:SendMessage"],
  "respond-ecs": [
    ...LOG,
    ...KEY,
    ...CLAIM,
    ...LANE,
    ...FIND,
    ...SEE,
    ...CONTAIN_ECS,
    "lambda:InvokeFunction",
    "s3:PutObject",
    "sts:AssumeRole",
  ],
  "respond-kubernetes": [...LOG, ...KEY, ...CLAIM, ...LANE, "lambda:InvokeFunction", "s3:PutObject", "secretsmanager:GetSecretValue"],
  "respond-wide": [...LOG, ...KEY, ...CLAIM, ...LANE, ...SEE, ...MACHINES, ...ROLES, "s3:PutObject", "sts:AssumeRole"],
  notify: [...LOG, ...KEY, ...LEDGER, ...STREAM, "sns:Publish", "sqs:SendMessage", "ssm:GetParameter"],
  sweep: [...LOG, ...KEY, ...LEDGER, ...VERIFY, ...SECRETS, "sns:Publish", "sqs:SendMessage", "sts:AssumeRole"],
  operate: [...LOG, ...KEY, ...LEDGER, "sqs:SendMessage"],
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
    expect([...new Set(open.map(({ effect, sid }) => `${effect} ${sid}`))].toSorted()).toEqual([
      "Allow DescribeHasNoResources",
      "Allow ListTasksByServiceNamesNoResource",
      "Deny NeverProtected",
      "Deny NeverTheProtectingTag",
    ]);
    for (const { effect, condition } of open)
      if (effect === "Allow") expect(JSON.stringify(condition)).toMatch(/"aws:RequestedRegion":\["eu-central-1"\]|"ecs:cluster":\[/);

    const traced = FUNCTIONS.flatMap((key) => of(key, { ...plan, deploy: { ...plan.deploy, tracing: true } }));
    const openWhenTraced = traced.filter(({ effect, resources }) => effect === "Allow" && resources.includes("*"));
    const known = open.map(({ sid }) => sid);
    expect(new Set(openWhenTraced.map(({ sid }) => sid).filter((sid) => !known.includes(sid)))).toEqual(new Set(["XRayHasNoResources"]));
  });

  test("a function writes to its own log group only", () => {
    for (const key of FUNCTIONS) {
      const logs = of(key).filter(({ actions }) => actions.some((action) => /^logs:(Create|Put)/.test(action)));
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
    DeleteRolePolicy: ["iam:DeleteRolePolicy"],
    DescribeContainerInstances: ["ecs:DescribeContainerInstances"],
    DescribeNetworkInterfaces: ["ec2:DescribeNetworkInterfaces"],
    DescribeScalableTargets: ["application-autoscaling:DescribeScalableTargets"],
    DescribeSecurityGroups: ["ec2:DescribeSecurityGroups"],
    DescribeServices: ["ecs:DescribeServices"],
    DescribeTaskDefinition: ["ecs:DescribeTaskDefinition"],
    DescribeTasks: ["ecs:DescribeTasks"],
    Get: ["dynamodb:GetItem"],
    GetLogEvents: ["logs:GetLogEvents"],
    GetParameter: ["ssm:GetParameter"],
    GetRole: ["iam:GetRole"],
    GetRolePolicy: ["iam:GetRolePolicy"],
    GetSecretValue: ["secretsmanager:GetSecretValue"],
    GetTaskProtection: ["ecs:GetTaskProtection"],
    Invoke: ["lambda:InvokeFunction"],
    ListContainerInstances: ["ecs:ListContainerInstances"],
    ListTasks: ["ecs:ListTasks"],
    ModifyNetworkInterfaceAttribute: ["ec2:ModifyNetworkInterfaceAttribute"],
    Publish: ["sns:Publish"],
    PutObject: ["s3:PutObject"],
    PutRolePolicy: ["iam:PutRolePolicy"],
    Query: ["dynamodb:Query"],
    RegisterScalableTarget: ["application-autoscaling:RegisterScalableTarget"],
    SendMessage: ["sqs:SendMessage"],
    SendMessageBatch: ["sqs:SendMessage"],
    StopTask: ["ecs:StopTask"],
    TagResource: ["ecs:TagResource"],
    TransactWrite: ["dynamodb:ConditionCheckItem", "dynamodb:PutItem"],
    UntagResource: ["ecs:UntagResource"],
    UpdateContainerInstancesState: ["ecs:UpdateContainerInstancesState"],
    UpdateService: ["ecs:UpdateService"],
    UpdateTaskProtection: ["ecs:UpdateTaskProtection"],
  };
  expect(called.filter((name) => actions[name] === undefined)).toEqual([]);
  const byServices = [...LOG, ...KEY, ...STREAM, "s3:ListBucket", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];
  const needed = new Set([...byServices, ...called.flatMap((name) => actions[name] ?? [])]);
  expect([...new Set(FUNCTIONS.flatMap((key) => allowed(of(key))))].toSorted()).toEqual([...needed].toSorted());
});

const ecs = (kind: string): string => JSON.stringify({ "Fn::Sub": `arn:\${AWS::Partition}:ecs:eu-central-1:111122223333:${kind}/shop/*` });
const SHOP = { "Fn::Sub": `arn:\${AWS::Partition}:ecs:eu-central-1:111122223333:cluster/shop` };

describe("acting on ECS", () => {
  test("only the responders of ECS may, only in the registered clusters of this account, never on what is protected", () => {
    expect(FUNCTIONS.filter((key) => allowed(of(key)).includes("ecs:StopTask"))).toEqual(["respond-ecs", "respond-wide"]);
    for (const key of ["respond-ecs", "respond-wide"] as const) {
      expect(of(key).filter(({ actions }) => actions.includes("ecs:StopTask"))).toEqual([
        expect.objectContaining({
          effect: "Allow",
          resources: ["container-instance", "service", "task"].map(ecs),
          condition: { ArnEquals: { "ecs:cluster": [SHOP] } },
        }),
        expect.objectContaining({
          effect: "Deny",
          resources: ["*"],
          actions: expect.arrayContaining([
            "ecs:StopTask",
            "ecs:TagResource",
            "ecs:UntagResource",
            "ecs:UpdateContainerInstancesState",
            "ecs:UpdateService",
            "ecs:UpdateTaskProtection",
          ]),
          condition: { StringEquals: { "aws:ResourceTag/falco-responder/protected": "true" } },
        }),
      ]);
    }
  });

  test("the protecting tag itself is nobody's to put or to take away", () => {
    const tagging = of("respond-ecs").filter(({ actions }) => actions.includes("ecs:UntagResource"));
    expect(tagging).toEqual([
      expect.objectContaining({ effect: "Allow", resources: [ecs("task")], condition: null }),
      expect.objectContaining({ effect: "Deny", sid: "NeverProtected" }),
      expect.objectContaining({
        effect: "Deny",
        resources: ["*"],
        condition: { "ForAnyValue:StringEquals": { "aws:TagKeys": ["falco-responder/protected"] } },
      }),
    ]);
  });

  test("without an ECS cluster of its own no role has a right on what belongs to ECS; functions of the policy are invoked all the same", () => {
    const clusters = plan.registry.clusters.filter(({ name }) => name !== "shop");
    const without = { ...plan, registry: { ...plan.registry, clusters } };
    const rights = FUNCTIONS.flatMap((key) => allowed(of(key, without)));
    expect(rights.filter((action) => /^(ecs|ec2|iam|application-autoscaling):|^logs:Get/.test(action))).toEqual([]);
    expect(rights).toContain("lambda:InvokeFunction");
  });
});

describe("what must be listed to be touched", () => {
  const only = (key: FunctionKey, action: string, from: DeployPlan = plan) =>
    of(key, from).filter(({ actions, effect }) => effect === "Allow" && actions.includes(action));
  const bare: DeployPlan = {
    ...plan,
    userFunctions: [],
    registry: {
      ...plan.registry,
      clusters: plan.registry.clusters.map(({ taskRoles: _roles, taskLogGroups: _groups, ...cluster }) => cluster),
    },
  };

  test("only listed task roles are changed, by respond-wide alone, and never a role of ours", () => {
    expect(FUNCTIONS.filter((key) => allowed(of(key)).includes("iam:PutRolePolicy"))).toEqual(["respond-wide"]);
    expect(only("respond-wide", "iam:PutRolePolicy").flatMap(({ resources }) => resources)).toEqual([
      JSON.stringify({ "Fn::Sub": `arn:\${AWS::Partition}:iam::111122223333:role/shop-*` }),
    ]);
    expect(of("respond-wide").filter(({ sid }) => sid === "NeverOwnRoles")).toEqual([
      expect.objectContaining({
        effect: "Deny",
        actions: ["iam:DeleteRolePolicy", "iam:PutRolePolicy"],
        resources: [`\${AWS::StackName}-*`, "falco-responder*"].map((name) =>
          JSON.stringify({ "Fn::Sub": `arn:\${AWS::Partition}:iam::\${AWS::AccountId}:role/${name}` }),
        ),
        condition: null,
      }),
    ]);
  });

  test("only listed log groups are read, and only functions that the policy names are invoked", () => {
    expect(only("respond-ecs", "logs:GetLogEvents").flatMap(({ resources }) => resources)).toEqual([
      JSON.stringify({ "Fn::Sub": `arn:\${AWS::Partition}:logs:eu-central-1:111122223333:log-group:/ecs/shop*:log-stream:*` }),
    ]);
    for (const key of ["respond-ecs", "respond-kubernetes"] as const)
      expect(only(key, "lambda:InvokeFunction").flatMap(({ resources }) => resources)).toEqual(plan.userFunctions);
  });

  test("where nothing is listed there is no statement; the rights on tasks stay", () => {
    const rights = FUNCTIONS.flatMap((key) => allowed(of(key, bare)));
    expect(rights.filter((action) => /^iam:|^lambda:|^logs:Get/.test(action))).toEqual([]);
    expect(rights).toContain("ecs:StopTask");
    expect(of("respond-wide", bare).map(({ sid }) => sid)).not.toContain("NeverOwnRoles");
  });
});

test("more clusters than a role has room for are refused when packaging, with what to do; some fewer are not", () => {
  const [shop] = plan.registry.clusters;
  if (shop === undefined) throw new Error("no cluster");
  const many = (count: number): DeployPlan => ({
    ...plan,
    registry: {
      ...plan.registry,
      clusters: Array.from({ length: count }, (_, at) => ({ ...shop, name: `c${at}`, awsName: `production-${at}` })),
    },
  });
  expect(() => roles(many(60))).toThrow(/role of respond-ecs would need \d+ characters, and IAM takes 10240/);
  expect(() => roles(many(12))).not.toThrow();
});

describe("other accounts and secrets", () => {
  test("a role is assumed only if the registry names it, and only by who needs it", () => {
    const roleArns = (key: FunctionKey) =>
      of(key).flatMap(({ actions, resources }) => (actions.includes("sts:AssumeRole") ? resources : []));
    const assuming = ["respond-ecs", "respond-wide", "sweep"] as const;
    for (const key of FUNCTIONS)
      expect(roleArns(key)).toEqual(assuming.some((one) => one === key) ? ["arn:aws:iam::444455556666:role/security/falco-responder"] : []);
    expect(Object.keys(roleOutputs(plan))).toEqual(["RespondEcsRoleArn", "RespondWideRoleArn", "SweepRoleArn"]);
  });

  test("a secret is read by its name, by the functions that use it", () => {
    const readers = (part: string) =>
      FUNCTIONS.filter((key) => of(key).some(({ resources }) => resources.some((arn) => arn.includes(part))));
    expect(readers(":parameter/falco-responder/slack")).toEqual(["notify", "sweep"]);
    expect(readers(":secret:falco/kube-token-??????")).toEqual(["respond-kubernetes", "sweep"]);
  });
});
