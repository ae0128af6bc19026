import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { memberTemplate } from "../../infra/member-account.ts";
import { roles } from "../../infra/roles.ts";
import { CONFIG, POLICY } from "../packaging/workspace.ts";
import { lintPolicies, lintTemplate, policiesOf, unreasoned } from "./lint.ts";
import { plan } from "./plan.ts";
import { allowed, statementsOf } from "./policy.ts";

const template = memberTemplate(plan, "elsewhere", true);
const narrow = memberTemplate(plan, "elsewhere", false);
const rightsOf = ({ Resources }: typeof template) => statementsOf(Resources, "Responder");
const properties = template.Resources["Responder"]?.Properties ?? {};

describe("the role of another account", () => {
  test("is the one that falco-responder.yml names, path and all", () => {
    expect(properties).toMatchObject({ RoleName: "falco-responder", Path: "/security/" });
  });

  test("trusts the named roles of the deployment's account, with the external id, and nobody else", () => {
    expect(properties["AssumeRolePolicyDocument"]).toEqual({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { AWS: { Ref: "TrustedRoles" } },
          Action: "sts:AssumeRole",
          Condition: { StringEquals: { "sts:ExternalId": "falco-responder-of-111122223333" } },
        },
      ],
    });
    const pattern = new RegExp(`^${String((template.Parameters["TrustedRoles"] as { AllowedPattern: string }).AllowedPattern)}$`);
    expect("arn:aws:iam::111122223333:role/falco-responder-prod-SweepRole-1A2B").toMatch(pattern);
    expect("arn:aws:iam::999988887777:role/falco-responder-prod-SweepRole-1A2B").not.toMatch(pattern);
    expect("arn:aws:iam::111122223333:root").not.toMatch(pattern);
  });

  test("may do there what our own roles may do here, and no more: the same rights, scopes and denials, for its own clusters", () => {
    const here = roles({
      ...plan,
      registry: { ...plan.registry, clusters: plan.registry.clusters.map((c) => ({ ...c, roleArn: null, externalId: null })) },
    });
    const ours = ["RespondEcsRole", "RespondWideRole", "SweepRole"].flatMap((id) => statementsOf(here, id));
    const about = (action: string): boolean => /^(application-autoscaling|ec2|ecs|iam):|^logs:Get/.test(action);
    expect([...new Set(allowed(rightsOf(template)))].toSorted()).toEqual([...new Set(allowed(ours).filter(about))].toSorted());
    for (const { sid, effect, resources } of rightsOf(template)) {
      if (effect === "Allow" && !resources.includes("*"))
        for (const resource of resources) expect(resource, sid).toMatch(/:(us-east-1)?:444455556666:/);
    }
    expect(
      rightsOf(template)
        .filter(({ effect }) => effect === "Deny")
        .map(({ sid }) => sid),
    ).toEqual(["NeverProtected", "NeverTheProtectingTag", "NeverOwnRoles"]);
    expect(JSON.stringify(rightsOf(template))).not.toContain("shop");
    expect(Object.keys(template.Resources)).toEqual(["Responder"]);
  });

  test("without the wide lane touches no machine and no role, and only looks whether machines run; the rest stays", () => {
    expect(allowed(rightsOf(narrow)).filter((action) => /^(ec2|iam):/.test(action))).toEqual(["ec2:DescribeInstances"]);
    expect(allowed(rightsOf(template)).filter((action) => /^(ec2|iam):/.test(action))).not.toEqual([]);
    expect(allowed(rightsOf(narrow))).toContain("ecs:StopTask");
  });

  test("passes the linters", async () => {
    for (const one of [template, narrow, eks, memberTemplate(both, "elsewhere", true), memberTemplate(authenticator, "auth", true)]) {
      const file = join(mkdtempSync(join(tmpdir(), "falco-responder-member-")), "template.json");
      writeFileSync(file, JSON.stringify(one));
      expect(await lintTemplate(file)).toBe("");
      const policies = policiesOf(one.Resources);
      if (Object.keys(policies).length > 0) expect(unreasoned(await lintPolicies(policies))).toEqual([]);
    }
  });
});

const eks = memberTemplate(plan, "orders-elsewhere", true);
/** The registry with one more cluster, or with one in another's place. */
const withCluster = (name: string, over: object) => {
  const like = plan.registry.clusters.find((one) => one.name === "orders-elsewhere");
  if (like === undefined) throw new Error("no cluster");
  const clusters = [...plan.registry.clusters.filter((one) => one.name !== name), { ...like, name, ...over }];
  return { registry: { ...plan.registry, clusters } };
};
const both = withCluster("orders-elsewhere", { roleArn: "arn:aws:iam::444455556666:role/security/falco-responder" });
const authenticator = withCluster("auth", {
  kind: "kubernetes",
  roleArn: "arn:aws:iam::444455556666:role/auth",
  access: { by: "iam", server: "https://kube.example", caData: "LS0t", clusterId: "auth" },
});

