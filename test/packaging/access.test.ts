import { describe, expect, test } from "vitest";
import type { Cluster } from "#shared/domain/registry.ts";
import { CA, CONFIG, change, load, POLICY, told } from "./workspace.ts";

const AT = `      server: https://kube.example:6443\n      caData: ${CA}\n`;
const ACCESS = `    access:\n${AT}      tokenSecret: secretsmanager:falco/pay\n`;
const ROLE = "    role: arn:aws:iam::444455556666:role/ops/responder\n    externalId: 7f1c2d\n";

/** The cluster `pay` of line 10, of another kind, with other keys in the place of its access (line 15). */
const pay = (kind: string, keys: string, config = CONFIG): string =>
  change(change(config, ACCESS, keys), "kind: kubernetes", `kind: ${kind}`);
const loaded = (config: string) => {
  const outcome = load(config, POLICY);
  expect(told(outcome)).toEqual([]);
  if (!outcome.ok) throw new Error("not loaded");
  return outcome.compiled;
};
const compiled = (config: string): Cluster => {
  const found = loaded(config).registry.clusters.find(({ name }) => name === "pay");
  if (found === undefined) throw new Error("no cluster");
  return found;
};

const at = { server: "https://kube.example:6443", caData: CA };
test.each<[string, string, string, Cluster["access"]]>([
  ["EKS by IAM", "eks", "", null],
  ["a bearer token", "kubernetes", ACCESS, { by: "token", ...at, tokenSecret: "secretsmanager:falco/pay" }],
  ["a bearer token of EKS", "eks", ACCESS, { by: "token", ...at, tokenSecret: "secretsmanager:falco/pay" }],
  [
    "a client certificate",
    "kubernetes",
    `    access:\n${AT}      certificateSecret: ssm:/falco/pay\n`,
    { by: "certificate", ...at, certificateSecret: "ssm:/falco/pay" },
  ],
  ["aws-iam-authenticator", "kubernetes", `    access:\n${AT}      clusterId: pay.prod\n`, { by: "iam", ...at, clusterId: "pay.prod" }],
  [
    "a kubeconfig",
    "kubernetes",
    "    access: { kubeconfigSecret: secretsmanager:falco/kubeconfig }\n",
    { by: "kubeconfig", kubeconfigSecret: "secretsmanager:falco/kubeconfig" },
  ],
])("a cluster is reached by %s", (_title, kind, keys, access) => {
  expect(compiled(pay(kind, keys))).toMatchObject({ kind, access, roleArn: null });
});

