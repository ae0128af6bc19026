import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import type { Notice } from "#shared/domain/notice.ts";
import { renderNoticeSlack, renderNoticeSns } from "#shared/notify/notice.ts";
import { slackRefuses, snsRefuses } from "../fakes/channel-rules.ts";

const PAUSED: Notice = {
  kind: "paused",
  subject: "fleet",
  severity: "critical",
  title: "Every action is paused",
  lines: ["Paused by arn:aws:iam::111122223333:user/ana at 03:04.", "Alerts are still decided and told."],
  remedy: "npm run responder -- resume --stage prod",
};
const at = { atMs: Date.UTC(2026, 0, 2, 3, 4, 5), stage: "prod" };
const sns = (notice: Notice) => ({
  kind: "sns" as const,
  topicArn: "arn:aws:sns:eu-west-1:123456789012:falco",
  ...renderNoticeSns({ notice, ...at }),
});
const validate = new Ajv2020({ strict: true, allowUnionTypes: true, formats: { "date-time": true } }).compile(
  JSON.parse(readFileSync("infra/schemas/notice.json", "utf8")) as object,
);

describe("a notice", () => {
  test("says in both forms what is the matter and what to do", () => {
    const slack = JSON.stringify(renderNoticeSlack({ notice: PAUSED, ...at }));
    for (const text of [slack, renderNoticeSns({ notice: PAUSED, ...at }).text])
      for (const word of [
        "Every action is paused",
        "Alerts are still decided",
        "npm run responder -- resume --stage prod",
        "2026-01-02T03:04:05",
      ])
        expect(text).toContain(word);
    expect(sns(PAUSED)).toMatchObject({
      subject: "Falco responder critical: Every action is paused",
      attributes: { phase: "notice", notice: "paused", severity: "critical", incident: "none" },
    });
  });

  test("without a remedy asks for nothing", () => {
    const quiet = { ...PAUSED, remedy: null };
    expect(JSON.stringify(renderNoticeSlack({ notice: quiet, ...at }))).not.toContain("To do");
    expect(renderNoticeSns({ notice: quiet, ...at }).text).not.toContain("TO DO");
    expect(renderNoticeSns({ notice: PAUSED, ...at }).text).toContain("TO DO");
  });

  const trick = "`<!channel>` <https://evil.test|ok> & @here https://evil.test *x* \u202e\u001b[31m\r\nSubject: forged";
  const hostile: Notice = {
    ...PAUSED,
    subject: trick,
    title: trick,
    lines: Array.from({ length: 40 }, () => trick.repeat(40)),
    remedy: `${trick} --token hunter2hunter2`,
  };

  test("hostile names do nothing, and every limit holds", () => {
    const slack = renderNoticeSlack({ notice: hostile, ...at });
    expect(slackRefuses(slack)).toBeNull();
    const text = slack.blocks
      .map((block) => ("text" in block ? block.text.text : block.elements.map((one) => one.text).join(" ")))
      .join("\n");
    for (const outside of text.split("`").filter((_, position) => position % 2 === 0))
      expect(outside).not.toMatch(/<|https:|@here|\*x\*|\p{Cf}|[^\P{Cc}\n]/u);
    expect(slack.text).not.toMatch(/<|https:|@here/);
    const mail = sns(hostile);
    expect(snsRefuses(mail)).toBeNull();
    expect(mail.text).not.toMatch(/https:|\nSubject|\p{Cf}|[^\P{Cc}\n]/u);
    expect(`${text}${mail.text}${mail.body}`).not.toContain("hunter2hunter2");
    expect(mail.text).toContain("… and 28 more");
  });

  test("its document is what the schema says", () => {
    for (const notice of [PAUSED, hostile, { ...PAUSED, remedy: null, lines: [] }])
      expect([validate(JSON.parse(sns(notice).body)), validate.errors]).toEqual([true, null]);
    expect(validate({ ...(JSON.parse(sns(PAUSED).body) as object), severity: "loud" })).toBe(false);
  });
});
