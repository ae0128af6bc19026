import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { accessEntries } from "../../infra/api-servers.ts";
import type { Resources } from "../../infra/functions.ts";
import { roles } from "../../infra/roles.ts";
import { lintPolicies, lintTemplate, policiesOf, REASONED, unreasoned } from "./lint.ts";
import { plan } from "./plan.ts";

/** The fixed part of the template: for what the roles refer to. */
const fixed: Resources = Object.assign(
  {},
  ...readdirSync("infra/cloudformation").map(
    (file) =>
      (parse(readFileSync(join("infra/cloudformation", file), "utf8"), { logLevel: "silent", merge: true }) as { Resources: Resources })
        .Resources,
  ),
);
const vpc = { subnetIds: ["subnet-0a1b2c3d"], securityGroupIds: ["sg-0a1b2c3d"] };
const all = policiesOf({ ...fixed, ...roles({ ...plan, deploy: { ...plan.deploy, tracing: true, vpc } }) });

const statement = (over: object) => ({
  Sid: "S",
  Effect: "Allow",
  Action: ["ecs:StopTask"],
  Resource: ["arn:aws:ecs:eu-central-1:111122223333:task/shop/*"],
  Condition: { ArnEquals: { "ecs:cluster": ["arn:aws:ecs:eu-central-1:111122223333:cluster/shop"] } },
  ...over,
});
const lint = async (over: object) => {
  const one = { Version: "2012-10-17", Statement: [statement(over)] };
  return (await lintPolicies({ one })).findings;
};

describe("parliament", () => {
  test("finds nothing in the roles of every way of being reached but what has its reason, and no reason is stale", async () => {
    const linted = await lintPolicies(all);
    expect(linted.checked).toBeGreaterThan(70);
    expect(unreasoned(linted)).toEqual([]);
    expect(new Set(linted.findings.map(({ issue, detail }) => `${issue} ${detail}`))).toEqual(new Set(Object.keys(REASONED)));
  });

  test.each([
    ["a misspelt action", { Action: ["ecs:StopTaks"] }, "UNKNOWN_ACTION"],
    [
      "a resource that the action does not take",
      { Resource: ["arn:aws:ecs:eu-central-1:111122223333:service/shop/*"] },
      "RESOURCE_MISMATCH",
    ],
    [
      "a condition key that the action does not know",
      { Condition: { StringEquals: { "ecs:namespace": "shop" } } },
      "UNKNOWN_CONDITION_FOR_ACTION",
    ],
  ])("finds %s; its twin without it is clean", async (_title, over, issue) => {
    expect((await lint(over)).map((finding) => finding.issue)).toContain(issue);
    expect(await lint({})).toEqual([]);
  });

  test("a run that saw no statement has failed", async () => {
    await expect(lintPolicies({})).rejects.toThrow("0 of 0 statements");
  });
});

test("cfn-lint finds a misspelt action in a role; its twin is clean", async () => {
  const written = (action: string): string => {
    const file = join(mkdtempSync(join(tmpdir(), "falco-responder-lint-")), "template.json");
    const PolicyDocument = { Version: "2012-10-17", Statement: [statement({ Action: [action] })] };
    const AssumeRolePolicyDocument = {
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }],
    };
    const Role = { Type: "AWS::IAM::Role", Properties: { AssumeRolePolicyDocument, Policies: [{ PolicyName: "one", PolicyDocument }] } };
    writeFileSync(file, JSON.stringify({ AWSTemplateFormatVersion: "2010-09-09", Resources: { Role } }));
    return file;
  };
  expect(await lintTemplate(written("ecs:StopTaks"))).toContain("W3037");
  expect(await lintTemplate(written("ecs:StopTask"))).toBe("");
});

test("cfn-lint takes the access entries that the stack makes; a property that they do not have it finds", async () => {
  const written = (groups: string): string => {
    const file = join(mkdtempSync(join(tmpdir(), "falco-responder-lint-")), "template.json");
    const entries = Object.values(accessEntries({ ...plan, accessEntries: ["orders-prod"] }));
    const Resources = Object.fromEntries(
      entries.map(({ Type, Properties: { KubernetesGroups = [], ...others } }, at) => {
        const PrincipalArn = `arn:aws:iam::111122223333:role/${at}`;
        return [`Entry${at}`, { Type, Properties: { ...others, PrincipalArn, [groups]: KubernetesGroups } }];
      }),
    );
    writeFileSync(file, JSON.stringify({ AWSTemplateFormatVersion: "2010-09-09", Resources }));
    return file;
  };
  expect(await lintTemplate(written("KubernetesGroups"))).toBe("");
  expect(await lintTemplate(written("KubernetesGroup"))).toContain("E3002");
});
