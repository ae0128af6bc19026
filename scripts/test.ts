import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Counts, finish, run } from "./steps.ts";

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

/** All tests. The lab's slow builds run beside the tests that do not need them; a project that finds no test has failed. */
const only = process.argv.slice(2);
const projects = ["unit", "infra", "lab"].filter((project) => only.length === 0 || only.includes(project));
if (projects.length === 0) {
  console.error(`no such tests: ${only.join(" ")}. Known: unit, infra, lab`);
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), "falco-responder-test-"));
const building = projects.includes("lab") ? spawn("node", ["lab/setup.ts"], { stdio: "inherit" }) : null;
const built = new Promise<number>((resolve) => (building ? building.once("exit", (code) => resolve(code ?? 1)) : resolve(0)));

const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
for (const project of projects) {
  if (project === "lab" && (await built) !== 0) {
    console.error("the lab could not be set up: see above");
    counts.failed++;
    break;
  }
  const file = join(folder, `${project}.json`);
  const code = await run("vitest", ["run", "--project", project, "--reporter=default", "--reporter=json", `--outputFile.json=${file}`]);
  add(project, file, code);
}
rmSync(folder, { recursive: true, force: true });
finish(counts);

function add(project: string, file: string, code: number): void {
  let report: Report;
  try {
    report = JSON.parse(readFileSync(file, "utf8")) as Report;
  } catch {
    console.error(`${project}: vitest left no report`);
    counts.failed++;
    return;
  }
  // A file that fails before its first test (a broken import) is no failed test: count it as one.
  const broken = report.testResults.filter((result) => result.status === "failed" && result.assertionResults.length === 0).length;
  counts.passed += report.numPassedTests;
  counts.failed += report.numFailedTests + broken;
  counts.skipped += report.numPendingTests + report.numTodoTests;
  if (report.numPassedTests === 0 || (code !== 0 && report.numFailedTests + broken === 0)) {
    console.error(`${project}: no test passed, or vitest failed outside the tests (exit ${code})`);
    counts.failed++;
  }
}
