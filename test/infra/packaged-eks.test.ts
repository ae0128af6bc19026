import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FUNCTIONS, functionId } from "../../infra/functions.ts";
import { POLICY } from "../packaging/workspace.ts";
import { lintPolicies, lintTemplate, policiesOf, unreasoned } from "./lint.ts";
import { ofType, type Packaged, packaged } from "./packaged.ts";

const CONFIG = `version: 1
account: "111122223333"
region: eu-central-1
clusters:
  - name: orders
    kind: eks
    awsName: orders-prod
    accessEntry: true
    logGroups: [{ name: /falco/orders }]
  - name: abroad
    kind: eks
    account: "444455556666"
    role: arn:aws:iam::444455556666:role/falco-responder
    externalId: 7f1c2d
    logGroups: [{ name: /falco/abroad }]
notifications: [{ name: team, kind: sns }, { name: chat, kind: slack, urlSecret: "ssm:/falco/slack" }]
chatops: { slack: { team: T0123, app: A0123, signingSecret: "ssm:/falco/slack-signing" } }
people: [{ name: alice, slack: [{ user: U0123 }], may: [approve, deny] }]
policy: policy.yml
deploy:
  vpc: { subnetIds: [subnet-0a1b2c3d], securityGroupIds: [sg-0a1b2c3d] }
`;

const folder = mkdtempSync(join(tmpdir(), "falco-responder-eks-"));
let service: Packaged;
beforeAll(async () => {
  const config = join(folder, "falco-responder.yml");
  writeFileSync(config, CONFIG);
  writeFileSync(join(folder, "policy.yml"), POLICY.replace("ecs:stop-task", "kubernetes:terminate"));
  service = await packaged("eks", config);
});
afterAll(() => rmSync(folder, { recursive: true }));

test("exactly the functions that ask API servers are in the VPC", () => {
  const placed = FUNCTIONS.map((key) => [key, service.template.Resources[functionId(key)]?.Properties["VpcConfig"]] as const);
  const vpc = { SubnetIds: ["subnet-0a1b2c3d"], SecurityGroupIds: ["sg-0a1b2c3d"] };
  expect(placed.filter(([, VpcConfig]) => VpcConfig !== undefined)).toEqual([
    ["respond-kubernetes", vpc],
    ["sweep", vpc],
  ]);
});

test("where a Slack app is configured chatops is deployed: everybody may call its URL, and so many at once and no more", () => {
  const { Properties } = service.template.Resources[functionId("chatops")] ?? { Properties: {} };
  expect(Properties).toMatchObject({
    Handler: "functions/chatops/handler.handler",
    ReservedConcurrentExecutions: 5,
    Timeout: 10,
    Role: { "Fn::GetAtt": ["ChatopsRole", "Arn"] },
    Environment: { Variables: expect.objectContaining({ SLACK_REPLY_ORIGIN: "https://hooks.slack.com" }) },
  });
  const urls = ofType(service.template, "AWS::Lambda::Url").map(([, url]) => url.Properties);
  expect(urls.map(({ AuthType }) => AuthType).toSorted()).toEqual(["AWS_IAM", "NONE"]);
  const open = ofType(service.template, "AWS::Lambda::Permission").filter(([, permission]) => permission.Properties["Principal"] === "*");
  expect(open.map(([, permission]) => [permission.Properties["Action"], JSON.stringify(permission.Properties["FunctionName"])])).toEqual([
    ["lambda:InvokeFunctionUrl", expect.stringContaining(functionId("chatops"))],
    ["lambda:InvokeFunction", expect.stringContaining(functionId("chatops"))],
  ]);
  expect(open[0]?.[1].Properties["FunctionUrlAuthType"]).toBe("NONE");
  expect(open[1]?.[1].Properties["InvokedViaFunctionUrl"]).toBe(true);
});

test("access entries are made for the cluster that asks for them, and both roles are outputs", () => {
  const entries = ofType(service.template, "AWS::EKS::AccessEntry").map(([, { Properties }]) => Properties);
  expect(entries.map(({ ClusterName, PrincipalArn }) => [ClusterName, PrincipalArn])).toEqual([
    ["orders-prod", { "Fn::GetAtt": ["RespondKubernetesRole", "Arn"] }],
    ["orders-prod", { "Fn::GetAtt": ["SweepRole", "Arn"] }],
  ]);
  expect(Object.keys(service.template.Outputs)).toEqual(expect.arrayContaining(["RespondKubernetesRoleArn", "SweepRoleArn"]));
});

test("the linters find nothing", async () => {
  expect(await lintTemplate(join(service.folder, "cloudformation-template-update-stack.json"))).toBe("");
  expect(unreasoned(await lintPolicies(policiesOf(service.template.Resources)))).toEqual([]);
});
