import { IAMClient } from "@aws-sdk/client-iam";
import { describe, expect, test } from "vitest";
import { taskRoles } from "#shared/adapters/task-roles.ts";
import { ecsCluster, never } from "../playbooks/builders.ts";
import { type Answer, awsDouble, formsIn, inTurn, xml } from "./aws-double.ts";

const NS = "https://iam.amazonaws.com/doc/2010-05-08/";
const answer = (action: string, inside: string) =>
  xml(`<${action}Response xmlns="${NS}"><${action}Result>${inside}</${action}Result></${action}Response>`);
const encoded = (document: unknown) => encodeURIComponent(JSON.stringify(document));
const allow = (Principal: unknown) => ({ Effect: "Allow", Principal, Action: "sts:AssumeRole" });
const role = (trust: string, more = "", arn = "arn:aws:iam::111122223333:role/app/shop-task") =>
  answer(
    "GetRole",
    `<Role><Path>/app/</Path><RoleName>shop-task</RoleName><RoleId>AROA</RoleId><Arn>${arn}</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate><AssumeRolePolicyDocument>${trust}</AssumeRolePolicyDocument>${more}</Role>`,
  );
const error = (code: string, status: number) =>
  xml(
    `<ErrorResponse xmlns="${NS}"><Error><Type>Sender</Type><Code>${code}</Code><Message>as AWS says</Message></Error></ErrorResponse>`,
    status,
  );
const GONE = error("NoSuchEntity", 404);
const DONE = xml(
  `<PutRolePolicyResponse xmlns="${NS}"><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PutRolePolicyResponse>`,
);

async function iam(...answers: readonly Answer[]) {
  const double = await awsDouble(inTurn(...answers));
  return Object.assign(double, { roles: taskRoles(new IAMClient(double.config), ecsCluster) });
}

describe("a role", () => {
  test("is read with who may take it and for how long", async () => {
    const trust = encoded({
      Statement: [
        allow({ Service: ["ecs-tasks.amazonaws.com", "ec2.amazonaws.com"] }),
        allow({ AWS: "arn:aws:iam::444455556666:root", Federated: "cognito-identity.amazonaws.com" }),
        { ...allow({ AWS: "*" }), Effect: "Deny" },
        allow({ Service: "ecs-tasks.amazonaws.com" }),
      ],
    });
    await using double = await iam(role(trust, "<MaxSessionDuration>43200</MaxSessionDuration>"));
    expect(await double.roles.get("shop-task", never)).toEqual({
      arn: "arn:aws:iam::111122223333:role/app/shop-task",
      name: "shop-task",
      trusts: ["ecs-tasks.amazonaws.com", "ec2.amazonaws.com", "arn:aws:iam::444455556666:root", "cognito-identity.amazonaws.com"],
      maxSessionSeconds: 43_200,
    });
    expect(formsIn(double.asked)).toEqual([{ Action: "GetRole", Version: "2010-05-08", RoleName: "shop-task" }]);
  });

  test("whose trust is one statement for everyone says so, and one that cannot be read says that", async () => {
    await using double = await iam(
      role(encoded({ Statement: allow("*") })),
      role("%7Bno"),
      role(encoded({ Statement: [{ Effect: "Allow", NotPrincipal: { AWS: "x" } }] })),
    );
    expect(await double.roles.get("shop-task", never)).toMatchObject({ trusts: ["*"], maxSessionSeconds: 3_600 });
    expect(await double.roles.get("shop-task", never)).toMatchObject({ trusts: ["a trust policy that cannot be read"] });
    expect(await double.roles.get("shop-task", never)).toMatchObject({ trusts: ["everyone but some"] });
  });

  test("lists at most twenty, each printable", async () => {
    const many = Array.from({ length: 30 }, (_, n) => `r\u00f6le-${n}`);
    await using double = await iam(role(encoded({ Statement: allow({ AWS: many }) })));
    const trusts = (await double.roles.get("shop-task", never))?.trusts;
    expect(trusts).toHaveLength(20);
    expect(trusts?.[0]).toBe("r?le-0");
  });

  test("that does not exist is none", async () => {
    await using double = await iam(GONE);
    expect(await double.roles.get("shop-task", never)).toBeNull();
  });

  test("of another account, or an answer about another role, is an error", async () => {
    const trust = encoded({ Statement: [] });
    await using elsewhere = await iam(role(trust, "", "arn:aws:iam::444455556666:role/shop-task"));
    await expect(elsewhere.roles.get("shop-task", never)).rejects.toThrow("another account than the cluster");
    await using other = await iam(role(trust));
    await expect(other.roles.get("Shop-Task", never)).rejects.toMatchObject({ code: "aws_rejected" });
  });

  test.each<[string, number, string]>([
    ["Throttling", 400, "aws_throttled"],
    ["AccessDenied", 403, "aws_denied"],
    ["InvalidClientTokenId", 403, "aws_denied"],
    ["ServiceFailure", 500, "aws_unreachable"],
    ["ValidationError", 400, "aws_rejected"],
  ])("%s (%i) is %s", async (code, status, expected) => {
    await using double = await iam(error(code, status));
    const outcome = expect(double.roles.get("shop-task", never)).rejects;
    await outcome.toMatchObject({ code: expected, message: expect.stringContaining("IAM GetRole for cluster shop-prod") });
  });
});

