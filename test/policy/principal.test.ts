import { describe, expect, test } from "vitest";
import { iamActor } from "#shared/domain/actor.ts";
import { overlap, principalProblem, principalTest } from "#shared/policy/principal.ts";

const A = "111122223333";
const session = (role: string, name: string, account = A) => `arn:aws:sts::${account}:assumed-role/${role}/${name}`;

describe("whether a principal of a request is the one of a pattern", () => {
  test.each<[string, string, string, string]>([
    ["a session of the role", `arn:aws:iam::${A}:role/oncall`, session("oncall", "alice"), session("oncall2", "alice")],
    [
      "of a role with a path, which the session's ARN leaves out",
      `arn:aws:iam::${A}:role/eng/oncall`,
      session("oncall", "x"),
      session("eng", "oncall"),
    ],
    [
      "of any role whose name fits",
      `arn:aws:iam::${A}:role/AWSReservedSSO_Ops_*`,
      session("AWSReservedSSO_Ops_0a1b", "x"),
      session("AWSReservedSSO_Dev_0a1b", "x"),
    ],
    ["of the same account", `arn:aws:iam::${A}:role/oncall`, session("oncall", "x"), session("oncall", "x", "444455556666")],
    ["of the same partition", `arn:aws:iam::${A}:role/oncall`, session("oncall", "x"), session("oncall", "x").replace("aws:", "aws-cn:")],
    [
      "one session of a shared role",
      session("AWSReservedSSO_Ops_*", "alice@example.com"),
      session("AWSReservedSSO_Ops_1f", "alice@example.com"),
      session("AWSReservedSSO_Ops_1f", "bob@example.com"),
    ],
    ["a user", `arn:aws:iam::${A}:user/alice`, `arn:aws:iam::${A}:user/alice`, `arn:aws:iam::${A}:user/alice2`],
    ["a user of a path", `arn:aws:iam::${A}:user/eng/*`, `arn:aws:iam::${A}:user/eng/alice`, `arn:aws:iam::${A}:user/eng/ops/alice`],
    ["a user and no role of that name", `arn:aws:iam::${A}:user/alice`, `arn:aws:iam::${A}:user/alice`, session("alice", "alice")],
    [
      "a federated user",
      `arn:aws:sts::${A}:federated-user/al`,
      `arn:aws:sts::${A}:federated-user/al`,
      `arn:aws:sts::${A}:federated-user/bo`,
    ],
    ["the root", `arn:aws:iam::${A}:root`, `arn:aws:iam::${A}:root`, `arn:aws:iam::${A}:user/root`],
  ])("%s: it is; its twin is not", (_what, pattern, same, other) => {
    expect(principalProblem(pattern)).toBeNull();
    expect(principalTest(pattern)(same)).toBe(true);
    expect(principalTest(pattern)(other)).toBe(false);
  });

  test("a session whose name is made like another role stays of its role", () => {
    // A slash cannot stand in a session's name, and an ARN with one more is no session.
    expect(principalTest(`arn:aws:iam::${A}:role/admin`)(session("dev", "x/assumed-role/admin/y"))).toBe(false);
    expect(principalTest(`arn:aws:iam::${A}:role/admin`)("")).toBe(false);
    expect(iamActor(session("dev", "alice"))).toEqual({ kind: "iam", arn: session("dev", "alice"), session: "alice" });
    expect(iamActor(`arn:aws:iam::${A}:user/alice`).kind === "iam").toBe(true);
    expect(iamActor(`arn:aws:iam::${A}:user/alice`)).toMatchObject({ session: null });
  });
});

test.each<[string, string]>([
  ["oncall", "no ARN of an IAM principal"],
  ["arn:aws:iam::*:role/oncall", "no ARN of an IAM principal"],
  [`arn:aws:iam::${A}:group/ops`, "no ARN of an IAM principal"],
  [`arn:aws:s3::${A}:role/x`, "no ARN of an IAM principal"],
  [`arn:aws:iam::${A}:role/*`, "every principal"],
  [`arn:aws:iam::${A}:user/*/**`, "every principal"],
  [session("*", "alice"), "every principal"],
  [`arn:aws:iam::${A}:role/eng/ops-*`, "does not tell the path"],
  [`arn:aws:sts::${A}:assumed-role/oncall`, "has not these parts"],
  [`arn:aws:iam::${A}:role/`, "has not these parts"],
  [`arn:aws:iam::${A}:user/al?ce`, "only * is a pattern"],
])("the pattern %s is refused", (pattern, message) => {
  expect(principalProblem(pattern)?.message).toContain(message);
});

test("principals that may be one are told, and those of two people are not", () => {
  expect(overlap(`arn:aws:iam::${A}:role/oncall`, session("oncall", "alice"))).toBe(true);
  expect(overlap(session("oncall", "alice"), `arn:aws:iam::${A}:role/eng/oncall`)).toBe(true);
  expect(overlap(session("oncall", "alice"), session("oncall", "a*"))).toBe(true);
  expect(overlap(session("oncall", "alice"), session("oncall", "bob"))).toBe(false);
  expect(overlap(`arn:aws:iam::${A}:role/on*`, `arn:aws:iam::${A}:role/oncall`)).toBe(true);
  expect(overlap(`arn:aws:iam::${A}:role/oncall`, `arn:aws:iam::${A}:user/oncall`)).toBe(false);
});
