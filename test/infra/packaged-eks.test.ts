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
notifications: [{ name: team, kind: sns }]
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
