import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { policyText } from "#shared/policy/load.ts";
import type { DeployPlan } from "../infra/plan.ts";
import { type Compiled, loadConfig } from "./config.ts";
import { formatProblem } from "./problem.ts";

const ROOT = resolve(import.meta.dirname, "..");

/** Where every bundle takes the compiled files from. */
export const COMPILED = join(ROOT, ".build", "compiled");

/** FALCO_RESPONDER_CONFIG, or falco-responder.yml beside serverless.yml. */
export const configPath = (): string => process.env["FALCO_RESPONDER_CONFIG"] || join(ROOT, "falco-responder.yml");

/** For `account: auto`. */
export function accountFromEnvironment(): string | null {
  const account = process.env["AWS_ACCOUNT_ID"] ?? "";
  if (account !== "" && !/^\d{12}$/.test(account)) throw new Error(`AWS_ACCOUNT_ID is "${account}": an AWS account id has 12 digits`);
  return account === "" ? null : account;
}

/** Writes registry.json and policy.json, each whole or not at all. */
export function writeCompiled({ registry, policy }: Pick<Compiled, "registry" | "policy">, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const files = { registry: JSON.stringify(registry), policy: policyText(policy) };
  for (const [name, text] of Object.entries(files)) {
    const temporary = join(folder, `.${name}.${process.pid}`);
    writeFileSync(temporary, text);
    renameSync(temporary, join(folder, `${name}.json`));
  }
}

/**
 * What serverless.yml deploys. Writes the compiled files; warnings go to stderr. Throws with every problem, one a line, when the user's
 * files are invalid, which stops the deploy.
 */
export async function deployPlan({
  stage,
  account,
}: {
  readonly stage: string;
  /** Asked only for `account: auto` without AWS_ACCOUNT_ID. */
  readonly account?: () => Promise<string>;
}): Promise<DeployPlan> {
  const path = configPath();
  let loaded = loadConfig(path, { stage, account: accountFromEnvironment() });
  if (loaded.ok && loaded.compiled.accountOpen) {
    const own = account === undefined ? await askAccount(loaded.compiled.registry.region) : await account();
    loaded = loadConfig(path, { stage, account: own });
  }
  const lines = loaded.problems.map(formatProblem);
  if (!loaded.ok) throw new Error(`the configuration is invalid, nothing is deployed:\n${lines.join("\n")}`);
  for (const line of lines) console.error(line);
  writeCompiled(loaded.compiled, COMPILED);
  return loaded.compiled.plan;
}

/** The account of the credentials that deploy. */
async function askAccount(region: string): Promise<string> {
  const { GetCallerIdentityCommand, STSClient } = await import("@aws-sdk/client-sts");
  try {
    const { Account } = await new STSClient({ region, maxAttempts: 2 }).send(new GetCallerIdentityCommand({}));
    if (Account !== undefined) return Account;
  } catch (cause) {
    throw new Error("account is auto, and AWS does not say whose credentials these are; set AWS_ACCOUNT_ID or write the 12 digits", {
      cause,
    });
  }
  throw new Error("account is auto, and AWS named no account; set AWS_ACCOUNT_ID or write the 12 digits");
}