describe("an inline policy", () => {
  const document = JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Deny", Action: "*", Resource: "*" }] });

  test("is read as the text that was put", async () => {
    const found = `<RoleName>shop-task</RoleName><PolicyName>p</PolicyName><PolicyDocument>${encodeURIComponent(document)}</PolicyDocument>`;
    await using double = await iam(answer("GetRolePolicy", found));
    expect(await double.roles.policy("shop-task", "p", never)).toBe(document);
    expect(formsIn(double.asked)).toEqual([{ Action: "GetRolePolicy", Version: "2010-05-08", RoleName: "shop-task", PolicyName: "p" }]);
  });

  test("that is not there is none; one that cannot be decoded is an error", async () => {
    await using double = await iam(GONE, answer("GetRolePolicy", "<PolicyDocument>%E0%A4%A</PolicyDocument>"), answer("GetRolePolicy", ""));
    expect(await double.roles.policy("shop-task", "p", never)).toBeNull();
    await expect(double.roles.policy("shop-task", "p", never)).rejects.toMatchObject({ code: "aws_rejected" });
    await expect(double.roles.policy("shop-task", "p", never)).rejects.toMatchObject({ code: "aws_rejected" });
  });

  test("is put and taken off, and one that is absent is taken off already", async () => {
    await using double = await iam(DONE, DONE, GONE);
    await double.roles.putPolicy("shop-task", "p", document, never);
    await double.roles.deletePolicy("shop-task", "p", never);
    await double.roles.deletePolicy("shop-task", "p", never);
    const named = { Version: "2010-05-08", RoleName: "shop-task", PolicyName: "p" };
    expect(formsIn(double.asked)).toEqual([
      { Action: "PutRolePolicy", ...named, PolicyDocument: document },
      { Action: "DeleteRolePolicy", ...named },
      { Action: "DeleteRolePolicy", ...named },
    ]);
  });

  test.each<[string, number, string]>([
    ["NoSuchEntity", 404, "aws_rejected"],
    ["UnmodifiableEntity", 400, "aws_rejected"],
    ["MalformedPolicyDocument", 400, "aws_rejected"],
    // Elsewhere a name for "ask again later"; of IAM it says that there is no room, and asking again never helps.
    ["LimitExceeded", 409, "aws_rejected"],
    ["ConcurrentModification", 409, "aws_throttled"],
    ["AccessDenied", 403, "aws_denied"],
  ])("that IAM does not take for %s is %s", async (code, status, expected) => {
    await using double = await iam(error(code, status));
    await expect(double.roles.putPolicy("shop-task", "p", document, never)).rejects.toMatchObject({ code: expected });
  });

  test.each([
    ["a/b", "p"],
    ["", "p"],
    ["r".repeat(65), "p"],
    ["shop-task", "p q"],
    ["shop-task", "p".repeat(129)],
  ])("of role %j and name %j is not sent", async (roleName, policyName) => {
    await using double = await iam(DONE);
    await expect(double.roles.putPolicy(roleName, policyName, document, never)).rejects.toThrow(RangeError);
    await expect(double.roles.deletePolicy(roleName, policyName, never)).rejects.toThrow(RangeError);
    expect(double.asked).toEqual([]);
  });
});
