import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stackOutputs } from "./aws.ts";
import { runToEnd } from "./children.ts";
import type { Emulator } from "./emulator/emulator.ts";
import { ROOT } from "./paths.ts";

/** A deployed stack: its name and outputs (queues, buckets, topics, table). */
export interface Deployment {
  readonly stack: string;
  readonly stage: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly ms: number;
}

export const STAGE = "lab";

/**
 * The real `serverless deploy` of this checkout against the emulator, with the given falco-responder.yml (the policy is the one it names).
 * The child sees no account, profile or home of the user. Throws with the end of its output when it fails.
 */
export async function deploy(
  emulator: Emulator,
  options: { readonly config: string; readonly stage?: string; readonly onLine?: (line: string) => void },
): Promise<Deployment> {
  const stage = options.stage ?? STAGE;
  const started = Date.now();
  const home = mkdtempSync(join(tmpdir(), "falco-responder-deploy-"));
  try {
    await runToEnd(process.execPath, [join(ROOT, "node_modules/osls/bin/serverless.js"), "deploy", "--stage", stage], {
      cwd: ROOT,
      // osls has been seen to stay after it reported an error.
      deadlineMs: 600_000,
      ...(options.onLine ? { onLine: options.onLine } : {}),
      env: {
        PATH: process.env["PATH"],
        HOME: home,
        LANG: "C.UTF-8",
        CI: "1",
        SLS_TELEMETRY_DISABLED: "1",
        SLS_NOTIFICATIONS_MODE: "off",
        SLS_INTERACTIVE_SETUP_ENABLE: "0",
        FALCO_RESPONDER_CONFIG: options.config,
        ...emulator.env,
      },
    });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
  const stack = `falco-responder-${stage}`;
  const outputs = await stackOutputs(emulator, stack);
  if (outputs === null) throw new Error(`serverless deploy ended well, and stack ${stack} does not exist`);
  return { stack, stage, outputs, ms: Date.now() - started };
}
