import { rank } from "#shared/domain/priority.ts";
import { type Line, type Part, said } from "#shared/notify/parts.ts";
import { type Story, tellStory } from "#shared/notify/story.ts";
import { cut, escaped, inert, unlinked } from "#shared/notify/text.ts";
import type { IncidentView } from "#shared/notify/view.ts";

/** Limits of Block Kit: https://docs.slack.dev/reference/block-kit/blocks (header 150, section 3000, 50 blocks of a message). */
export const SLACK_LIMITS = { blocks: 50, header: 150, section: 3_000, text: 3_000 } as const;

export interface SlackPayload {
  readonly text: string;
  readonly blocks: readonly SlackBlock[];
}

/** `verbatim`: Slack links nothing by itself, no URL, channel or mention (https://docs.slack.dev/reference/block-kit/composition-objects/text-object). */
type Mrkdwn = { readonly type: "mrkdwn"; readonly text: string; readonly verbatim: true };
type SlackBlock =
  | { readonly type: "header"; readonly text: { readonly type: "plain_text"; readonly text: string; readonly emoji: false } }
  | { readonly type: "section"; readonly text: Mrkdwn }
  | { readonly type: "context"; readonly elements: readonly Mrkdwn[] };

const mrkdwn = (text: string): Mrkdwn => ({ type: "mrkdwn", text, verbatim: true });

/** Words of others stand in a code span: no backtick leaves it, and `&<>` start nothing. A cut never splits an escape. */
function code(text: string, max: number): string {
  const body = escaped(cut(inert(text).replace(/`/g, "\u02cb"), max));
  return `\`${body.trim() === "" ? "(empty)" : body}\``;
}

/** Where no code span can stand, in headers and in the text of a phone's lock screen: nothing that is markup anywhere. */
const plain = (text: string): string =>
  unlinked(text)
    .replace(/</g, "‹")
    .replace(/>/g, "›")
    .replace(/[`*_~]/g, "'");

function part(one: Part, max: number): string {
  if (typeof one === "string") return escaped(one);
  if ("said" in one) return code(one.said, max);
  if ("command" in one) return code(one.command, max);
  return `<${escaped(one.link)}|${escaped(one.label)}>`;
}

/** One section within its limit: long texts of others are cut shorter until all lines fit; our own words and links stay whole. */
function sectionText(title: string, lines: readonly Line[]): string {
  for (const max of [1_200, 600, 300, 150, 60]) {
    const text = [`*${title}*`, ...lines.map((line) => line.map((one) => part(one, max)).join(""))].join("\n");
    if (text.length <= SLACK_LIMITS.section) return text;
  }
  // Many decisions or receipts on one target: whole lines go, and it is said.
  const kept: string[] = [`*${title}*`];
  let length = title.length + 2;
  for (const [index, line] of lines.entries()) {
    const text = line.map((one) => part(one, 60)).join("");
    if (length + text.length + 1 > SLACK_LIMITS.section - 40) return [...kept, `… and ${lines.length - index} more`].join("\n");
    kept.push(text);
    length += text.length + 1;
  }
  return kept.join("\n");
}

function mark(view: IncidentView, { status }: Story): string {
  if (status.outcome === "done" || status.outcome === "skipped") return "✅ ";
  if (status.outcome === "failed" || status.outcome === "unknown") return "🚨 ";
  return view.alert !== null && rank(view.alert.priority) >= rank("Error") ? "🔴 " : "🟠 ";
}

/** Slack's message for an incoming webhook: the same story as everywhere, every text of others inert. */
export function renderSlack(view: IncidentView): SlackPayload {
  const story = tellStory(view);
  const title = `${mark(view, story)}${plain(story.headline)}`;
  const about = [
    view.alert === null ? "" : `Priority ${view.alert.priority}`,
    view.rule === null ? "no policy rule" : `policy rule ${code(said(view.rule).said, 128)}`,
    `incident ${code(said(view.incident).said, 80)}`,
  ];
  return {
    text: cut(
      escaped(cut(plain(`${story.headline} (${said(view.cluster?.name ?? "unknown cluster", 128).said})`), 400)),
      SLACK_LIMITS.text,
    ),
    blocks: [
      { type: "header", text: { type: "plain_text", text: cut(title, SLACK_LIMITS.header), emoji: false } },
      { type: "context", elements: [mrkdwn(about.filter((text) => text !== "").join("  ·  "))] },
      ...story.sections.map(({ title: name, lines }): SlackBlock => ({ type: "section", text: mrkdwn(sectionText(name, lines)) })),
    ],
  };
}
