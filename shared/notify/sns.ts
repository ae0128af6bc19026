import { notificationDocument } from "#shared/notify/document.ts";
import { type Part, said } from "#shared/notify/parts.ts";
import { type Story, tellStory } from "#shared/notify/story.ts";
import { ascii, clean, cut, inert, unlinked } from "#shared/notify/text.ts";
import type { IncidentView } from "#shared/notify/view.ts";

/** Limits of SNS: subject under 100 printable ASCII characters, message 256 KB (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html). */
export const SNS_LIMITS = { subject: 99, bytes: 262_144, text: 12_000, attribute: 256 } as const;

export interface SnsContent {
  readonly subject: string;
  /** For people: what mail subscribers get. */
  readonly text: string;
  /** For programs: JSON of `falco-responder/notification/1`, what every other subscriber gets. */
  readonly body: string;
  /** For filter policies. Never empty. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** SNS's notification: subject, readable text for mail, JSON for programs, attributes for filter policies. */
export function renderSns(view: IncidentView): SnsContent {
  const story = tellStory(view);
  const text = plainText(view, story);
  return {
    subject: subject(view, story),
    text,
    body: JSON.stringify(notificationDocument(view, story.status, text)),
    attributes: attributes(view, story),
  };
}

/** A long headline is cut, never the cluster: who reads only subjects must know where. */
function subject(view: IncidentView, story: Story): string {
  const end = plainSubject(` [${cut(said(view.cluster?.name ?? "unknown cluster").said, 24)}]`).slice(0, 40);
  const begin = plainSubject(`Falco ${view.alert?.priority ?? "alert"}: ${story.headline}`);
  return `${begin.slice(0, SNS_LIMITS.subject - end.length).trim()}${end}`.trim();
}

/** SNS wants a subject that begins with a letter, number or punctuation mark. Full-width letters become plain ones first, and no link then. */
export const plainSubject = (text: string): string => ascii(unlinked(ascii(inert(text)))).replace(/\s+/g, " ");

/** A mail client makes links of anything that looks like one: only ours are left. */
function part(one: Part): string {
  if (typeof one === "string") return one;
  if ("said" in one) return unlinked(one.said);
  if ("command" in one) return `\n      ${unlinked(one.command)}\n   `;
  return `${one.label}: ${one.link} `;
}

function plainText(view: IncidentView, story: Story): string {
  const lines = [unlinked(story.headline), ""];
  for (const { title, lines: content } of story.sections) {
    lines.push(title.toUpperCase());
    for (const line of content) lines.push(` - ${line.map(part).join("").trimEnd()}`);
    lines.push("");
  }
  lines.push(
    `Incident ${unlinked(said(view.incident, 128).said)}${view.rule === null ? "" : `, policy rule ${unlinked(said(view.rule, 128).said)}`}`,
  );
  return cut(lines.join("\n"), SNS_LIMITS.text);
}

function attributes(view: IncidentView, { status }: Story): Record<string, string> {
  const value = (text: string | null | undefined): string => {
    const shown = cut(clean(text ?? ""), SNS_LIMITS.attribute);
    return shown === "" ? "none" : shown;
  };
  return {
    incident: value(view.incident),
    phase: view.phase,
    cluster: value(view.cluster?.name),
    priority: value(view.alert?.priority),
    rule: value(view.rule),
    falcoRule: value(view.alert?.rule),
    decision: status.decision,
    outcome: status.outcome,
  };
}
