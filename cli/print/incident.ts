import pc from "picocolors";
import type { IncidentRow, IncidentSummary } from "#shared/pipeline/operate.ts";
import { age, moment } from "../time.ts";
import { type Cell, plain, table } from "./table.ts";

export function incidentLines(summary: IncidentSummary, nowMs: number): readonly string[] {
  const { incident, cluster, who, rule, state, actions } = summary;
  return [
    `incident ${pc.bold(incident)} (${plain(state)}): ${plain(who)} in ${plain(cluster ?? "no registered cluster")}, policy rule ${plain(rule ?? "(none)")}`,
    ...timeLines(summary, nowMs),
    ...(actions.length === 0 ? ["  nothing was done, and nothing waits"] : []),
    ...actions.flatMap(({ key, who: target, state: became, because, undo, by }) => [
      `  ${pc.bold(plain(key))} on ${plain(target)}: ${plain(became)}${by === null ? "" : ` (by ${plain(by)})`}`,
      `    ${plain(because)}`,
      ...(undo === "" ? [] : [`    undo: ${plain(undo)}`]),
    ]),
  ];
}

/** A service of an earlier version does not say these. */
function timeLines({ firstAlertAtMs, lastAlertAtMs, closedAtMs, count }: Partial<IncidentSummary>, nowMs: number): readonly string[] {
  if (firstAlertAtMs === undefined || lastAlertAtMs === undefined) return [];
  return [
    `  first alert ${moment(firstAlertAtMs, nowMs)}, last ${moment(lastAlertAtMs, nowMs)}, at least ${count ?? 1} in all`,
    ...(closedAtMs === undefined || closedAtMs === null ? [] : [`  closed ${moment(closedAtMs, nowMs)}`]),
  ];
}

const HEAD = ["INCIDENT", "STATE", "CLUSTER", "WHO", "RULE", "ALERTS", "OPENED", "LAST", "WAITS"];

export const incidentTable = (rows: readonly IncidentRow[], nowMs: number): string =>
  table(
    HEAD,
    rows.map(({ incident, state, cluster, who, rule, count, firstAlertAtMs, lastAlertAtMs, waiting }): readonly Cell[] => [
      { text: incident, colour: pc.bold },
      { text: state, ...(state === "open" ? { colour: pc.yellow } : {}) },
      { text: cluster ?? "(none)" },
      { text: who },
      { text: rule ?? "(none)" },
      { text: `${count}+` },
      { text: age(firstAlertAtMs, nowMs) },
      { text: age(lastAlertAtMs, nowMs) },
      waiting > 0 ? { text: `${waiting} for a person`, colour: pc.red } : { text: "-" },
    ]),
  );
