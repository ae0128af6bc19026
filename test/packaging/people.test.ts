import { describe, expect, test } from "vitest";
import { CONFIG, change, load, POLICY, told } from "./workspace.ts";

const A = "111122223333";
const PEOPLE = `${CONFIG}chatops:
  slack:
    team: T0ACME
    app: A0FALCO
    signingSecret: ssm:/falco/signing
people:
  - name: alice
    iam: ["arn:aws:sts::${A}:assumed-role/oncall/alice"]
    slack: [{ user: U0ALICE }]
    may: [approve, deny, undo]
    widest: true
  - name: bob
    iam: ["arn:aws:sts::${A}:assumed-role/oncall/bob"]
    slack: [{ user: U0BOB, team: E0ACME }]
    may: [approve]
    widest: true
    clusters: [shop]
    rules: [first]
    actions: [ecs:revoke-role-sessions]
`;
const ASKS = change(POLICY, "actions: [ecs:stop-task]", "actions: [ecs:revoke-role-sessions]");
const line = (text: string, part: string): number => text.slice(0, text.indexOf(part)).split("\n").length;

describe("people", () => {
  test("are compiled with what they may do, and chatops with where its secret is", () => {
    const loaded = load(PEOPLE, ASKS);
    expect(told(loaded)).toEqual([]);
    if (!loaded.ok) throw new Error("not loaded");
    const { people = [], slackApp } = loaded.compiled.registry;
    expect(slackApp).toEqual({ team: "T0ACME", app: "A0FALCO", signingSecret: "ssm:/falco/signing" });
    expect(people).toEqual([
      {
        name: "alice",
        iam: [`arn:aws:sts::${A}:assumed-role/oncall/alice`],
        slack: [{ team: "T0ACME", user: "U0ALICE" }],
        may: ["approve", "deny", "undo"],
        widest: true,
        clusters: null,
        rules: null,
        actions: null,
      },
      expect.objectContaining({
        slack: [{ team: "E0ACME", user: "U0BOB" }],
        clusters: ["shop"],
        rules: ["first"],
        actions: ["ecs:revoke-role-sessions"],
      }),
    ]);
  });

  test("absent leave the registry as it was", () => {
    const loaded = load(CONFIG, POLICY);
    expect(told(loaded)).toEqual([]);
    if (!loaded.ok) throw new Error("not loaded");
    expect(Object.keys(loaded.compiled.registry)).not.toEqual(expect.arrayContaining(["people"]));
    expect(loaded.compiled.registry.slackApp).toBeUndefined();
  });

  test.each<[string, string, string, string, string]>([
    ["an unknown right", "may: [approve, deny, undo]", "may: [aprove]", "people[0].may[0]", 'did you mean "approve"?'],
    ["an unknown key", "    widest: true\n  - name: bob", "    widst: true\n  - name: bob", "people[0].widst", 'did you mean "widest"?'],
    ["no rights", "    may: [approve]\n", "", "people[1]", '"may" is missing'],
    ["an unknown cluster", "clusters: [shop]", "clusters: [shpo]", "people[1].clusters[0]", 'did you mean "shop"?'],
    ["an unknown rule", "rules: [first]", "rules: [frist]", "people[1].rules[0]", 'did you mean "first"?'],
    [
      "an unknown action",
      "actions: [ecs:revoke-role-sessions]",
      "actions: [ecs:revoke-role-session]",
      "people[1].actions[0]",
      'did you mean "ecs:revoke-role-sessions"?',
    ],
    ["no ARN", `"arn:aws:sts::${A}:assumed-role/oncall/alice"`, "alice", "people[0].iam[0]", "no ARN of an IAM principal"],
    [
      "a pattern in a path",
      `"arn:aws:sts::${A}:assumed-role/oncall/alice"`,
      `"arn:aws:iam::${A}:role/eng/on*"`,
      "people[0].iam[0]",
      "does not tell the path",
    ],
    ["a user's id of another form", "U0ALICE", "alice", "people[0].slack[0].user", "member id of a Slack user"],
    ["a name twice", "name: bob", "name: alice", "people[1].name", "people[0] has this name too"],
    [
      "a role of two people",
      `"arn:aws:sts::${A}:assumed-role/oncall/bob"`,
      `"arn:aws:iam::${A}:role/oncall"`,
      "people[1].iam[0]",
      "may be alice's too",
    ],
    ["a Slack user of two people", "user: U0BOB, team: E0ACME", "user: U0ALICE", "people[1].slack[0]", "is alice already"],
    ["an app's id of another form", "A0FALCO", "falco", "chatops.slack.app", "id of the Slack app"],
    ["the secret itself", "ssm:/falco/signing", "8f742231b10e", "chatops.slack.signingSecret", "name the place, never the value"],
    [
      "too few for a quorum",
      "    may: [approve]\n",
      "    may: [deny]\n",
      "people",
      'ecs:revoke-role-sessions of policy rule "first" needs 2 people, and only 1 of people may approve it in cluster shop',
    ],
    ["too few of the level", "    widest: true\n    clusters", "    clusters", "people", "and only 1 of people"],
  ])("%s is an error with its place; its twin is none", (_what, from, to, key, message) => {
    const loaded = load(change(PEOPLE, from, to), ASKS);
    expect(loaded.ok).toBe(false);
    expect(told(loaded)).toEqual(expect.arrayContaining([expect.stringMatching(new RegExp(` ${key.replace(/[[\].]/g, "\\$&")}: .*`))]));
    expect(told(loaded).join("\n")).toContain(message);
    expect(told(load(PEOPLE, ASKS))).toEqual([]);
  });

  test("a channel of another app has no buttons, and only a channel in Slack can have some", () => {
    const loaded = load(change(PEOPLE, "urlSecret: ssm:/falco/slack", "urlSecret: ssm:/falco/slack\n    buttons: false"), ASKS);
    expect(told(loaded)).toEqual([]);
    expect(loaded.ok && loaded.compiled.registry.notifications.channels[1]).toMatchObject({ name: "chat", buttons: false });
    const bot = "botTokenSecret: ssm:/falco/bot\n    channel: C0123456789";
    const byBot = (more: string) => load(change(PEOPLE, "urlSecret: ssm:/falco/slack", `${bot}${more}`), ASKS);
    const channelOf = (one: typeof loaded) => (one.ok ? one.compiled.registry.notifications.channels[1] : undefined);
    expect(channelOf(byBot("\n    buttons: false"))).toMatchObject({ kind: "slack-bot", buttons: false });
    expect(channelOf(byBot(""))).not.toHaveProperty("buttons");
    expect(told(load(change(PEOPLE, "kind: sns", "kind: sns\n    buttons: true"), ASKS)).join()).toContain("buttons are for slack only");
  });

  test("a mistake is told with its line", () => {
    const text = change(PEOPLE, "clusters: [shop]", "clusters: [shpo]");
    expect(told(load(text, ASKS))).toEqual(
      expect.arrayContaining([expect.stringContaining(`falco-responder.yml:${line(text, "[shpo]")}:16 `)]),
    );
  });

  test("who nobody can be is an error; Slack ids without an app decide nothing, and it is said", () => {
    const nobody = change(PEOPLE, `    iam: ["arn:aws:sts::${A}:assumed-role/oncall/alice"]\n    slack: [{ user: U0ALICE }]\n`, "");
    expect(told(load(nobody, ASKS)).join()).toContain("nobody can be this person");
    const withoutApp = change(
      PEOPLE,
      "chatops:\n  slack:\n    team: T0ACME\n    app: A0FALCO\n    signingSecret: ssm:/falco/signing\n",
      "",
    );
    expect(told(load(withoutApp, ASKS)).join()).toContain('"team" is missing');
    const withTeam = load(change(withoutApp, "{ user: U0ALICE }", "{ user: U0ALICE, team: T0ACME }"), ASKS);
    expect(withTeam.ok).toBe(true);
    expect(told(withTeam).join()).toContain("warning: without chatops no request of Slack is taken");
    const noIds = change(change(PEOPLE, "    slack: [{ user: U0ALICE }]\n", ""), "    slack: [{ user: U0BOB, team: E0ACME }]\n", "");
    expect(told(load(noIds, ASKS)).join()).toContain("warning: nobody of people has a Slack id");
  });
});

