import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** Runs a command with inherited output; resolves with its exit code (128 for a signal). */
export const run = (command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<number> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: "inherit", env });
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 128));
  });

/** Prints the closing line and, for `.ci/run`, leaves the counts in the file that FALCO_RESPONDER_COUNTS names. Ends the process. */
export function finish(counts: Counts): never {
  const file = process.env["FALCO_RESPONDER_COUNTS"];
  if (file) writeFileSync(file, `${counts.passed} ${counts.failed} ${counts.skipped}\n`);
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
  if (!file) console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
  process.exit(counts.failed > 0 || counts.passed === 0 ? 1 : 0);
}
