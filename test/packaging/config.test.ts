import { describe, expect, test } from "vitest";
import { CONFIG, change, load, POLICY, told } from "./workspace.ts";

const LAST = CONFIG.length > 0 ? "policy: policy.yml\n" : "";

describe("falco-responder.yml", () => {
  test("a valid one becomes the registry and what the template needs", () => {
    const loaded = load(CONFIG, POLICY);
    expect(told(loaded)).toEqual([]);
    if (!loaded.ok) throw new Error("not loaded");
    const { registry, plan } = loaded.compiled;
    expect(registry.clusters.map(({ name, account, region, awsName }) => [name, account, region, awsName])).toEqual([
      ["shop", "111122223333", "eu-central-1", "shop"],
      ["pay", "111122223333", "eu-central-1", "pay"],
    ]);
    expect(registry.clusters[1]?.sources).toEqual([{ logGroup: "/falco/pay", streamPrefix: "falco-" }]);
    expect(registry.notifications.channels).toEqual([
      { name: "team", kind: "sns", topicArn: "arn:aws:sns:eu-central-1:111122223333:falco-responder-test-notifications" },
      { name: "chat", kind: "slack", urlSecret: "ssm:/falco/slack" },
    ]);
    expect(plan.logGroups).toEqual([
      { name: "/falco/shop", create: true },
      { name: "/falco/pay", create: false },
    ]);
    expect(plan.deploy).toMatchObject({ logRetentionDays: 30, tracing: false, tags: { service: "falco-responder" } });
  });

  test("who is told what the service itself has to tell: every channel, or those that are named", () => {
    const list = CONFIG.slice(CONFIG.indexOf("notifications:") + "notifications:\n".length, CONFIG.indexOf("policy:"));
    const mapped = (more: string) =>
      change(CONFIG, `notifications:\n${list}`, `notifications:\n  channels:\n${list.replace(/^/gm, "  ")}\n${more}`);
    const systemOf = (loaded: ReturnType<typeof load>) => (loaded.ok ? loaded.compiled.registry.notifications.system : told(loaded));
    expect(systemOf(load(CONFIG, POLICY))).toEqual(["team", "chat"]);
    expect(systemOf(load(mapped(""), POLICY))).toEqual(["team", "chat"]);
    expect(systemOf(load(mapped("  system: [team]\n"), POLICY))).toEqual(["team"]);
    expect(systemOf(load(mapped("  system: [teem]\n"), POLICY))).toEqual([
      expect.stringMatching(/notifications\.system\[0\]: no channel is named "teem"; did you mean "team"\?/),
    ]);
    expect(systemOf(load(mapped("  system: []\n"), POLICY))).toEqual([expect.stringContaining("empty does not mean any")]);
  });

  const CHAT = "    urlSecret: ssm:/falco/slack\n";
  const chat = (text: string) => change(CONFIG, CHAT, text);
  const channelsOf = (config: string) => {
    const loaded = load(config, POLICY);
    return loaded.ok ? { channels: loaded.compiled.registry.notifications.channels, told: told(loaded) } : told(loaded);
  };

  test("Slack by a bot's token, a bus, and routes are compiled", () => {
    const bot = "    botTokenSecret: ssm:/falco/bot\n    channel: C0123456789\n    digestAbove: 5\n";
    const when = '    when: { priority: ">= error", clusters: [sh*], namespaces: ["pay-*"], labels: { team: pay } }\n';
    expect(channelsOf(chat(`${bot}${when}  - name: events\n    kind: bus\n`))).toEqual({
      channels: [
        { name: "team", kind: "sns", topicArn: "arn:aws:sns:eu-central-1:111122223333:falco-responder-test-notifications" },
        {
          name: "chat",
          kind: "slack-bot",
          botTokenSecret: "ssm:/falco/bot",
          channelId: "C0123456789",
          digestAbove: 5,
          when: { priority: "Error", clusters: ["sh*"], namespaces: ["pay-*"], labels: { team: "pay" } },
        },
        { name: "events", kind: "bus", busArn: "arn:aws:events:eu-central-1:111122223333:event-bus/falco-responder-test" },
      ],
      told: [],
    });
  });

  test.each<[string, string, string]>([
    ["a bot without its channel", "    botTokenSecret: ssm:/x\n", '22:5 notifications[1]: "channel" is missing'],
    ["a channel without its bot", "    channel: C0123456789\n", '22:5 notifications[1]: "botTokenSecret" is missing'],
    [
      "both ways at once",
      `${CHAT}    botTokenSecret: ssm:/x\n    channel: C0123456789\n`,
      "24:5 notifications[1].urlSecret: a webhook and a bot's token are two ways",
    ],
    ["neither way", "", '"urlSecret" is missing'],
    ["a channel's name", "    botTokenSecret: ssm:/x\n    channel: alerts\n", "give the channel's id"],
    ["a token in the file", "    botTokenSecret: xoxb-1-2-3\n    channel: C0123456789\n", "name the place, never the value"],
    ["a priority that is none", `${CHAT}    when: { priority: Eror }\n`, '"Eror" is no least priority; did you mean "Error"?'],
    ["an upper limit of priority", `${CHAT}    when: { priority: "<= Error" }\n`, "is no least priority"],
    [
      "a cluster that nobody registered",
      `${CHAT}    when: { clusters: [shopp] }\n`,
      '25:24 notifications[1].when.clusters[0]: no registered cluster is named "shopp"; did you mean "shop"?',
    ],
    ["an unknown key of a route", `${CHAT}    when: { namespace: [x] }\n`, 'did you mean "namespaces"?'],
    ["a route of nothing", `${CHAT}    when: {}\n`, "empty does not mean any"],
    [
      "a topic of a bus",
      `${CHAT}  - name: events\n    kind: bus\n    topic: arn:aws:sns:eu-central-1:111122223333:x\n`,
      "topic is for sns only",
    ],
    ["a bus in digests", `${CHAT}  - name: events\n    kind: bus\n    digestAbove: 5\n`, "a bus is told everything"],
  ])("%s is an error with its line", (_what, text, message) => {
    expect(JSON.stringify(channelsOf(chat(text))).replaceAll('\\"', '"')).toContain(message);
    expect(load(chat(text), POLICY).ok).toBe(false);
  });

  test("routes that leave something over are said, with who gets it", () => {
    const routed = change(CONFIG, "    kind: sns\n", "    kind: sns\n    when: { priority: Error }\n");
    const all = change(routed, CHAT, `${CHAT}    when: { priority: Error }\n`);
    expect(told(load(routed, POLICY))).toEqual([
      expect.stringContaining('rules[0].notify: warning: every channel of the rule has a "when"'),
    ]);
    expect(told(load(all, POLICY))[0]).toContain('warning: every channel has a "when": what none of them takes goes to team, chat');
    expect(load(all, POLICY).ok).toBe(true);
  });

  test.each<[string, string, string, string]>([
    [
      "an unknown key",
      change(CONFIG, "logGroups:\n      - name: /falco/shop", "logGroup:\n      - name: /falco/shop"),
      "7:5 clusters[0].logGroup",
      'this key is not known; did you mean "logGroups"?',
    ],
    ["an unknown kind", change(CONFIG, "kind: ecs", "kind: esc"), "6:11 clusters[0].kind", 'did you mean "ecs"?'],
    ["an unknown channel kind", change(CONFIG, "kind: slack", "kind: slak"), "23:11 notifications[1].kind", 'did you mean "slack"?'],
    ["another version", change(CONFIG, "version: 1", "version: 2"), "1:10 version", "2 is not 1"],
    ["a missing region", change(CONFIG, "region: eu-central-1\n", ""), "1:1 ", '"region" is missing'],
    ["a region of the wrong form", change(CONFIG, "eu-central-1", "Frankfurt"), "3:9 region", "write an AWS Region"],
    ["an account with 11 digits", change(CONFIG, '"111122223333"', "11112222333"), "2:10 account", "12 digits"],
    ["a duplicate key", change(CONFIG, "region: eu-central-1\n", "region: eu-central-1\nregion: eu-west-1\n"), "4:1 ", "unique"],
    ["no YAML", "clusters: [", "1:12 ", ""],
    [
      "an empty list",
      change(CONFIG, "logGroups:\n      - name: /falco/shop\n        create: true", "logGroups: []"),
      "7:16 clusters[0].logGroups",
      "empty does not mean any",
    ],
    [
      "an empty stream prefix",
      change(CONFIG, "streamPrefix: falco-", 'streamPrefix: ""'),
      "14:23 clusters[1].logGroups[0].streamPrefix",
      "empty",
    ],
    [
      "an empty value",
      change(CONFIG, "streamPrefix: falco-", "streamPrefix:"),
      "14:9 clusters[1].logGroups[0].streamPrefix",
      "this is empty",
    ],
    ["an alias", change(change(CONFIG, "kind: ecs", "kind: &k ecs"), "kind: kubernetes", "kind: *k"), "11:11 ", "aliases are not taken"],
    ["two clusters of one name", change(CONFIG, "name: pay\n", "name: shop\n"), "10:11 clusters[1].name", "clusters[0] has this name too"],
    [
      "two channels of one name",
      change(CONFIG, "name: chat", "name: team"),
      "22:11 notifications[1].name",
      "notifications[0] has this name too",
    ],
    [
      "a group in another account",
      change(CONFIG, "create: true", "account: 444455556666"),
      "9:18 clusters[0].logGroups[0].account",
      "cannot call a Lambda function",
    ],
    [
      "a group in another Region",
      change(CONFIG, "create: true", "region: eu-west-1"),
      "9:17 clusters[0].logGroups[0].region",
      "cannot call a Lambda function",
    ],
    [
      "a group of infrequent access",
      change(CONFIG, "create: true", "class: INFREQUENT_ACCESS"),
      "9:16 clusters[0].logGroups[0].class",
      "only groups of class STANDARD",
    ],
    [
      "a third filter",
      change(CONFIG, "create: true", "existingFilters: 2"),
      "9:26 clusters[0].logGroups[0].existingFilters",
      "takes 2 subscription filters",
    ],
    [
      "our own logs",
      change(CONFIG, "/falco/shop", "/aws/lambda/falco-responder-dev-ingest"),
      "8:15 clusters[0].logGroups[0].name",
      "can never be a source",
    ],
    [
      "one group for two clusters",
      change(CONFIG, "name: /falco/pay", "name: /falco/shop\n        create: true"),
      "15:23 clusters[1].logGroups[0].streamPrefix",
      'speak for cluster "shop" and for "pay"',
    ],
    [
      "a group made here and not made here",
      change(CONFIG, "name: /falco/pay", "name: /falco/shop"),
      "13:9 clusters[1].logGroups[0].create",
      "the same group",
    ],
    ["Kubernetes without access", change(CONFIG, "kind: ecs", "kind: kubernetes"), "6:11 clusters[0].kind", "needs access"],
    ["access of an ECS cluster", change(CONFIG, "kind: kubernetes", "kind: ecs"), "16:7 clusters[1].access", "Kubernetes only"],
    ["a CA that is none", change(CONFIG, "caData: ", "caData: AAAA"), "17:15 clusters[1].access.caData", "not a PEM certificate"],
    ["an API server without TLS", change(CONFIG, "https://kube", "http://kube"), "16:15 clusters[1].access.server", "https"],
    [
      "a cluster that cannot be reached",
      change(CONFIG, "kind: ecs", "kind: ecs\n    account: 444455556666"),
      "7:14 clusters[0].account",
      "without a role",
    ],
    [
      "a role of another account",
      change(CONFIG, "kind: ecs", "kind: ecs\n    role: arn:aws:iam::444455556666:role/x"),
      "7:11 clusters[0].role",
      "another account than the cluster",
    ],
    [
      "an external id without a role",
      change(CONFIG, "kind: ecs", "kind: ecs\n    externalId: abc"),
      "7:17 clusters[0].externalId",
      "with role only",
    ],
    [
      "task roles of a cluster that has none",
      change(CONFIG, "kind: kubernetes", "kind: kubernetes\n    taskRoles: [pay-task]"),
      "12:5 clusters[1].taskRoles",
      "for ECS only",
    ],
    [
      "log groups of tasks of a cluster that has none",
      change(CONFIG, "kind: kubernetes", "kind: kubernetes\n    taskLogGroups: [/ecs/pay]"),
      "12:5 clusters[1].taskLogGroups",
      "for ECS only",
    ],
    ["every role", change(CONFIG, "kind: ecs", 'kind: ecs\n    taskRoles: ["*"]'), "7:17 clusters[0].taskRoles[0]", "not alone"],
    [
      "every log group",
      change(CONFIG, "kind: ecs", 'kind: ecs\n    taskLogGroups: ["**"]'),
      "7:21 clusters[0].taskLogGroups[0]",
      "not alone",
    ],
    [
      "a role by its ARN",
      change(CONFIG, "kind: ecs", "kind: ecs\n    taskRoles: [arn:aws:iam::111122223333:role/x]"),
      "7:17 ",
      "without path",
    ],
    [
      "a role of no name",
      change(CONFIG, "kind: ecs", "kind: ecs\n    taskRoles: []"),
      "7:16 clusters[0].taskRoles",
      "empty does not mean any",
    ],
    [
      "a function's role",
      change(CONFIG, "kind: ecs", "kind: ecs\n    taskRoles: [a, Falco-Responder-dev-*]"),
      "7:20 ",
      "falco-responder's own",
    ],
    [
      "what may be a function's role",
      change(CONFIG, "kind: ecs", "kind: ecs\n    taskRoles: [falco-*-task]"),
      "7:17 ",
      "falco-responder's own",
    ],
    ["any beginning of a role", change(CONFIG, "kind: ecs", 'kind: ecs\n    taskRoles: ["*-task"]'), "7:17 ", "by how they begin"],
    [
      "the role by which a cluster is reached",
      change(
        CONFIG,
        "kind: ecs",
        "kind: ecs\n    account: 444455556666\n    role: arn:aws:iam::444455556666:role/ops/responder-shop\n    taskRoles: [resp*shop]",
      ),
      "9:17 clusters[0].taskRoles[0]",
      "falco-responder's own",
    ],
    [
      "a function's log group",
      change(CONFIG, "kind: ecs", "kind: ecs\n    taskLogGroups: [/aws/*]"),
      "7:21 clusters[0].taskLogGroups[0]",
      "falco-responder's own",
    ],
    [
      "a secret itself",
      change(CONFIG, "ssm:/falco/slack", "https://hooks.slack.com/services/T/B/x"),
      "24:16 notifications[1].urlSecret",
      "never the value",
    ],
    [
      "Slack without its secret",
      change(CONFIG, "    urlSecret: ssm:/falco/slack\n", ""),
      "22:5 notifications[1]",
      '"urlSecret" is missing',
    ],
    [
      "a topic of another Region",
      change(CONFIG, "kind: sns", "kind: sns\n    topic: arn:aws:sns:eu-west-1:111122223333:t"),
      "22:12 notifications[0].topic",
      "another Region",
    ],
    [
      "a retention that AWS does not know",
      `${CONFIG}deploy: { logRetentionDays: 31 }\n`,
      "26:29 deploy.logRetentionDays",
      "31 is not one of",
    ],
    [
      "a function that is none",
      `${CONFIG}deploy: { reservedConcurrency: { ingst: 1 } }\n`,
      "26:34 deploy.reservedConcurrency.ingst",
      'did you mean "ingest"?',
    ],
    [
      "evidence that expires under lock",
      `${CONFIG}deploy: { evidenceRetentionDays: 400, evidenceExpiryDays: 400 }\n`,
      "26:59 deploy.evidenceExpiryDays",
      "while it is locked",
    ],
    ["a policy that is not there", change(CONFIG, LAST, "policy: other.yml\n"), "25:9 policy", "cannot be read"],
    ["a rules file that is not there", `${CONFIG}falcoRules: [own.yaml]\n`, "26:14 falcoRules[0]", "cannot be read"],
    ["a file that is too large", `${CONFIG}#${" ".repeat(1_000_000)}\n`, "1:1 ", "larger than 1000000 bytes"],
    ["nesting without end", `x: ${"[".repeat(50_000)}${"]".repeat(50_000)}`, "1:", "nested too deeply"],
  ])("%s is an error", (_title, config, where, message) => {
    const loaded = load(config, POLICY);
    expect(loaded.ok).toBe(false);
    const lines = told(loaded);
    expect(lines.some((line) => line.startsWith(`falco-responder.yml:${where}`) && line.includes(message)) ? [] : lines).toEqual([]);
  });

  test("what differs in one fact from those is taken", () => {
    const taken = [
      change(
        CONFIG,
        "create: true",
        'account: "111122223333"\n        region: eu-central-1\n        class: STANDARD\n        existingFilters: 1',
      ),
      change(CONFIG, "/falco/shop", "/aws/lambda/another-service"),
      change(
        change(CONFIG, "name: /falco/pay", "name: /falco/shop\n        create: true"),
        "create: true\n  - name: pay",
        "create: true\n        streamPrefix: ecs-\n  - name: pay",
      ),
      change(CONFIG, "kind: kubernetes", "kind: eks"),
      change(CONFIG, "kind: ecs", "kind: ecs\n    account: 444455556666\n    role: arn:aws:iam::444455556666:role/x\n    externalId: abc"),
      change(
        CONFIG,
        "kind: ecs",
        "kind: ecs\n    account: 444455556666\n    role: arn:aws:iam::444455556666:role/ops/responder-shop\n    taskRoles: [resp*shop2]",
      ),
      change(
        CONFIG,
        "kind: ecs",
        "kind: ecs\n    taskRoles: [a, falco-responses-dev-*, falcon-*-task, t*]\n    taskLogGroups: [/aws/ecs/*]",
      ),
      change(CONFIG, "kind: sns", "kind: sns\n    topic: arn:aws:sns:eu-central-1:111122223333:t"),
      change(CONFIG, '"111122223333"', "012345678901"),
    ];
    for (const config of taken) expect(told(load(config, POLICY))).toEqual([]);
  });

  test("what a cluster lets actions reach stands in the registry, and only where it is written", () => {
    const loaded = load(change(CONFIG, "kind: ecs", "kind: ecs\n    taskRoles: [shop-task-*]\n    taskLogGroups: [/ecs/shop]"), POLICY);
    if (!loaded.ok) throw new Error("not loaded");
    const [shop, pay] = loaded.compiled.registry.clusters;
    expect(shop).toMatchObject({ taskRoles: ["shop-task-*"], taskLogGroups: ["/ecs/shop"] });
    expect(Object.keys(pay ?? {})).not.toContain("taskRoles");
  });

  test("several mistakes are told at once", () => {
    const config = change(change(CONFIG, "kind: ecs", "kind: esc"), "kind: slack", "kind: slak");
    expect(told(load(config, POLICY)).length).toBe(2);
  });

  test("an account left open is that of the deployment; one that it contradicts is a warning", () => {
    const open = change(CONFIG, '"111122223333"', "auto");
    const loaded = load(open, POLICY, {}, "444455556666");
    expect(loaded.ok && loaded.compiled.registry.clusters[0]?.account).toBe("444455556666");
    expect(load(open, POLICY)).toMatchObject({ ok: true, compiled: { accountOpen: true } });
    expect(load(CONFIG, POLICY)).toMatchObject({ ok: true, compiled: { accountOpen: false } });
    expect(told(load(CONFIG, POLICY, {}, "444455556666"))[0]).toContain("warning: AWS_ACCOUNT_ID is 444455556666");
    expect(told(load(CONFIG, POLICY, {}, "111122223333"))).toEqual([]);
  });
});
