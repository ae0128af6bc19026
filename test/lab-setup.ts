import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startControlPlane, startEmulator } from "../lab/lab.ts";
import { CALLS_FOLDER, compareRights, leftRuns } from "./e2e/rights-used.ts";

/**
 * What every test of the lab project shares: an emulator for the contract suites and a control plane. Their addresses go to the tests by the
 * environment, the control plane's by the file that FALCO_RESPONDER_TEST_KUBE names.
 */
export default async function setup(): Promise<() => Promise<void>> {
  const tell = (line: string): void => console.error(`[lab] ${line}`);
  const [emulator, plane] = await Promise.all([startEmulator({ tell }), startControlPlane({ tell })]);
  const folder = mkdtempSync(join(tmpdir(), "falco-responder-lab-tests-"));
  if (plane.adminToken !== null) {
    const file = join(folder, "control-plane.json");
    const { server, caData, responderToken, adminToken, tokenWebhook, audit } = plane;
    const found = { server, caData, token: responderToken, adminToken, tokenWebhook, audit };
    writeFileSync(file, JSON.stringify(found), { mode: 0o600 });
    process.env["FALCO_RESPONDER_TEST_KUBE"] = file;
  }
  Object.assign(process.env, emulator.env);
  const calls = join(folder, "calls");
  mkdirSync(calls);
  process.env[CALLS_FOLDER] = calls;
  return async () => {
    await plane.stop();
    await emulator.stop();
    try {
      compareAll(calls, tell);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
}

/** Every role against what all runs together have called. Throws, which fails the run, when a right is missing or nobody uses it. */
function compareAll(folder: string, tell: (line: string) => void): void {
  const { runs, absent } = leftRuns(folder, join(import.meta.dirname, "e2e"));
  if (absent.length > 0) {
    tell(`roles are not compared with what was called: ${absent.join(", ")} did not run`);
    return;
  }
  const { missing, unused } = compareRights(runs);
  const calls = new Set(runs.flatMap((run) => run.calls.map((call) => JSON.stringify(call))));
  tell(`roles compared with ${calls.size} operations of ${runs.length} runs: ${missing.length} rights missing, ${unused.length} unused`);
  if (missing.length + unused.length > 0)
    throw new Error(`rights missing: ${missing.join(", ") || "none"}; rights that nobody uses: ${unused.join(", ") || "none"}`);
}
