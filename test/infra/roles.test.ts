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
  "ec2:DescribeInstances",
  "ec2:DescribeNetworkInterfaces",
  "ecs:DescribeContainerInstances",
  "ecs:DescribeServices",
  "ecs:DescribeTasks",
  "ecs:GetTaskProtection",
  "ecs:ListContainerInstances",
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
    "ssm:GetParameter",
    "sts:AssumeRole",
  ],
  "respond-kubernetes": [
    ...LOG,
    ...KEY,
    ...CLAIM,
    ...LANE,
    ...SECRETS,
    "eks:DescribeCluster",
    "lambda:InvokeFunction",
    "s3:PutObject",
    "sts:AssumeRole",
  ],
  "respond-wide": [...LOG, ...KEY, ...CLAIM, ...LANE, ...SEE, ...MACHINES, ...ROLES, "s3:PutObject", "ssm:GetParameter", "sts:AssumeRole"],
  notify: [...LOG, ...KEY, ...LEDGER, ...STREAM, "events:PutEvents", "sns:Publish", "sqs:SendMessage", "ssm:GetParameter"],
  sweep: [
    ...LOG,
    ...KEY,
    ...LEDGER,
    ...VERIFY,
    ...SECRETS,
    "dynamodb:BatchWriteItem",
    "eks:DescribeCluster",
    "events:PutEvents",
    "s3:PutObject",
    "sns:Publish",
    "sqs:SendMessage",
    "sts:AssumeRole",
  ],
  refetch: [
    ...LOG,
    ...KEY,
    ...LEDGER,
    "cloudwatch:GetMetricData",
    "dynamodb:BatchWriteItem",
    "logs:FilterLogEvents",
    "s3:PutObject",
    "sqs:SendMessage",
  ],
  operate: [...LOG, ...KEY, ...LEDGER, "s3:GetObject", "sqs:SendMessage", "ssm:GetParameter"],
  audit: [...LOG, ...KEY, ...STREAM, "dynamodb:BatchWriteItem", "dynamodb:GetItem", "dynamodb:Query", "s3:PutObject", "sqs:SendMessage"],
  chatops: [...LOG, ...KEY, ...LEDGER, "secretsmanager:GetSecretValue", "sqs:SendMessage"],
};

