import { code } from "#shared/report/inert.ts";
import { actionLines, alertLines, policyLines, questionLines, targetLines } from "#shared/report/parts.ts";
import type { IncidentReport, RecordPart, Verified } from "#shared/report/report.ts";

/** The report as Markdown. Our words are plain; every other text is a code span that it cannot leave. */
export function reportMarkdown(report: IncidentReport): string {
  const { incident, state, who, cluster, rule, openedAt, closedAt, count, alerts, alertsLeftOut, timeline, told } = report;
  const lines = [
    `# Incident ${code(incident)}`,
    "",
    `- State: ${state}, opened ${openedAt}${closedAt === null ? "" : `, closed ${closedAt}`}`,
    `- Who: ${code(who)} in ${cluster === null ? "no registered cluster" : `cluster ${code(cluster)}`}`,
    `- Policy rule: ${rule === null ? "none matched" : code(rule)}`,
    `- Alerts: at least ${count}`,
    `- Made: ${report.madeAt}, from the ledger; the record of proof is named at the end`,
    "",
    "## Alerts",
    ...alerts.flatMap(alertLines),
    ...(alertsLeftOut === 0 ? [] : ["", `${alertsLeftOut} more alerts of this incident stand in the ledger and are left out here.`]),
    "",
    "## Targets",
    ...orNone(report.targets.flatMap(targetLines), "None was verified: nothing could be acted on."),
    "",
    "## Policy in force",
    ...orNone(report.policies.flatMap(policyLines), "The ledger does not say."),
    "",
    "## Questions and answers",
    ...orNone(report.questions.flatMap(questionLines), "Nobody was asked."),
    "",
    "## What was done",
    ...orNone(report.actions.flatMap(actionLines), "Nothing."),
    "",
    "## Who was told",
    ...orNone(
      told.map(
        ({ channel, phase, state: became, at, attempts, because }) =>
          `- ${at} ${code(channel)}: ${phase}, ${became} after ${attempts} ${attempts === 1 ? "attempt" : "attempts"}${because === null ? "" : `, ${code(because)}`}`,
      ),
      "Nobody.",
    ),
    "",
    "## Timeline",
    ...timeline.map(({ at, what, sinceMs }) => `- ${at}${sinceMs === null ? "" : ` (${seconds(sinceMs)})`} ${code(what)}`),
    "",
    "## Record of proof",
    ...recordLines(report.record),
  ];
  return `${lines.join("\n")}\n`;
}

const orNone = (lines: readonly string[], none: string): readonly string[] => (lines.length === 0 ? [none] : lines);

const seconds = (ms: number): string => `${ms < 0 ? "-" : "+"}${(Math.abs(ms) / 1_000).toFixed(3)} s`;

function recordLines({ objects, notRecorded, verified }: RecordPart): readonly string[] {
  return [
    ...orNone(
      objects.map(({ key, sha256, records }) => `- ${code(key)}, ${records} records, SHA-256 of its text ${code(sha256)}`),
      "No object of the audit bucket holds anything of this incident (yet: it is up to a minute behind).",
    ),
    ...(notRecorded.length === 0 ? [] : ["", "In the ledger and in no object (yet):", ...notRecorded.map((name) => `- ${code(name)}`)]),
    "",
    ...(verified === null ? ["Not verified: ask with --verify."] : verifiedLines(verified)),
  ];
}

function verifiedLines(verified: readonly Verified[]): readonly string[] {
  const count = (result: Verified["result"]): number => verified.filter((one) => one.result === result).length;
  return [
    `Verified: ${count("matches")} match, ${count("differs")} differ, ${count("missing")} are missing, ${count("left")} were not read.`,
    ...verified.map(({ what, name, result }) => `- ${result}: ${what} ${code(name)}`),
  ];
}
