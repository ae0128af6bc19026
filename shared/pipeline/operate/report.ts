import { type Actor, actorText } from "#shared/domain/actor.ts";
import type { OperatePorts } from "#shared/pipeline/operate/ports.ts";
import { report } from "#shared/pipeline/report.ts";
import type { ArchiveReader } from "#shared/ports/archive.ts";
import type { IncidentReport } from "#shared/report/report.ts";
import type { ReportRequest } from "#shared/wire/report.ts";

/** What was kept, to be read again. */
export interface Kept {
  readonly audit: ArchiveReader;
  readonly evidence: ArchiveReader;
}

export type ReportAnswer =
  | { readonly kind: "reported"; readonly report: IncidentReport }
  | { readonly kind: "refused"; readonly because: string; readonly summary: null };

/** A function URL answers at most 6 MB: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const MOST_CHARS = 1_800_000;

/** Reads, and changes nothing. Who asked stands in the log. */
export async function giveReport(
  { incident, verify }: ReportRequest,
  by: Actor,
  { table, clock, telemetry }: OperatePorts,
  kept: Kept,
  signal: AbortSignal,
): Promise<ReportAnswer> {
  const found = await report(incident, { verify }, { table, clock, ...kept }, signal);
  telemetry.info("Report given", { incident, by: actorText(by), found: found !== null, verify });
  if (found === null) return { kind: "refused", because: `there is no incident ${incident}`, summary: null };
  return { kind: "reported", report: fitting(found) };
}

/** Whoever floods an incident with long alerts must not make it one that nobody can read: the middle ones are left out. */
function fitting(whole: IncidentReport): IncidentReport {
  let report = whole;
  while (JSON.stringify(report).length > MOST_CHARS && report.alerts.length > 2) {
    const half = Math.floor(report.alerts.length / 4);
    const alerts = [...report.alerts.slice(0, Math.max(1, half)), ...report.alerts.slice(-Math.max(1, half))];
    report = { ...report, alerts, alertsLeftOut: report.alertsLeftOut + report.alerts.length - alerts.length };
  }
  return report;
}
