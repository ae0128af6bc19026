import pc from "picocolors";
import { inert } from "#shared/notify/text.ts";
import type { Answer, IncidentSummary } from "#shared/pipeline/operate.ts";
import type { CallError } from "./call.ts";

/** For a terminal. Names come from the control plane and the policy; whatever is not printable is shown as such. */
export function printAnswer(answer: Answer): void {
  if (answer.kind === "refused") console.error(`${pc.red("refused")}: ${plain(answer.because)}`);
  if (answer.kind === "accepted") console.log(`${pc.green("accepted")}: ${plain(answer.says)}`);
  if (answer.summary !== null && answer.kind !== "refused") console.log(lines(answer.summary).join("\n"));
}

export const explain = (error: CallError): string => `${pc.red("error")}: ${plain(error.message)}\n${error.remedy}`;

function lines({ incident, cluster, who, rule, state, actions }: IncidentSummary): readonly string[] {
  const head = `incident ${pc.bold(incident)} (${plain(state)}): ${plain(who)} in ${plain(cluster ?? "no registered cluster")}, policy rule ${plain(rule ?? "(none)")}`;
  if (actions.length === 0) return [head, "  nothing was done, and nothing waits"];
  return [
    head,
    ...actions.flatMap(({ key, who: target, state: became, because, undo, by }) => [
      `  ${pc.bold(plain(key))} on ${plain(target)}: ${plain(became)}${by === null ? "" : ` (by ${plain(by)})`}`,
      `    ${plain(because)}`,
      ...(undo === "" ? [] : [`    undo: ${plain(undo)}`]),
    ]),
  ];
}

/** A terminal obeys control characters, and turns text around for some: none goes out. */
const plain = inert;
