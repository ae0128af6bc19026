import { parseArgs } from "node:util";
import { accountFromEnvironment, COMPILED, configPath, writeCompiled } from "./compile.ts";
import { loadConfig } from "./config.ts";
import { formatProblem } from "./problem.ts";

/** `node packaging/cli.ts [--config path] [--out folder] [--stage dev]`: prints what is wrong and exits 1, or writes the compiled files. */
const { values } = parseArgs({
  options: { config: { type: "string" }, out: { type: "string" }, stage: { type: "string", default: "dev" } },
});

const loaded = loadConfig(values.config ?? configPath(), { stage: values.stage, account: accountFromEnvironment() });
for (const problem of loaded.problems) console.error(formatProblem(problem));
if (!loaded.ok) process.exit(1);

const { registry, policy } = loaded.compiled;
const folder = values.out ?? COMPILED;
writeCompiled(loaded.compiled, folder);
console.log(
  `${registry.clusters.length} clusters, ${registry.notifications.channels.length} channels, ${policy.rules.length} rules ` +
    `(policy ${policy.version}, mode ${policy.mode}) compiled to ${folder}`,
);
