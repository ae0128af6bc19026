import type { AlertBody, IncidentBody } from "#shared/ledger/incident.ts";
import { iso } from "#shared/ledger/items.ts";
import type { IncidentReport, Moment } from "#shared/report/report.ts";

/** Every moment that the ledger knows, in order. Clocks are those of who wrote: Falco's, CloudWatch's, ours. */
export function timelineOf(
  about: IncidentBody,
  bodies: readonly AlertBody[],
  { alerts, actions, questions, told }: Pick<IncidentReport, "alerts" | "actions" | "questions" | "told">,
): readonly Moment[] {
  const times = bodies.flatMap(({ alert }) => (alert.timeMs === null ? [] : [alert.timeMs]));
  const firstMs = times.length === 0 ? null : Math.min(...times);
  const moments: [at: string | null, what: string][] = [
    ...bodies.map(({ alert }): [string | null, string] => [
      alert.timeMs === null ? null : iso(alert.timeMs),
      `Falco saw it on ${alert.hostname ?? "a node that it does not name"}: ${alert.rule}`,
    ]),
    ...alerts.flatMap(({ accuser, receivedAt, decidedAt, decisions, id }): [string | null, string][] => [
      [accuser.eventAt, `CloudWatch Logs took the line of alert ${id.slice(0, 12)}`],
      [receivedAt, `ingest read and queued alert ${id.slice(0, 12)}`],
      [
        decidedAt,
        `decided about alert ${id.slice(0, 12)}: ${decisions.map(({ kind, action }) => `${kind} ${action}`).join(", ") || "tell"}`,
      ],
    ]),
    ...questions.flatMap(({ verb, action, askedAt, decidedAt, state, by, until }): [string | null, string][] => {
      if (verb === "expire") return [[until, `the time of ${action} ends: ${state}`]];
      const answered: [string | null, string] = [
        decidedAt,
        `${verb === "undo" ? "undo asked for" : (WORDS[state] ?? state)}: ${action}, by ${by ?? "nobody"}`,
      ];
      return verb === "undo" ? [answered] : [[askedAt, `people were asked about ${action}`], answered];
    }),
    ...actions.flatMap(({ action, undoing, outcome, claimedAt, requestedAt, verifiedAt, settledAt }): [string | null, string][] =>
      undoing
        ? [[settledAt, `undoing of ${action}: ${outcome}`]]
        : [
            [claimedAt, `claimed: ${action}`],
            [requestedAt, `requested: ${action}`],
            [verifiedAt, `seen in the world: ${action}`],
            [settledAt, `receipt of ${action}: ${outcome}`],
          ],
    ),
    ...told
      .filter(({ state }) => state === "sent")
      .map(({ at, channel, phase }): [string | null, string] => [at, `told ${channel}: ${phase}`]),
    [about.closedAtMs === null ? null : iso(about.closedAtMs), "incident closed"],
  ];
  return moments
    .flatMap(([at, what]) => (at === null ? [] : [{ at, what, sinceMs: firstMs === null ? null : Date.parse(at) - firstMs }]))
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}

const WORDS: Readonly<Record<string, string>> = { given: "approved", carried: "approved", denied: "denied" };
