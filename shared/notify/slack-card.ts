import type { Outcome } from "#shared/domain/receipt.ts";
import { type Status, said } from "#shared/notify/parts.ts";
import { aboutLine, mark, sectionText } from "#shared/notify/slack.ts";
import { slackButtons } from "#shared/notify/slack-buttons.ts";
import { code, context, fallback, header, plain, type SlackBlock, type SlackPayload, section } from "#shared/notify/slack-parts.ts";
import { tellStory } from "#shared/notify/story.ts";
import { escaped } from "#shared/notify/text.ts";
import type { IncidentView } from "#shared/notify/view.ts";

/** What the card says of another target of the incident. */
export interface OtherTarget {
  readonly target: string | null;
  readonly rank: number;
  readonly headline: string;
}

const OUTCOME_RANK: Readonly<Record<Outcome, number>> = { failed: 9, unknown: 9, requested: 6, refused: 5, done: 1, skipped: 1 };
const DECISION_RANK: Readonly<Record<Status["decision"], number>> = { "await-approval": 8, act: 7, hold: 4, "would-act": 3, tell: 2 };

/** How much a target needs a person: the card shows the highest. */
export const rankOf = ({ decision, outcome }: Status): number => (outcome === "none" ? DECISION_RANK[decision] : OUTCOME_RANK[outcome]);

const LISTED = 8;
const TARGET_CHARS = 90;

/** Slack's one message about an incident: what it is, what has become of it, what is wanted. The whole of it stands in the thread. */
export function renderCard(view: IncidentView, targets: readonly OtherTarget[]): SlackPayload {
  const story = tellStory(view);
  const others = targets.slice(1);
  const [happened, where, done, , next] = story.sections;
  const wanted = rankOf(story.status) >= OUTCOME_RANK.refused ? [next] : [];
  return {
    text: fallback(`${story.headline} (${said(view.cluster?.name ?? "unknown cluster", 128).said})`),
    blocks: [
      header(`${mark(view, story)}${plain(story.headline)}`),
      context(aboutLine(view)),
      ...[happened, where, done, ...wanted].flatMap((one): SlackBlock[] =>
        one === undefined ? [] : [section(sectionText(one.title, one.lines.slice(0, 3)))],
      ),
      ...(others.length === 0 ? [] : [section(otherTargets(others))]),
      ...slackButtons(view),
      context("Kept up to date; the details are in the thread."),
    ],
  };
}

function otherTargets(others: readonly OtherTarget[]): string {
  const lines = others
    .slice(0, LISTED)
    .map(
      ({ target, headline }) =>
        `• ${target === null ? "no verified target" : code(shortOf(target), TARGET_CHARS)}: ${escaped(plain(headline))}`,
    );
  const more = others.length - LISTED;
  return ["*Also in this incident*", ...lines, ...(more > 0 ? [`… and ${more} more, in the thread`] : [])].join("\n");
}

const shortOf = (target: string): string => said(target.slice(target.lastIndexOf("/") + 1), TARGET_CHARS).said;
