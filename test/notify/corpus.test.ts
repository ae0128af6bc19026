import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Alert, FieldValue } from "#shared/domain/alert.ts";
import { readPriority } from "#shared/domain/priority.ts";
import { redact } from "#shared/domain/redact.ts";
import { renderSlack } from "#shared/notify/slack.ts";
import { renderSns } from "#shared/notify/sns.ts";
import { slackRefuses, snsRefuses } from "../fakes/channel-rules.ts";
import { ALERT, view } from "./views.ts";

const CORPUS = new URL("../../../shared/corpus/alerts.jsonl", import.meta.url);

interface Raw {
  readonly rule: string;
  readonly priority: string;
  readonly output?: string;
  readonly tags?: readonly string[] | null;
  readonly output_fields?: Readonly<Record<string, FieldValue>> | null;
}

const raws = (): readonly Raw[] =>
  readFileSync(CORPUS, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Raw);

const alertOf = (raw: Raw): Alert => ({
  ...ALERT,
  rule: raw.rule,
  priority: readPriority(raw.priority) ?? "Debug",
  output: raw.output ?? null,
  tags: raw.tags ?? [],
  fields: raw.output_fields ?? {},
});

describe.skipIf(!existsSync(CORPUS))("real alerts (the corpus folder beside the repository; skipped where it is absent)", () => {
  test("each makes messages that Slack and SNS take", () => {
    expect(raws().length).toBeGreaterThanOrEqual(200);
    for (const raw of raws()) {
      const one = view({ alert: alertOf(raw) });
      expect(slackRefuses(renderSlack(one))).toBeNull();
      expect(snsRefuses({ kind: "sns", topicArn: "arn:aws:sns:eu-west-1:123456789012:falco", ...renderSns(one) })).toBeNull();
    }
  });

  test("none of their texts is taken for a secret but those that name one", () => {
    const texts = raws().flatMap(({ output, output_fields }) =>
      [output, ...Object.values(output_fields ?? {})].filter((text) => typeof text === "string"),
    );
    const touched = texts.filter((text) => redact(text) !== text);
    for (const text of touched) expect(text).toMatch(/token|password|secret/i);
    expect(touched.length).toBeLessThan(texts.length / 100);
  });
});