const refusals: readonly [string, string, string, string, string][] = [
  [
    "Kubernetes without access",
    pay("kubernetes", ""),
    "11:11 clusters[1].kind",
    "needs access; give server and caData with",
    pay("eks", ""),
  ],
  [
    "access that names no way in",
    pay("kubernetes", `    access:\n${AT}`),
    "16:7 clusters[1].access",
    "it names no way in; give server and caData with tokenSecret, certificateSecret or clusterId, or kubeconfigSecret alone",
    pay("kubernetes", ACCESS),
  ],
  [
    "two ways in",
    pay("kubernetes", `${ACCESS}      clusterId: pay\n`),
    "19:7 clusters[1].access.clusterId",
    "tokenSecret and clusterId are two ways in; keep one of them",
    pay("kubernetes", `    access:\n${AT}      clusterId: pay\n`),
  ],
  [
    "a misspelt way in",
    pay("kubernetes", `    access:\n${AT}      certificatSecret: ssm:/falco/pay\n`),
    "18:7 clusters[1].access.certificatSecret",
    'did you mean "certificateSecret"?',
    pay("kubernetes", `    access:\n${AT}      certificateSecret: ssm:/falco/pay\n`),
  ],
  [
    "a client certificate without a server",
    pay("kubernetes", `    access:\n      caData: ${CA}\n      certificateSecret: ssm:/falco/pay\n`),
    "16:7 clusters[1].access",
    '"server" is missing; certificateSecret needs it',
    pay("kubernetes", `    access:\n${AT}      certificateSecret: ssm:/falco/pay\n`),
  ],
  [
    "an IAM token for a server without a CA",
    pay("kubernetes", "    access:\n      server: https://kube.example\n      clusterId: pay\n"),
    "16:7 clusters[1].access",
    '"caData" is missing; clusterId needs it',
    pay("kubernetes", `    access:\n${AT}      clusterId: pay\n`),
  ],
  [
    "a kubeconfig beside a server",
    pay("kubernetes", "    access:\n      server: https://kube.example\n      kubeconfigSecret: ssm:/falco/k\n"),
    "16:7 clusters[1].access.server",
    "server stands in the kubeconfig; remove it",
    pay("kubernetes", "    access:\n      kubeconfigSecret: ssm:/falco/k\n"),
  ],
  [
    "a certificate itself",
    pay("kubernetes", `    access:\n${AT}      certificateSecret: "-----BEGIN CERTIFICATE-----"\n`),
    "18:26 clusters[1].access.certificateSecret",
    "does not have the right form",
    pay("kubernetes", `    access:\n${AT}      certificateSecret: ssm:/falco/pay\n`),
  ],
  [
    "a cluster id with a space",
    pay("kubernetes", `    access:\n${AT}      clusterId: pay prod\n`),
    "18:18 clusters[1].access.clusterId",
    "without spaces",
    pay("kubernetes", `    access:\n${AT}      clusterId: pay-prod\n`),
  ],
  [
    "a name that EKS does not have",
    change(pay("eks", ""), "name: pay\n", "name: pay.prod\n"),
    "10:11 clusters[1].name",
    "give its name in EKS as awsName",
    change(pay("eks", ""), "name: pay\n", "name: pay.prod\n    awsName: pay-prod\n"),
  ],
  [
    "EKS of another account without a role",
    pay("eks", "    account: 444455556666\n"),
    "15:14 clusters[1].account",
    "cannot be reached without a role of that account; give role and externalId",
    pay("eks", `    account: 444455556666\n${ROLE}`),
  ],
  [
    "a role of another account than that of the EKS cluster",
    pay("eks", ROLE),
    "15:11 clusters[1].role",
    "of another account than the cluster",
    pay("eks", ROLE.replace("444455556666", "111122223333")),
  ],
  [
    "a role beside a token",
    pay("kubernetes", `    account: 444455556666\n${ROLE}${ACCESS}`),
    "16:11 clusters[1].role",
    "role is for access by IAM: this cluster is reached by what its secret holds; remove role and externalId",
    pay("kubernetes", `    account: 444455556666\n${ROLE}    access:\n${AT}      clusterId: pay\n`),
  ],
  [
    "an access entry of a cluster that is not EKS",
    pay("kubernetes", `    accessEntry: true\n${ACCESS}`),
    "15:18 clusters[1].accessEntry",
    "for EKS by IAM only",
    pay("eks", "    accessEntry: true\n"),
  ],
  [
    "an access entry of EKS by a token",
    pay("eks", `    accessEntry: true\n${ACCESS}`),
    "15:18 clusters[1].accessEntry",
    "for EKS by IAM only",
    pay("eks", `    accessEntry: false\n${ACCESS}`),
  ],
  [
    "an access entry for a role of another account",
    pay("eks", `    accessEntry: true\n    account: 444455556666\n${ROLE}`),
    "15:18 clusters[1].accessEntry",
    "the template of npm run member-template makes the entry",
    pay("eks", `    account: 444455556666\n${ROLE}`),
  ],
  [
    "an access entry in another Region",
    pay("eks", "    accessEntry: true\n    region: eu-west-1\n"),
    "15:18 clusters[1].accessEntry",
    "run aws eks create-access-entry there",
    pay("eks", "    accessEntry: true\n    region: eu-central-1\n"),
  ],
  [
    "a VPC without security groups",
    `${CONFIG}deploy: { vpc: { subnetIds: [subnet-0a1b2c3d] } }\n`,
    "26:16 deploy.vpc",
    '"securityGroupIds" is missing',
    `${CONFIG}deploy: { vpc: { subnetIds: [subnet-0a1b2c3d], securityGroupIds: [sg-0a1b2c3d4e5f6a7b8] } }\n`,
  ],
  [
    "a subnet by its name",
    `${CONFIG}deploy: { vpc: { subnetIds: [private-a], securityGroupIds: [sg-0a1b2c3d] } }\n`,
    "26:30 deploy.vpc.subnetIds[0]",
    "write the id of a subnet",
    `${CONFIG}deploy: { vpc: { subnetIds: [subnet-0a1b2c3d], securityGroupIds: [sg-0a1b2c3d] } }\n`,
  ],
  [
    "six security groups",
    `${CONFIG}deploy: { vpc: { subnetIds: [subnet-0a1b2c3d], securityGroupIds: [${[1, 2, 3, 4, 5, 6].map((n) => `sg-0000000${n}`).join(", ")}] } }\n`,
    "26:66 deploy.vpc.securityGroupIds",
    "5 items",
    `${CONFIG}deploy: { vpc: { subnetIds: [subnet-0a1b2c3d], securityGroupIds: [${[1, 2, 3, 4, 5].map((n) => `sg-0000000${n}`).join(", ")}] } }\n`,
  ],
];

describe("what is wrong is told with its place and its remedy; the twin, differing in one fact, is taken", () => {
  test.each(refusals)("%s", (_title, config, where, message, twin) => {
    const lines = told(load(config, POLICY));
    expect(lines.filter((line) => line.startsWith(`falco-responder.yml:${where}`) && line.includes(message))).toEqual(lines);
    expect(lines).toHaveLength(1);
    loaded(twin);
  });
});

test("the stack makes the access entries that are asked for, and is put into a VPC that is named", () => {
  const { plan } = loaded(
    `${pay("eks", "    awsName: payments\n    accessEntry: true\n")}deploy: { vpc: { subnetIds: [subnet-0a1b2c3d], securityGroupIds: [sg-0a1b2c3d] } }\n`,
  );
  expect(plan.accessEntries).toEqual(["payments"]);
  expect(plan.deploy.vpc).toEqual({ subnetIds: ["subnet-0a1b2c3d"], securityGroupIds: ["sg-0a1b2c3d"] });
  expect(loaded(CONFIG).plan).toMatchObject({ accessEntries: [], deploy: { vpc: null } });
});

test("a role and its external id stand in the registry for EKS and for aws-iam-authenticator", () => {
  const reached = { roleArn: "arn:aws:iam::444455556666:role/ops/responder", externalId: "7f1c2d" };
  expect(compiled(pay("eks", `    account: 444455556666\n${ROLE}`))).toMatchObject(reached);
  expect(compiled(pay("kubernetes", `    account: 444455556666\n${ROLE}    access:\n${AT}      clusterId: pay\n`))).toMatchObject(reached);
});