describe("the role of another account for Kubernetes", () => {
  test("on EKS it may describe that cluster, nothing else, and is let into it with our group", () => {
    expect(rightsOf(eks)).toEqual([
      expect.objectContaining({
        actions: ["eks:DescribeCluster"],
        resources: [JSON.stringify({ "Fn::Sub": `arn:\${AWS::Partition}:eks:us-east-1:444455556666:cluster/orders-abroad` })],
      }),
    ]);
    const entries = Object.values(eks.Resources).filter(({ Type }) => Type === "AWS::EKS::AccessEntry");
    expect(entries.map(({ Properties }) => Properties)).toEqual([
      {
        ClusterName: "orders-abroad",
        PrincipalArn: { "Fn::GetAtt": ["Responder", "Arn"] },
        Type: "STANDARD",
        KubernetesGroups: ["falco-responder"],
      },
    ]);
    expect(eks.Description).toContain("to be deployed in us-east-1");
    expect(JSON.stringify(eks.Parameters)).toContain("Outputs RespondKubernetesRoleArn, SweepRoleArn of the deployment");
    expect(eks.Resources["Responder"]?.Properties["AssumeRolePolicyDocument"]).toEqual(properties["AssumeRolePolicyDocument"]);
  });

  test("shared with an ECS cluster it has the rights of both, and trusts the roles of both", () => {
    const shared = memberTemplate(both, "elsewhere", true);
    expect([...allowed(rightsOf(shared))].toSorted()).toEqual([...allowed(rightsOf(template)), "eks:DescribeCluster"].toSorted());
    expect(JSON.stringify(shared.Parameters)).toContain("RespondEcsRoleArn, RespondWideRoleArn, RespondKubernetesRoleArn, SweepRoleArn");
    expect(JSON.stringify(rightsOf(shared).filter(({ sid }) => sid.includes("Clusters")))).not.toContain(":cluster/orders-prod");
  });

  test("for aws-iam-authenticator it is somebody without a right", () => {
    const one = memberTemplate(authenticator, "auth", true);
    expect(Object.keys(one.Resources)).toEqual(["Responder"]);
    expect(one.Resources["Responder"]?.Properties["Policies"]).toBeUndefined();
  });

  test("EKS clusters of two Regions cannot share a role; two of one Region can", () => {
    const second = (region: string) => withCluster("second", { region, awsName: "second" });
    expect(() => memberTemplate(second("eu-west-1"), "orders-elsewhere", true)).toThrow(
      "orders-elsewhere and second name one role and lie in us-east-1 and eu-west-1",
    );
    const { Resources } = memberTemplate(second("us-east-1"), "orders-elsewhere", true);
    expect(Object.values(Resources).map(({ Type }) => Type)).toEqual(["AWS::IAM::Role", "AWS::EKS::AccessEntry", "AWS::EKS::AccessEntry"]);
  });
});

describe("what cannot be made is refused with what to mend", () => {
  const clusters = plan.registry.clusters;
  const having = (over: object) => ({
    registry: { ...plan.registry, clusters: clusters.map((one) => (one.name === "elsewhere" ? { ...one, ...over } : one)) },
  });
  test.each([
    ["a cluster that is not registered", plan, "nowhere", 'no cluster is called "nowhere"'],
    ["a cluster that is reached without a role", plan, "shop", "reached without a role"],
    ["a cluster that is reached by a secret", plan, "kube", "reached without a role"],
    ["a role without an external id", having({ externalId: null }), "elsewhere", "no externalId"],
  ])("%s", (_title, from, name, message) => {
    expect(() => memberTemplate(from, name, true)).toThrow(message);
    expect(() => memberTemplate(having({}), "elsewhere", true)).not.toThrow();
  });

  test("two clusters share a role only with one external id, and then one template is for both", () => {
    const two = (externalId: string) => {
      const [twin] = clusters.filter(({ name }) => name === "elsewhere");
      if (twin === undefined) throw new Error("no cluster");
      return { registry: { ...plan.registry, clusters: [...clusters, { ...twin, name: "second", awsName: "second", externalId }] } };
    };
    expect(() => memberTemplate(two("another"), "elsewhere", true)).toThrow("elsewhere and second name one role");
    const both = JSON.stringify(memberTemplate(two("falco-responder-of-111122223333"), "elsewhere", true));
    expect(both).toContain("cluster/elsewhere");
    expect(both).toContain("cluster/second");
  });
});

test("npm run member-template prints it from falco-responder.yml, and says what is missing", () => {
  const folder = mkdtempSync(join(tmpdir(), "falco-responder-member-"));
  const run = (config: string, ...args: readonly string[]) => {
    writeFileSync(join(folder, "falco-responder.yml"), config);
    writeFileSync(join(folder, "policy.yml"), POLICY);
    const env = { ...process.env, FALCO_RESPONDER_CONFIG: join(folder, "falco-responder.yml") };
    return spawnSync(process.execPath, ["packaging/member-template.ts", ...args], { encoding: "utf8", env });
  };
  const reached = CONFIG.replace(
    "kind: ecs",
    'kind: ecs\n    account: "444455556666"\n    role: arn:aws:iam::444455556666:role/falco-responder\n    externalId: abc',
  );
  const { status, stdout, stderr } = run(reached, "shop");
  expect(status, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ Resources: { Responder: { Properties: { RoleName: "falco-responder", Path: "/" } } } });
  expect(run(CONFIG, "shop")).toMatchObject({ status: 1, stdout: "", stderr: expect.stringContaining("reached without a role") });
  expect(run(reached)).toMatchObject({ status: 2, stdout: "" });
});
