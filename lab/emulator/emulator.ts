import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Child, freePort, startChild } from "../children.ts";
import { waitFor } from "../wait.ts";
import { emulatorVenv } from "./venv.ts";

/** An operation that a Lambda function has called: https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html */
export interface Call {
  /** Name of the function. */
  readonly principal: string;
  /** As ministack calls the service: dynamodb, sqs, ... */
  readonly service: string;
  readonly action: string;
}

/** A running local AWS. `env` is what a client or a deploy needs to speak to it and to nothing else. */
export interface Emulator {
  readonly endpoint: string;
  readonly region: string;
  readonly account: string;
  readonly env: Readonly<Record<string, string>>;
  readonly log: string;
  /** Its process; the Lambdas are its children. */
  readonly pid: number;
  /** What it wrote last, Lambda output included. */
  tail(): string;
  /** What the deployed functions have called so far, each operation of each function once. */
  calls(): readonly Call[];
  /** Stops it and removes its files. */
  stop(): Promise<void>;
}

export const REGION = "eu-central-1";
export const ACCOUNT = "000000000000";

/** Starts the pinned, patched ministack on loopback and a free port, with nothing in it. About 3 s when installed. */
export async function startEmulator(
  options: {
    readonly tell?: (line: string) => void;
    /** What the Lambdas find beside their own settings, such as `AWS_ENDPOINT_URL_ECS` of a double. */
    readonly lambdaEnv?: Readonly<Record<string, string>>;
  } = {},
): Promise<Emulator> {
  const bin = await emulatorVenv(options.tell);
  const port = await freePort();
  const files = mkdtempSync(join(tmpdir(), "falco-responder-aws-"));
  const log = join(files, "emulator.log");
  const calls = join(files, "calls.jsonl");
  const endpoint = `http://127.0.0.1:${port}`;
  // Dummy keys and no profile: a request that misses the emulator must fail, never reach an account.
  const env = {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_SESSION_TOKEN: "",
    AWS_PROFILE: "",
    AWS_CONFIG_FILE: join(files, "no-config"),
    AWS_SHARED_CREDENTIALS_FILE: join(files, "no-credentials"),
    AWS_EC2_METADATA_DISABLED: "true",
  };
  const child = startChild("emulator", join(bin, "python"), ["-u", join(import.meta.dirname, "launch.py")], {
    log,
    cwd: files,
    env: {
      PATH: process.env["PATH"],
      HOME: files,
      TMPDIR: files,
      LANG: "C.UTF-8",
      PYTHONDONTWRITEBYTECODE: "1",
      GATEWAY_PORT: String(port),
      BIND_HOST: "127.0.0.1",
      MINISTACK_HOST: "127.0.0.1",
      MINISTACK_REGION: REGION,
      FALCO_RESPONDER_NODE_MAJOR: process.versions.node.split(".")[0],
      FALCO_RESPONDER_CALLS: calls,
      LAMBDA_ASYNC_RETRY_BASE_SECONDS: "1",
      // Listeners of services that we do not use.
      SFTP_ENABLED: "0",
      IOT_MTLS_ENABLED: "0",
      ...env,
      ...options.lambdaEnv,
    },
  });
  const stop = async (): Promise<void> => {
    await child.stop();
    rmSync(files, { recursive: true, force: true });
  };
  try {
    await waitFor("the local AWS answers", () => healthy(endpoint), { deadlineMs: 60_000, giveUp: () => gaveUp(child) });
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  return { endpoint, region: REGION, account: ACCOUNT, env, log, pid: child.pid, tail: child.tail, calls: () => readCalls(calls), stop };
}

const readCalls = (file: string): readonly Call[] =>
  (existsSync(file) ? readFileSync(file, "utf8") : "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Call);

const healthy = async (endpoint: string): Promise<boolean> => (await fetch(`${endpoint}/_ministack/health`)).ok;

const gaveUp = (child: Child): string | null => {
  const end = child.ended();
  return end === null ? null : `${child.name} ${end}:\n${child.tail()}`;
};
