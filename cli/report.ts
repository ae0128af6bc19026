import { writeFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { messageOf } from "#shared/domain/error.ts";
import { inert } from "#shared/notify/text.ts";
import { inertJson } from "#shared/report/inert.ts";
import { reportMarkdown } from "#shared/report/markdown.ts";
import type { IncidentReport } from "#shared/report/report.ts";
import { explain } from "./answer.ts";
import { askReport, CallError, findUrl } from "./call.ts";

interface ReportOptions {
  readonly stage: string;
  readonly region?: string;
  readonly url?: string;
  readonly json?: true;
  readonly format: "md" | "json";
  readonly out?: string;
  readonly verify?: true;
}

/** 0 given, and with --verify all of it matches; 1 refused, or something differs or is missing; 3 it cannot be asked or written. */
const REFUSED = 1;
const TROUBLE = 3;

/** `report <incident>` under `parent`. `incidentId` checks the argument. */
export function addReport(parent: Command, incidentId: (text: string) => string): void {
  parent
    .command("report")
    .description("Report an incident for an auditor, from the syscall to the undo.")
    .argument("<incident>", "16 hex digits, as in the notification", incidentId)
    .addOption(new Option("--format <format>", "Markdown, or JSON (as --json)").choices(["md", "json"]).default("md"))
    .option("--out <file>", "write it into a new file")
    .option("--verify", "read records and evidence again and compare their hashes")
    .action((incident: string, _own: unknown, self: Command) => give(incident, self.optsWithGlobals<ReportOptions>()));
}

async function give(incident: string, { stage, region, url, json, format, out, verify }: ReportOptions): Promise<void> {
  try {
    const answer = await askReport(url ?? (await findUrl(stage, region)), { incident, verify: verify === true }, region);
    if (answer.kind === "refused") {
      console.error(`refused: ${inert(answer.because)}`);
      process.exitCode = REFUSED;
      return;
    }
    const text = format === "json" || json === true ? `${inertJson(answer.report)}\n` : reportMarkdown(answer.report);
    if (out === undefined) process.stdout.write(text);
    else keep(out, text);
    process.exitCode = holds(answer.report) ? 0 : REFUSED;
  } catch (thrown) {
    if (!(thrown instanceof CallError)) throw thrown;
    console.error(explain(thrown));
    process.exitCode = TROUBLE;
  }
}

/** What was not read proves nothing against it; the report says so. */
const holds = ({ record }: IncidentReport): boolean =>
  record.verified === null || record.verified.every(({ result }) => result === "matches" || result === "left");

/** A report never takes the place of another file. */
function keep(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: "wx", mode: 0o600 });
  } catch (cause) {
    throw new CallError(`the report cannot be written: ${messageOf(cause)}`, "give --out a file that does not exist yet", { cause });
  }
}