describe("each function has a role of its own, with exactly the rights of its work", () => {
  test.each(FUNCTIONS)("%s", (key) => {
    expect([...new Set(allowed(of(key)))].sort()).toEqual([...new Set(expected[key])].sort());
  });

  test("a bus may be put on by who sends, and only when there is one; a bot's token is read by its name", () => {
    const bot = { name: "bot", kind: "slack-bot", botTokenSecret: "ssm:/falco/bot", channelId: "C0123456789" } as const;
    const { channels, system } = plan.registry.notifications;
    const withChannels = (some: typeof channels) => ({
      ...plan,
      registry: { ...plan.registry, notifications: { channels: some, system } },
    });
    const quiet = withChannels(channels.filter(({ kind }) => kind !== "bus"));
    for (const key of FUNCTIONS) {
      const sends = key === "notify" || key === "sweep";
      expect(allowed(of(key)).includes("events:PutEvents")).toBe(sends);
      expect(allowed(of(key, quiet))).not.toContain("events:PutEvents");
      expect(JSON.stringify(of(key, withChannels([bot]))).includes("parameter/falco/bot")).toBe(sends);
    }
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
      "Allow MetricsHaveNoResources",
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
      "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["ARRIVED#*", "COUNT#*"] },
      // Without it a request that names no key would satisfy ForAllValues.
      Null: { "dynamodb:LeadingKeys": "false" },
    });
  });

  test("audit touches nothing of the ledger but the index of the record, and sweep adds to that index only", () => {
    const own = {
      "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["AUDIT#*"] },
      Null: { "dynamodb:LeadingKeys": "false" },
    };
    const onItems = (key: FunctionKey) =>
      of(key).filter(
        ({ effect, actions }) =>
          effect === "Allow" && actions.some((action) => /^dynamodb:(BatchWriteItem|GetItem|PutItem|Query)$/.test(action)),
      );
    expect(onItems("audit").map(({ condition }) => condition)).toEqual([own]);
    expect(onItems("sweep").filter(({ actions }) => actions.includes("dynamodb:BatchWriteItem"))).toMatchObject([{ condition: own }]);
  });

  test("the record of proof is written by audit and sweep alone, and read by operate alone; nobody deletes, lists or unlocks anything", () => {
    const may = (action: string) =>
      FUNCTIONS.filter((key) =>
        of(key).some(({ actions, resources }) => actions.includes(action) && JSON.stringify(resources).includes("Audit.Arn")),
      );
    expect(may("s3:PutObject")).toEqual(["sweep", "audit"]);
    expect(may("s3:GetObject")).toEqual(["operate"]);
    expect(all.flatMap(({ actions }) => actions).filter((action) => /^s3:(?!PutObject$|GetObject$|ListBucket$)/.test(action))).toEqual([]);
  });

  test("chatops, which everybody may call, reads incidents and claims and writes decisions: no claim, budget or switch", () => {
    const ofLedger = of("chatops").filter(
      ({ effect, actions }) => effect === "Allow" && actions.some((action) => action.startsWith("dynamodb:")),
    );
    expect(ofLedger.map(({ actions, condition }) => [actions, condition])).toEqual([
      [
        ["dynamodb:GetItem", "dynamodb:Query"],
        { "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["INCIDENT#*", "CLAIM#*"] }, Null: { "dynamodb:LeadingKeys": "false" } },
      ],
      [
        ["dynamodb:PutItem"],
        { "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["INCIDENT#*", "SLACK#*"] }, Null: { "dynamodb:LeadingKeys": "false" } },
      ],
    ]);
    expect(of("chatops").filter(({ actions }) => actions.includes("secretsmanager:GetSecretValue"))).toEqual([
      expect.objectContaining({ resources: [expect.stringContaining("secret:falco-responder/slack-signing-??????")] }),
    ]);
  });

  test("without a Slack app there is no role for it", () => {
    const { slackApp: _app, ...registry } = plan.registry;
    expect(Object.keys(roles({ ...plan, registry }))).toEqual(Object.keys(built).filter((id) => id !== roleId("chatops")));
  });

  test("the kill switch: its parameter is read by who acts, looks or is asked, and written by nobody; its item is set by people alone", () => {
    const parameter = `parameter/falco-responder/dev/switch`;
    const readers = FUNCTIONS.filter((key) => of(key).some(({ resources }) => resources.some((arn) => arn.includes(parameter))));
    expect(readers).toEqual(["respond-ecs", "respond-kubernetes", "respond-wide", "sweep", "operate"]);
    expect(all.flatMap(({ actions }) => actions)).not.toContain("ssm:PutParameter");
    const writers = FUNCTIONS.filter((key) =>
      of(key).some(({ effect, actions, condition }) => effect === "Allow" && condition === null && actions.includes("dynamodb:PutItem")),
    );
    const denied = FUNCTIONS.filter((key) => of(key).some(({ effect, sid }) => effect === "Deny" && sid === "NeverTheSwitch"));
    expect(writers.filter((key) => !denied.includes(key))).toEqual(["operate"]);
    expect(of("sweep").find(({ sid }) => sid === "NeverTheSwitch")).toMatchObject({
      actions: expect.arrayContaining(["dynamodb:PutItem"]),
      condition: { "ForAnyValue:StringEquals": { "dynamodb:LeadingKeys": ["MUTE", "SWITCH"] } },
    });
  });

  test("the key is used only through the services that hold our data", () => {
    for (const statement of all.filter(({ actions }) => actions.some((action) => action.startsWith("kms:")))) {
      expect(JSON.stringify(statement.condition)).toContain("kms:ViaService");
    }
  });
});

