import { rank } from "#shared/domain/priority.ts";
import { type Line, said } from "#shared/notify/parts.ts";
import { slackButtons } from "#shared/notify/slack-buttons.ts";
import { code, context, fallback, header, part, plain, SLACK_LIMITS, type SlackPayload, section } from "#shared/notify/slack-parts.ts";
import { type Story, tellStory } from "#shared/notify/story.ts";
import type { IncidentView } from "#shared/notify/view.ts";

/** One section within its limit: long texts of others are cut shorter until all lines fit; our own words and links stay whole. */
export function sectionText(title: string, lines: readonly Line[]): string {
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

export function mark(view: IncidentView, { status }: Story): string {
  if (status.outcome === "done" || status.outcome === "skipped") return "✅ ";
  if (status.outcome === "failed" || status.outcome === "unknown") return "🚨 ";
  return view.alert !== null && rank(view.alert.priority) >= rank("Error") ? "🔴 " : "🟠 ";
}

/** Priority, policy rule and incident, in small print. */
export function aboutLine(view: IncidentView): string {
  const about = [
    view.alert === null ? "" : `Priority ${view.alert.priority}`,
    view.rule === null ? "no policy rule" : `policy rule ${code(said(view.rule).said, 128)}`,
    `incident ${code(said(view.incident).said, 80)}`,
  ];
  return about.filter((text) => text !== "").join("  ·  ");
}

/** A webhook cannot change what it has posted, and a reader should know. */
const BY_WEBHOOK = "By webhook: this message is not updated, what becomes of it is another message.";

/** Slack's message with the whole story, every text of others inert. `small`: small print at its end. */
export function renderSlack(view: IncidentView, small: string | null = null): SlackPayload {
  const story = tellStory(view);
  return {
    text: fallback(`${story.headline} (${said(view.cluster?.name ?? "unknown cluster", 128).said})`),
    blocks: [
      header(`${mark(view, story)}${plain(story.headline)}`),
      context(aboutLine(view)),
      ...story.sections.map(({ title: name, lines }) => section(sectionText(name, lines))),
      ...slackButtons(view),
      ...(small === null ? [] : [context(small)]),
    ],
  };
}

/** The same for an incoming webhook, which says in the first message of an incident what it cannot do. */
export const renderSlackWebhook = (view: IncidentView): SlackPayload => renderSlack(view, view.phase === "decision" ? BY_WEBHOOK : null);
