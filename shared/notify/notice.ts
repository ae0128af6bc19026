import type { Notice } from "#shared/domain/notice.ts";
import { said } from "#shared/notify/parts.ts";
import { code, context, fallback, header, plain, type SlackPayload, section } from "#shared/notify/slack-parts.ts";
import { plainSubject, SNS_LIMITS, type SnsContent } from "#shared/notify/sns.ts";
import { clean as cleaned, cut, escaped, unlinked } from "#shared/notify/text.ts";

export const NOTICE_SCHEMA = "falco-responder/notice/1";

/** `atMs`: when it was written down. `stage`: of the deployment; null: not known. */
export interface NoticeView {
  readonly notice: Notice;
  readonly atMs: number;
  readonly stage: string | null;
}

const MARKS: Readonly<Record<Notice["severity"], string>> = { info: "ℹ️ ", warning: "⚠️ ", critical: "🚨 " };
const TITLE = 300;
const LINE = 500;
const LISTED = 12;
const REMEDY = 1_200;

/** Every text of it redacted, on one line, visible and bounded; what did not fit is counted. */
function clean({ title, lines, remedy }: Notice) {
  const more = lines.length - LISTED;
  return {
    title: said(title, TITLE).said,
    lines: [...lines.slice(0, LISTED).map((line) => said(line, LINE).said), ...(more > 0 ? [`… and ${more} more`] : [])],
    remedy: remedy === null ? null : said(remedy, REMEDY).said,
  };
}

/** Slack's message: nothing of it is markup, a link or a mention; the remedy stands in a code span, to be copied. */
export function renderNoticeSlack({ notice, atMs, stage }: NoticeView): SlackPayload {
  const { title, lines, remedy } = clean(notice);
  const sections: readonly (readonly string[])[] = [...packed(lines.map((line) => `• ${escaped(plain(line))}`))];
  return {
    text: fallback(`falco-responder: ${title}`),
    blocks: [
      header(`${MARKS[notice.severity]}${plain(title)}`),
      ...sections.map((some) => section(some.join("\n"))),
      ...(remedy === null ? [] : [section(`*To do*\n${fitting(remedy)}`)]),
      context(
        `falco-responder${stage === null ? "" : ` ${code(stage, 64)}`}  ·  about ${code(said(notice.subject, 128).said, 128)}  ·  ${iso(atMs)}`,
      ),
    ],
  };
}

/** Escaping may make five characters of one, and Slack refuses a message whose section is too long. */
const fitting = (remedy: string): string => code(remedy, code(remedy, REMEDY).length < ROOM ? REMEDY : REMEDY / 3);
const ROOM = 2_900;

/** So many characters of lines in one section: Slack's limit is 3,000, and escaping may make five of one. */
function packed(lines: readonly string[]): string[][] {
  const sections: string[][] = [];
  let room = 0;
  for (const line of lines) {
    if (line.length + 1 > room) {
      sections.push([]);
      room = ROOM;
    }
    sections.at(-1)?.push(line);
    room -= line.length + 1;
  }
  return sections;
}

/** SNS's form: mail for people, JSON of `falco-responder/notice/1` for programs. The filter attributes of incidents are `none`. */
export function renderNoticeSns({ notice, atMs, stage }: NoticeView): SnsContent {
  const { title, lines, remedy } = clean(notice);
  const subject = said(notice.subject, 128).said;
  const text = [
    unlinked(title),
    "",
    ...lines.map((line) => ` - ${unlinked(line)}`),
    ...(remedy === null ? [] : ["", "TO DO", `   ${unlinked(remedy)}`]),
    "",
    `falco-responder${stage === null ? "" : ` ${unlinked(said(stage, 64).said)}`}, about ${unlinked(subject)}, ${iso(atMs)}`,
  ].join("\n");
  const document = {
    schema: NOTICE_SCHEMA,
    kind: said(notice.kind, 128).said,
    subject,
    severity: notice.severity,
    title,
    lines,
    remedy,
    at: iso(atMs),
    stage: stage === null ? null : said(stage, 64).said,
  };
  return {
    subject: mailSubject(`Falco responder ${notice.severity}: ${title}`),
    text,
    body: JSON.stringify({ ...document, text }),
    attributes: { ...NO_INCIDENT, phase: "notice", notice: attribute(notice.kind), severity: notice.severity },
  };
}

const NO_INCIDENT = {
  incident: "none",
  cluster: "none",
  priority: "none",
  rule: "none",
  falcoRule: "none",
  decision: "none",
  outcome: "none",
} as const;

const mailSubject = (text: string): string => plainSubject(text).slice(0, SNS_LIMITS.subject).trim();

function attribute(text: string): string {
  const plainText = cut(cleaned(text), SNS_LIMITS.attribute);
  return plainText === "" ? "none" : plainText;
}

const iso = (ms: number): string => new Date(ms).toISOString();
