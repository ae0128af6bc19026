import { type Digest, type Group, MOST_INCIDENTS } from "#shared/domain/digest.ts";
import { said } from "#shared/notify/parts.ts";
import { code, context, fallback, header, type SlackPayload, section } from "#shared/notify/slack-parts.ts";
import type { SnsContent } from "#shared/notify/sns.ts";
import { seconds } from "#shared/notify/story.ts";
import { escaped, shellWord, unlinked } from "#shared/notify/text.ts";

export const DIGEST_SCHEMA = "falco-responder/digest/1";

/** `stage`: of the deployment; null: not known. */
export interface DigestView {
  readonly digest: Digest;
  readonly stage: string | null;
}

/** As people say it, most pressing first. */
const WORDS: readonly (readonly [kind: Group["kind"], words: string])[] = [
  ["act", "decided to act, outcome to come"],
  ["requested", "asked for, not confirmed yet"],
  ["refused", "refused or not approved, not done"],
  ["hold", "held, not done"],
  ["would-act", "observed only, would have acted"],
  ["tell", "only told"],
  ["done", "done and verified"],
  ["skipped", "had nothing left to do"],
  ["await-approval", "wait for an answer"],
  ["failed", "failed"],
  ["unknown", "unknown"],
];
const GROUPS = 6;
const SHOWN_INCIDENTS = 5;
const NAME = 80;

interface Line {
  readonly count: number;
  readonly words: string;
  /** The largest groups of it, in texts of ours around texts of others. */
  readonly of: readonly {
    readonly count: number;
    readonly rule: string | null;
    readonly cluster: string | null;
    readonly action: string | null;
  }[];
  /** Messages of the groups that are not shown. */
  readonly rest: number;
}

function linesOf({ groups }: Digest): readonly Line[] {
  return WORDS.flatMap(([kind, words]): Line[] => {
    const alike = groups.filter((group) => group.kind === kind);
    if (alike.length === 0) return [];
    const named = alike.filter(({ isRest }) => isRest !== true).toSorted((a, b) => b.count - a.count);
    const of = named
      .slice(0, GROUPS)
      .map(({ count, rule, cluster, action }) => ({ count, rule: name(rule), cluster: name(cluster), action }));
    const count = sum(alike);
    return [{ count, words, of, rest: count - sum(of) }];
  });
}

const name = (text: string | null): string | null => (text === null ? null : said(text, NAME).said);
const sum = (groups: readonly { readonly count: number }[]): number => groups.reduce((total, { count }) => total + count, 0);

function headline({ messages, incidents, isMore, sinceMs, untilMs }: Digest): string {
  const of = isMore ? `more than ${MOST_INCIDENTS} incidents` : `${incidents.length} ${incidents.length === 1 ? "incident" : "incidents"}`;
  const span = untilMs - sinceMs < 1_000 ? "at once" : `in ${seconds(untilMs - sinceMs)}`;
  return `${messages} more ${messages === 1 ? "message" : "messages"} about ${of} ${span}`;
}

const NOTHING_WAITS = "None of them waits for an answer, failed or is unknown: such a message always comes by itself.";
const commands = ({ digest, stage }: DigestView): readonly string[] =>
  digest.incidents
    .slice(0, SHOWN_INCIDENTS)
    .map((incident) => `npm run responder -- show ${shellWord(incident)}${stage === null ? "" : ` --stage ${shellWord(stage)}`}`);
const isCut = ({ incidents, isMore }: Digest): boolean => isMore || incidents.length > SHOWN_INCIDENTS;

/** Slack's digest: counts in our words, names of rules and clusters in code spans. */
export function renderDigestSlack(view: DigestView): SlackPayload {
  const { digest } = view;
  const lines = linesOf(digest).map(({ count, words, of, rest }) => {
    const parts = of.map((one) => `${one.count} ${spoken(one, (text) => code(text, NAME))}`);
    return `• *${count}* ${escaped(words)}${listed([...parts, ...(rest > 0 ? [`${rest} others`] : [])])}`;
  });
  const shown = commands(view).map((command) => code(command, 300));
  return {
    text: fallback(headline(digest)),
    blocks: [
      header(`🌊 ${headline(digest)}`),
      section(fitting(lines)),
      section([`*What to do next*`, `${NOTHING_WAITS} ${isCut(digest) ? "The first of them:" : "To look at them:"}`, ...shown].join("\n")),
      context(`Many messages at once are told as one a minute  ·  ${iso(digest.sinceMs)} to ${iso(digest.untilMs)}`),
    ],
  };
}

/** Eleven kinds of six groups with names of 80 characters that escaping may lengthen: whole lines go, and it is said. */
function fitting(lines: readonly string[]): string {
  const kept: string[] = [];
  let length = 0;
  for (const line of lines) {
    if (length + line.length > 2_900) return [...kept, "… more than fits here"].join("\n");
    kept.push(line);
    length += line.length + 1;
  }
  return kept.join("\n");
}

const listed = (parts: readonly string[]): string => (parts.length === 0 ? "" : ` (${parts.join("; ")})`);

function spoken(
  { rule, cluster, action }: { readonly rule: string | null; readonly cluster: string | null; readonly action: string | null },
  quote: (text: string) => string,
): string {
  const parts = [
    ...(action === null ? [] : [action]),
    ...(rule === null ? [] : [`rule ${quote(rule)}`]),
    ...(cluster === null ? [] : [`cluster ${quote(cluster)}`]),
  ];
  return parts.length === 0 ? "of no rule" : parts.join(", ");
}

/** SNS's form: mail for people, JSON of `falco-responder/digest/1` for programs. */
export function renderDigestSns(view: DigestView): SnsContent {
  const { digest, stage } = view;
  const text = [
    headline(digest),
    "",
    ...linesOf(digest).map(({ count, words, of, rest }) => {
      const parts = of.map((one) => `${one.count} ${spoken(one, unlinked)}`);
      return ` - ${count} ${words}${listed([...parts, ...(rest > 0 ? [`${rest} others`] : [])])}`;
    }),
    "",
    `${NOTHING_WAITS} ${isCut(digest) ? "The first of them:" : "To look at them:"}`,
    ...commands(view).map((command) => `      ${unlinked(command)}`),
    "",
    `Many messages at once are told as one a minute, ${iso(digest.sinceMs)} to ${iso(digest.untilMs)}`,
  ].join("\n");
  const groups = digest.groups.map(({ kind, rule, cluster, action, count, isRest }) => ({
    kind,
    rule: name(rule),
    cluster: name(cluster),
    action,
    count,
    rest: isRest === true,
  }));
  const document = {
    schema: DIGEST_SCHEMA,
    messages: digest.messages,
    incidents: digest.incidents.map((incident) => said(incident, 64).said),
    moreIncidents: digest.isMore,
    since: iso(digest.sinceMs),
    until: iso(digest.untilMs),
    groups,
    stage: stage === null ? null : said(stage, 64).said,
    text,
  };
  return {
    subject: `Falco: ${headline(digest)}`.slice(0, 99).trim(),
    text,
    body: JSON.stringify(document),
    attributes: {
      incident: "none",
      phase: "digest",
      cluster: "none",
      priority: "none",
      rule: "none",
      falcoRule: "none",
      decision: "none",
      outcome: "none",
    },
  };
}

const iso = (ms: number): string => new Date(ms).toISOString();