test("every AWS call of the adapters is granted, and nothing is granted that neither they nor the services behind the functions call", () => {
  const sources = readdirSync("shared/adapters", { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  const called = sources.flatMap((file) =>
    [...readFileSync(join("shared/adapters", file), "utf8").matchAll(/new (\w+)Command\(/g)].map(([, name]) => name ?? ""),
  );
  // Not one to one: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
  const actions: Readonly<Record<string, readonly string[]>> = {
    AssumeRole: ["sts:AssumeRole"],
    BatchWrite: ["dynamodb:BatchWriteItem"],
    ChangeMessageVisibility: ["sqs:ChangeMessageVisibility"],
    DeleteRolePolicy: ["iam:DeleteRolePolicy"],
    DescribeCluster: ["eks:DescribeCluster"],
    DescribeInstances: ["ec2:DescribeInstances"],
    FilterLogEvents: ["logs:FilterLogEvents"],
    GetMetricData: ["cloudwatch:GetMetricData"],
    DescribeContainerInstances: ["ecs:DescribeContainerInstances"],
    DescribeNetworkInterfaces: ["ec2:DescribeNetworkInterfaces"],
    DescribeScalableTargets: ["application-autoscaling:DescribeScalableTargets"],
    DescribeSecurityGroups: ["ec2:DescribeSecurityGroups"],
    DescribeServices: ["ecs:DescribeServices"],
    DescribeTaskDefinition: ["ecs:DescribeTaskDefinition"],
    DescribeTasks: ["ecs:DescribeTasks"],
    Get: ["dynamodb:GetItem"],
    GetObject: ["s3:GetObject"],
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
    PutEvents: ["events:PutEvents"],
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
  const rolesOf = (key: FunctionKey, from: DeployPlan = plan) =>
    of(key, from).flatMap(({ actions, resources }) => (actions.includes("sts:AssumeRole") ? resources : []));
  const ECS_ROLE = "arn:aws:iam::444455556666:role/security/falco-responder";
  const EKS_ROLE = "arn:aws:iam::444455556666:role/security/falco-responder-eks";

  test("a role is assumed only if the registry names it, and only by who needs it", () => {
    const takes: Partial<Readonly<Record<FunctionKey, readonly string[]>>> = {
      "respond-ecs": [ECS_ROLE],
      "respond-kubernetes": [EKS_ROLE],
      "respond-wide": [ECS_ROLE],
      sweep: [ECS_ROLE, EKS_ROLE],
    };
    for (const key of FUNCTIONS) expect(rolesOf(key)).toEqual(takes[key] ?? []);
  });

  test("the roles that others must name are outputs; where nobody has to, they are not", () => {
    const KUBERNETES = ["RespondKubernetesRoleArn", "SweepRoleArn"];
    const outputs = (...names: readonly string[]) => {
      const clusters = plan.registry.clusters.filter(({ name }) => names.includes(name));
      return Object.keys(roleOutputs({ ...plan, registry: { ...plan.registry, clusters } }));
    };
    expect(Object.keys(roleOutputs(plan))).toEqual(["RespondEcsRoleArn", "RespondKubernetesRoleArn", "RespondWideRoleArn", "SweepRoleArn"]);
    expect(outputs("elsewhere")).toEqual(["RespondEcsRoleArn", "RespondWideRoleArn", "SweepRoleArn"]);
    for (const name of ["orders", "orders-elsewhere", "by-authenticator"]) expect(outputs(name), name).toEqual(KUBERNETES);
    expect(outputs("shop", "kube", "by-certificate", "by-kubeconfig")).toEqual([]);
  });

  test("a secret is read by its name, by the functions that use it, whatever way of access it is for", () => {
    const readers = (part: string) =>
      FUNCTIONS.filter((key) => of(key).some(({ resources }) => resources.some((arn) => arn.includes(part))));
    expect(readers(":parameter/falco-responder/slack")).toEqual(["notify", "sweep"]);
    for (const secret of [":secret:falco/kube-token-??????", ":parameter/falco/kube-certificate", ":secret:falco/kubeconfig-??????"])
      expect(readers(secret), secret).toEqual(["respond-kubernetes", "sweep"]);
  });

  test("EKS is asked only about registered clusters that are reached with the function's own role", () => {
    for (const key of FUNCTIONS) {
      const asked = of(key).flatMap(({ actions, resources }) => (actions.includes("eks:DescribeCluster") ? resources : []));
      const orders = JSON.stringify({ "Fn::Sub": `arn:\${AWS::Partition}:eks:eu-central-1:111122223333:cluster/orders-prod` });
      expect(asked, key).toEqual(["respond-kubernetes", "sweep"].includes(key) ? [orders] : []);
    }
    const clusters = plan.registry.clusters.filter(({ name }) => name !== "orders");
    expect(FUNCTIONS.flatMap((key) => allowed(of(key, { ...plan, registry: { ...plan.registry, clusters } })))).not.toContain(
      "eks:DescribeCluster",
    );
  });
});

describe("in a VPC", () => {
  const vpc = { subnetIds: ["subnet-0a1b2c3d"], securityGroupIds: ["sg-0a1b2c3d"] };
  const within: DeployPlan = { ...plan, deploy: { ...plan.deploy, vpc } };
  const INTERFACES = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:UnassignPrivateIpAddresses",
  ];

  test("only the functions that ask API servers get rights on interfaces, and without a VPC nobody does", () => {
    const having = (from: DeployPlan) => FUNCTIONS.filter((key) => allowed(of(key, from)).includes("ec2:CreateNetworkInterface"));
    expect(having(within)).toEqual(["respond-kubernetes", "sweep"]);
    expect(having(plan)).toEqual([]);
    const added = allowed(of("respond-kubernetes", within)).filter((action) => !allowed(of("respond-kubernetes")).includes(action));
    expect(added.toSorted()).toEqual([...INTERFACES, "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"].toSorted());
  });

  test("interfaces are made in the named subnets with the named groups only", () => {
    const [statement] = of("sweep", within).filter(({ sid }) => sid === "InterfacesInItsVpc");
    const sub = (text: string) => JSON.stringify({ "Fn::Sub": text });
    expect(statement?.resources).toEqual([
      sub(`arn:\${AWS::Partition}:ec2:\${AWS::Region}:\${AWS::AccountId}:network-interface/*`),
      sub(`arn:\${AWS::Partition}:ec2:\${AWS::Region}:*:subnet/subnet-0a1b2c3d`),
      sub(`arn:\${AWS::Partition}:ec2:\${AWS::Region}:*:security-group/sg-0a1b2c3d`),
    ]);
    const open = of("respond-kubernetes", within).filter(({ effect, resources }) => effect === "Allow" && resources.includes("*"));
    expect(open.map(({ sid, condition }) => [sid, JSON.stringify(condition)])).toEqual([
      ["DescribeInterfacesHasNoResources", expect.stringContaining("aws:RequestedRegion")],
    ]);
  });

  test("the function's own code may not use them: Lambda's requests do not come from it", () => {
    for (const key of ["respond-kubernetes", "sweep"] as const)
      expect(of(key, within).filter(({ sid }) => sid === "NeverByItsOwnCode")).toEqual([
        expect.objectContaining({
          effect: "Deny",
          actions: expect.arrayContaining(INTERFACES),
          condition: {
            ArnEquals: {
              "lambda:SourceFunctionArn": {
                "Fn::Sub": `arn:\${AWS::Partition}:lambda:\${AWS::Region}:\${AWS::AccountId}:function:\${AWS::StackName}-${key}`,
              },
            },
          },
        }),
      ]);
  });
});
