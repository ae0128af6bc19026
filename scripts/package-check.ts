import { spawn } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** Lambda takes 250 MB unzipped; a bundle near this limit (bytes, zipped) starts slowly and says that something was bundled that should not be. */
const ZIP_MAX = 2_000_000;

export interface Packaging {
  readonly stage: string;
  /** Folder for templates and zips, relative to the repository root. */
  readonly out: string;
  /** Another falco-responder.yml. */
  readonly config?: string;
}

/**
 * `serverless package` with made-up credentials and no network: what the gate and a pipeline without an account run.
 * Resolves with the exit code and the output.
 */
export function packageService({ stage, out, config }: Packaging): Promise<{ readonly code: number; readonly output: string }> {
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    AWS_ACCESS_KEY_ID: "none",
    AWS_SECRET_ACCESS_KEY: "none",
    AWS_ACCOUNT_ID: process.env["AWS_ACCOUNT_ID"] ?? "000000000000",
    AWS_EC2_METADATA_DISABLED: "true",
    // Nothing listens there: a packaging that asks AWS anything fails.
    AWS_ENDPOINT_URL: "http://127.0.0.1:9",
    SLS_NOTIFICATIONS_MODE: "off",
    SLS_TELEMETRY_DISABLED: "1",
    ...(config === undefined ? {} : { FALCO_RESPONDER_CONFIG: config }),
  };
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["node_modules/.bin/serverless", "package", "--stage", stage, "--package", out], { env });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    }
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? 128, output }));
  });
}

/** Sizes of the bundles (bytes, zipped) by function. */
export const bundleSizes = (out: string): ReadonlyMap<string, number> =>
  new Map(
    readdirSync(out)
      .filter((name) => name.endsWith(".zip"))
      .map((name) => [name.slice(0, -".zip".length), statSync(join(out, name)).size]),
  );

async function main(): Promise<number> {
  const out = ".build/package-check";
  const { code, output } = await packageService({ stage: "check", out });
  if (code !== 0) {
    console.error(output);
    return code;
  }
  const sizes = bundleSizes(out);
  for (const [name, bytes] of sizes) console.log(`${name.padEnd(20)} ${(bytes / 1000).toFixed(0)} kB`);
  const tooLarge = [...sizes].filter(([, bytes]) => bytes > ZIP_MAX).map(([name]) => name);
  if (tooLarge.length > 0) console.error(`larger than ${ZIP_MAX / 1_000_000} MB: ${tooLarge.join(", ")}`);
  if (sizes.size === 0) console.error("no bundle was made");
  return tooLarge.length > 0 || sizes.size === 0 ? 1 : 0;
}

if (import.meta.main) process.exit(await main());
