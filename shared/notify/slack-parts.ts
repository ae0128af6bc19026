import type { Part } from "#shared/notify/parts.ts";
import { cut, escaped, inert, unlinked } from "#shared/notify/text.ts";

/** Limits of Block Kit: https://docs.slack.dev/reference/block-kit/blocks (header 150, section 3000, 50 blocks of a message). */
export const SLACK_LIMITS = { blocks: 50, header: 150, section: 3_000, text: 3_000 } as const;

export interface SlackPayload {
  readonly text: string;
  readonly blocks: readonly SlackBlock[];
}

/** `verbatim`: Slack links nothing by itself, no URL, channel or mention (https://docs.slack.dev/reference/block-kit/composition-objects/text-object). */
type Mrkdwn = { readonly type: "mrkdwn"; readonly text: string; readonly verbatim: true };
export type SlackBlock =
  | { readonly type: "header"; readonly text: { readonly type: "plain_text"; readonly text: string; readonly emoji: false } }
  | { readonly type: "section"; readonly text: Mrkdwn }
  | { readonly type: "context"; readonly elements: readonly Mrkdwn[] }
  | { readonly type: "actions"; readonly elements: readonly Button[] };

type Plain = { readonly type: "plain_text"; readonly text: string; readonly emoji: false };
/** https://docs.slack.dev/reference/block-kit/block-elements/button-element */
export interface Button {
  readonly type: "button";
  readonly text: Plain;
  readonly action_id: string;
  readonly value: string;
  readonly style?: "primary" | "danger";
  /** https://docs.slack.dev/reference/block-kit/composition-objects/confirmation-dialog-object */
  readonly confirm: { readonly title: Plain; readonly text: Plain; readonly confirm: Plain; readonly deny: Plain };
}

export const plainText = (text: string, max: number): Plain => ({ type: "plain_text", text: cut(text, max), emoji: false });
const mrkdwn = (text: string): Mrkdwn => ({ type: "mrkdwn", text, verbatim: true });

export const header = (text: string): SlackBlock => ({
  type: "header",
  text: { type: "plain_text", text: cut(text, SLACK_LIMITS.header), emoji: false },
});
export const section = (text: string): SlackBlock => ({ type: "section", text: mrkdwn(text) });
export const context = (...texts: readonly string[]): SlackBlock => ({ type: "context", elements: texts.map(mrkdwn) });

/** Words of others stand in a code span: no backtick leaves it, and `&<>` start nothing. A cut never splits an escape. */
export function code(text: string, max: number): string {
  const body = escaped(cut(inert(text).replace(/`/g, "\u02cb"), max));
  return `\`${body.trim() === "" ? "(empty)" : body}\``;
}

/** Where no code span can stand, in headers and in the text of a phone's lock screen: nothing that is markup anywhere. */
export const plain = (text: string): string =>
  unlinked(text)
    .replace(/</g, "‹")
    .replace(/>/g, "›")
    .replace(/[`*_~]/g, "'");

/** What a phone's lock screen shows, and readers of screens read. */
export const fallback = (text: string): string => cut(escaped(cut(plain(text), 400)), SLACK_LIMITS.text);

export function part(one: Part, max: number): string {
  if (typeof one === "string") return escaped(one);
  if ("said" in one) return code(one.said, max);
  if ("command" in one) return code(one.command, max);
  return `<${escaped(one.link)}|${escaped(one.label)}>`;
}