describe("quorum", () => {
  const asked = (action: string): string => change(POLICY, "actions: [ecs:stop-task]", `actions: [${action}]`);
  const compiled = (policy: string, config = PEOPLE) => {
    const loaded = load(config, policy);
    if (!loaded.ok) throw new Error(told(loaded).join("\n"));
    return loaded.compiled.policy.rules[0]?.actions[0];
  };
  const STOPPERS = change(PEOPLE, "    actions: [ecs:revoke-role-sessions]\n", "");

  test("of an action makes it asked about, of a rule raises what is asked, and what the action needs by itself is not written", () => {
    expect(compiled(asked("{ action: ecs:stop-task, quorum: 2 }"), STOPPERS)).toMatchObject({ quorum: 2, mode: "approve" });
    expect(compiled(asked("{ action: ecs:stop-task, approval: required }"), STOPPERS)).not.toHaveProperty("quorum");
    expect(
      compiled(
        change(POLICY, "    actions: [ecs:stop-task]", "    quorum: 2\n    actions: [{ action: ecs:stop-task, approval: required }]"),
        STOPPERS,
      ),
    ).toMatchObject({ quorum: 2 });
    expect(compiled(ASKS)).not.toHaveProperty("quorum");
    expect(compiled(asked("{ action: ecs:revoke-role-sessions, quorum: 2 }"))).not.toHaveProperty("quorum");
  });

  test.each([
    ["lower than the action needs", "{ action: ecs:revoke-role-sessions, quorum: 1 }", "a policy can only ask for more"],
    ["where nobody is asked", "{ action: ecs:stop-task, quorum: 2, approval: waived }", "nobody would be asked"],
    ["more people than there are", "{ action: ecs:stop-task, quorum: 3 }", "needs 3 people, and only 2 of people may approve it"],
  ])("%s is an error", (_what, action, message) => {
    const loaded = load(STOPPERS, asked(action));
    expect(loaded.ok).toBe(false);
    expect(told(loaded).join("\n")).toContain(message);
  });

  test("without people is an error where the policy asks for it, and a warning where the action does", () => {
    expect(told(load(CONFIG, asked("{ action: ecs:stop-task, quorum: 2 }"))).join()).toContain(
      "ecs:stop-task needs 2 people, and without people one principal's yes is enough",
    );
    expect(load(CONFIG, asked("{ action: ecs:stop-task, quorum: 2 }")).ok).toBe(false);
    const warned = load(CONFIG, ASKS);
    expect(warned.ok).toBe(true);
    expect(told(warned)).toEqual([expect.stringContaining("warning: ecs:revoke-role-sessions needs 2 people")]);
    expect(told(load(CONFIG, POLICY))).toEqual([]);
  });
});
