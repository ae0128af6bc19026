import pc from "picocolors";
import type { Answer } from "#shared/pipeline/operate.ts";
import type { CallError } from "./call.ts";
import { incidentLines, incidentTable } from "./print/incident.ts";
import { muteTable, pauseLines, statusLines } from "./print/status.ts";
import { plain } from "./print/table.ts";
import { moment } from "./time.ts";

/** For a terminal. Names come from the control plane and the policy; whatever is not printable is shown as such. */
export function printAnswer(answer: Answer, nowMs: number = Date.now()): void {
  if (answer.kind === "refused") console.error(`${pc.red("refused")}: ${plain(answer.because)}`);
  else console.log(linesOf(answer, nowMs).join("\n"));
}

function linesOf(answer: Exclude<Answer, { readonly kind: "refused" }>, nowMs: number): readonly string[] {
  switch (answer.kind) {
    case "shown":
      return incidentLines(answer.summary, nowMs);
    case "accepted":
      return [
        `${pc.green("accepted")}: ${plain(answer.says)}`,
        ...(answer.summary === null ? [] : incidentLines(answer.summary, nowMs)),
        ...(answer.mute === undefined ? [] : [muteTable([answer.mute], nowMs)]),
        ...(answer.pauses === undefined || answer.pauses.length === 0 ? [] : ["what pauses now:", ...pauseLines(answer.pauses, nowMs)]),
      ];
    case "listed":
      return listLines(answer, nowMs);
    case "mutes":
      return [answer.mutes.length === 0 ? "nothing is muted" : muteTable(answer.mutes, nowMs)];
    case "status":
      return statusLines(answer, nowMs);
  }
}

const listLines = ({ incidents, next, sinceMs }: Extract<Answer, { readonly kind: "listed" }>, nowMs: number): readonly string[] => [
  incidents.length === 0 ? `no incident fits, back to ${moment(sinceMs, nowMs)}` : incidentTable(incidents, nowMs),
  ...(next === null ? [] : [`there are more: add --cursor ${plain(next)}`]),
];

export const explain = (error: CallError): string => `${pc.red("error")}: ${plain(error.message)}\n${error.remedy}`;
