import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startControlPlane, startEmulator } from "../lab/lab.ts";

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
    const { server, caData, responderToken, adminToken } = plane;
    writeFileSync(file, JSON.stringify({ server, caData, token: responderToken, adminToken }), { mode: 0o600 });
    process.env["FALCO_RESPONDER_TEST_KUBE"] = file;
  }
  Object.assign(process.env, emulator.env);
  return async () => {
    await plane.stop();
    await emulator.stop();
    rmSync(folder, { recursive: true, force: true });
  };
}
