import { describe, expect, test } from "vitest";
import { ACTION_FACTS, ACTIONS } from "#shared/domain/action.ts";
import { iamActor } from "#shared/domain/actor.ts";
import type { Person } from "#shared/domain/person.ts";
import { mayDo, type What } from "#shared/policy/people.ts";

const ALICE_ARN = "arn:aws:sts::111122223333:assumed-role/oncall/alice";
const person = (more: Partial<Person> = {}): Person => ({
  name: "alice",
  iam: [ALICE_ARN],
  slack: [{ team: "T1", user: "U1" }],
  may: ["approve", "deny"],
  widest: false,
  clusters: null,
  rules: null,
  actions: null,
  ...more,
});
const bob = person({ name: "bob", iam: ["arn:aws:sts::111122223333:assumed-role/oncall/bob"], slack: [{ team: "T1", user: "U2" }] });
const byIam = iamActor(ALICE_ARN);
const bySlack = { kind: "slack", team: "T1", user: "U1" } as const;
const STOP: What = { cluster: "shop", rule: "shell", action: "ecs:stop-task" };
const becauseOf = (...args: Parameters<typeof mayDo>): string => {
  const permission = mayDo(...args);
  return permission.kind === "refused" ? permission.because : "";
};

test("without people IAM decides, as its principal, and Slack decides nothing", () => {
  expect(mayDo([], byIam, "approve", STOP)).toEqual({ kind: "allowed", person: ALICE_ARN });
  expect(becauseOf([], bySlack, "approve", STOP)).toContain("Slack decides nothing");
});

describe("with people", () => {
  test("one is the same person by IAM and by Slack, and who is not among them may nothing either way", () => {
    for (const actor of [byIam, bySlack])
      expect(mayDo([person(), bob], actor, "approve", STOP)).toEqual({ kind: "allowed", person: "alice" });
    for (const actor of [iamActor("arn:aws:iam::111122223333:user/eve"), { ...bySlack, user: "U9" }, { ...bySlack, team: "T9" }])
      expect(becauseOf([person(), bob], actor, "approve", STOP)).toContain("not among the people");
  });

  test("what is not in `may` is refused, and says what is", () => {
    expect(becauseOf([person()], bySlack, "undo", STOP)).toBe('alice may not undo this: "may" has only approve, deny');
    expect(mayDo([person({ may: ["undo"] })], bySlack, "undo", STOP)).toMatchObject({ kind: "allowed" });
  });

  test.each<[keyof What, Partial<Person>, Partial<Person>]>([
    ["cluster", { clusters: ["pay"] }, { clusters: ["pay", "shop"] }],
    ["rule", { rules: ["mining"] }, { rules: ["shell"] }],
    ["action", { actions: ["kubernetes:terminate"] }, { actions: ["ecs:stop-task"] }],
  ])("a right for another %s is none; its twin for this one is", (which, other, same) => {
    expect(becauseOf([person(other)], bySlack, "approve", STOP)).toContain("is not among");
    expect(mayDo([person(same)], bySlack, "approve", STOP)).toMatchObject({ kind: "allowed" });
    // What is of no cluster, rule or action is of all of them.
    expect(becauseOf([person(same)], bySlack, "approve", { ...STOP, [which]: null })).toContain("alone");
  });

  test("the widest actions need that level to be approved or taken back, and no level to be refused", () => {
    const what = { ...STOP, action: "ecs:revoke-role-sessions" } as const;
    const may = ["approve", "deny", "undo"] as const;
    for (const verb of ["approve", "undo"] as const) {
      expect(becauseOf([person({ may })], bySlack, verb, what)).toContain("widest: true");
      expect(mayDo([person({ may, widest: true })], bySlack, verb, what)).toMatchObject({ kind: "allowed" });
    }
    expect(mayDo([person({ may })], bySlack, "deny", what)).toMatchObject({ kind: "allowed" });
  });

  test("who fits two entries is neither", () => {
    const twins = [person(), person({ name: "alice2", slack: [] })];
    expect(becauseOf(twins, byIam, "approve", STOP)).toContain("fit two of the people");
    expect(mayDo(twins, bySlack, "approve", STOP)).toMatchObject({ kind: "allowed" });
  });
});

test("two people are needed exactly for what hits others' workloads or cannot be given back, and a person is always asked about that", () => {
  expect(ACTIONS.filter((action) => ACTION_FACTS[action].quorum === 2)).toEqual([
    "ecs:revoke-role-sessions",
    "kubernetes:delete",
    "ecs:drain-instance",
    "kubernetes:drain",
    "ecs:isolate-instance",
  ]);
  for (const action of ACTIONS) if (ACTION_FACTS[action].quorum > 1) expect(ACTION_FACTS[action].approval).not.toBe(false);
});
