import { readFileSync, writeFileSync } from "node:fs";
import { counted, type Digest, type Gist } from "#shared/domain/digest.ts";
import { renderDigestSlack } from "#shared/notify/digest.ts";
import { renderEvents } from "#shared/notify/events.ts";
import { renderNoticeSlack, renderNoticeSns } from "#shared/notify/notice.ts";
import { renderCard } from "#shared/notify/slack-card.ts";
import type { SlackPayload } from "#shared/notify/slack-parts.ts";
import { renderSns } from "#shared/notify/sns.ts";
import type { IncidentView } from "#shared/notify/view.ts";
import { decision, receipt, view } from "./views.ts";

const DOCUMENT = "docs/notifications.md";
const [BEGIN, END] = ["<!-- samples: begin (node test/notify/samples.ts writes them) -->", "<!-- samples: end -->"];
const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);

const at = (more: Partial<IncidentView>): IncidentView => view({ incident: "4f2a9c0d1e7b3a58", stage: "prod", ...more });

const fenced = (text: string, language = "text"): string => `\`\`\`${language}\n${text}\n\`\`\``;
const mail = (one: IncidentView): string => {
  const { subject, text } = renderSns(one);
  return fenced(`Subject: ${subject}\n\n${text}`);
};
/** What Slack is given, block by block; it shows *bold*, `code` and <link|label> as such. */
const slack = ({ blocks }: SlackPayload): string =>
  fenced(blocks.map((block) => ("text" in block ? block.text.text : block.elements.map((one) => one.text).join("  ·  "))).join("\n\n"));

function storm(): Digest {
  const gists: readonly (readonly [number, Gist])[] = [
    [98, { kind: "would-act", rule: "shells", cluster: "payments", action: null, urgent: false }],
    [22, { kind: "would-act", rule: "miners", cluster: "shop", action: null, urgent: false }],
    [20, { kind: "hold", rule: "shells", cluster: "shop", action: null, urgent: false }],
    [2, { kind: "done", rule: null, cluster: null, action: "ecs:stop-task", urgent: false }],
  ];
  let digest: Digest | null = null;
  let n = 0;
  for (const [times, gist] of gists)
    for (let i = 0; i < times; i += 1) digest = counted(digest, gist, (0x4f2a + n).toString(16).padStart(16, "0"), NOW + 400 * n++);
  if (digest === null) throw new Error("no message");
  return digest;
}

const PAUSED = {
  kind: "paused",
  subject: "fleet",
  severity: "critical",
  title: "Every action is paused",
  lines: [
    "Paused by arn:aws:iam::123456789012:user/ana at 2026-01-02T03:04:05Z.",
    "Alerts are still decided and told. Nothing is stopped or isolated.",
  ],
  remedy: "npm run responder -- resume --stage prod",
} as const;

const SAMPLES: readonly (readonly [title: string, sample: () => string])[] = [
  ["Observed only (mail)", () => mail(at({ decisions: [decision("would-act")] }))],
  [
    "Your answer is needed (mail)",
    () => mail(at({ decisions: [decision("await-approval", "ecs:scale-service-to-zero", "the action hits more than the offender")] })),
  ],
  ["Held (mail)", () => mail(at({ decisions: [decision("hold", "ecs:stop-task", "the cluster's budget is spent (12 in 10 min)")] }))],
  ["Stopped (mail)", () => mail(at({ phase: "outcome", decisions: [decision("act")], receipts: [receipt("done")] }))],
  [
    "Failed (mail)",
    () =>
      mail(
        at({ phase: "outcome", decisions: [decision("act")], receipts: [receipt("failed", "ecs:stop-task", "ECS answers AccessDenied")] }),
      ),
  ],
  [
    "Nobody knows (mail)",
    () =>
      mail(at({ phase: "outcome", decisions: [decision("act")], receipts: [receipt("unknown", "ecs:stop-task", "the answer was lost")] })),
  ],
  [
    "The card of an incident in Slack, updated in place",
    () =>
      slack(
        renderCard(at({ decisions: [decision("act")], receipts: [receipt("failed", "ecs:stop-task", "ECS answers AccessDenied")] }), [
          { target: "a", rank: 9, headline: "" },
          { target: "arn:aws:ecs:eu-west-1:123456789012:task/payments-prod/89ab", rank: 1, headline: "Task stopped" },
        ]),
      ),
  ],
  ["A digest in Slack", () => slack(renderDigestSlack({ digest: storm(), stage: "prod" }))],
  ["A notice in Slack", () => slack(renderNoticeSlack({ notice: PAUSED, atMs: NOW, stage: "prod" }))],
  ["The same notice (mail)", () => fenced(renderNoticeSns({ notice: PAUSED, atMs: NOW, stage: "prod" }).text)],
  [
    "An event on the bus (its detail)",
    () => {
      const [event] = renderEvents(at({ phase: "outcome", receipts: [receipt("done")] }), NOW, () => false);
      return fenced(JSON.stringify(JSON.parse(event?.detail ?? "{}"), null, 2), "json");
    },
  ],
];

/** What stands in docs/notifications.md, from the renderers as they are now. */
export const samples = (): string =>
  [BEGIN, "", ...SAMPLES.flatMap(([title, sample]) => [`### ${title}`, "", sample(), ""]), END].join("\n");

/** What stands there now. */
export function written(): string {
  const text = readFileSync(DOCUMENT, "utf8");
  return text.slice(text.indexOf(BEGIN), text.indexOf(END) + END.length);
}

if (process.argv[1] === import.meta.filename)
  writeFileSync(
    DOCUMENT,
    readFileSync(DOCUMENT, "utf8").replace(written(), () => samples()),
  );
