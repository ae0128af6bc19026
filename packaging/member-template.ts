import { parseArgs } from "node:util";
import { memberTemplate } from "../infra/member-account.ts";
import { accountFromEnvironment, configPath } from "./compile.ts";
import { loadConfig } from "./config.ts";
import { formatProblem } from "./problem.ts";

/**
 * `npm run member-template -- <cluster> [--without-wide]`: prints the CloudFormation template of the role that falco-responder.yml names for
 * the cluster. Deployed in the account of the cluster: docs/permissions.md, "Another account's cluster".
 */
const { values, positionals } = parseArgs({ allowPositionals: true, options: { "without-wide": { type: "boolean", default: false } } });
const [cluster] = positionals;
if (cluster === undefined || positionals.length > 1) fail(["say one cluster: npm run member-template -- <cluster> [--without-wide]"], 2);

const loaded = loadConfig(configPath(), { stage: "dev", account: accountFromEnvironment() });
if (!loaded.ok) fail(loaded.problems.map(formatProblem), 1);
if (loaded.compiled.accountOpen) fail(["account is auto: set AWS_ACCOUNT_ID to the account of the deployment, whose roles are trusted"], 1);
try {
  console.log(JSON.stringify(memberTemplate(loaded.compiled.plan, cluster, !values["without-wide"]), null, 2));
} catch (thrown) {
  fail([thrown instanceof Error ? thrown.message : String(thrown)], 1);
}

function fail(lines: readonly string[], code: number): never {
  for (const line of lines) console.error(line);
  process.exit(code);
}
