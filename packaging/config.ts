import { createHash } from "node:crypto";
import { basename, dirname, relative, resolve } from "node:path";
import type { Policy, PolicyAction } from "#shared/domain/policy.ts";
import type { Registry } from "#shared/domain/registry.ts";
import type { DeployPlan } from "../infra/plan.ts";
import { FALCO_RULES, INTERNAL_RULES } from "./falco-rules.ts";
import { compilePolicy } from "./policy.ts";
import { hasErrors, type Problem } from "./problem.ts";
import { compileRegistry, type Deployment } from "./registry.ts";
import { checkSchema } from "./schema.ts";
import { readUserRules } from "./user-rules.ts";
import { readYaml, type YamlFile } from "./yaml-file.ts";

const CONFIG_MAX_BYTES = 1_000_000;
/** 10,000 rules of several conditions each. */
const POLICY_MAX_BYTES = 10_000_000;

export interface Compiled {
  readonly registry: Registry;
  readonly policy: Policy;
  readonly plan: DeployPlan;
  /** The account was left open and must be known before anything is deployed. */
  readonly accountOpen: boolean;
}

export type Loaded =
  /** `problems` are warnings only. */
  | { readonly ok: true; readonly compiled: Compiled; readonly problems: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Reads, checks and compiles falco-responder.yml and all it names. Everything that is wrong is reported at once, as far as it can be read. */
export function loadConfig(path: string, deployment: Deployment): Loaded {
  const file = resolve(path);
  const read = readYaml(file, shownAs(file), CONFIG_MAX_BYTES);
  if (!read.ok) return { ok: false, problems: read.problems };
  const wrong = checkSchema("config", read.yaml);
  if (wrong.length > 0) return { ok: false, problems: wrong };
  const { logGroups, accessEntries, deploy, accountOpen, problems, ...compiled } = compileRegistry(read.yaml, deployment);
  const registry: Registry = { ...compiled.registry, version: versionOf(compiled.registry) };
  const source = read.yaml.value as { readonly policy: string; readonly falcoRules?: readonly string[] };
  const own = readUserRules(source.falcoRules ?? [], dirname(file), read.yaml);
  const policy = loadPolicySource(resolve(dirname(file), source.policy), read.yaml, {
    registry,
    falcoRules: new Set([...FALCO_RULES, ...INTERNAL_RULES, ...own.names]),
  });
  const all = [...problems, ...own.problems, ...policy.problems];
  if (policy.policy === null || hasErrors(all)) return { ok: false, problems: all };
  const plan = { registry, logGroups, accessEntries, userFunctions: userFunctionsOf(policy.policy), deploy };
  return { ok: true, problems: all, compiled: { registry, policy: policy.policy, plan, accountOpen } };
}

function loadPolicySource(
  file: string,
  config: YamlFile,
  surroundings: Parameters<typeof compilePolicy>[1],
): { readonly policy: Policy | null; readonly problems: readonly Problem[] } {
  const read = readYaml(file, shownAs(file), POLICY_MAX_BYTES);
  if (!read.ok) {
    const missing = read.problems.some(({ message }) => message.startsWith("the file cannot be read"));
    const named = missing
      ? [config.problem(["policy"], `the policy ${basename(file)} cannot be read`, "paths are relative to this file")]
      : [];
    return { policy: null, problems: [...named, ...read.problems] };
  }
  const wrong = checkSchema("policy", read.yaml);
  return wrong.length > 0 ? { policy: null, problems: wrong } : compilePolicy(read.yaml, surroundings);
}

/** Only these may be invoked. Sorted. */
function userFunctionsOf({ rules, recurrence }: Policy): readonly string[] {
  const ladders = [recurrence, ...rules.flatMap((rule) => rule.recurrence ?? [])].flatMap(({ ladder }) => ladder);
  const actions: readonly (PolicyAction | null)[] = [...rules.flatMap((rule) => rule.actions), ...ladders];
  const named = actions.flatMap((action) => (action?.action === "aws:invoke-lambda" ? [String(action.params["function"])] : []));
  return [...new Set(named)].toSorted();
}

/** As the user would type it. */
function shownAs(file: string): string {
  const short = relative(process.cwd(), file);
  return short.startsWith("..") ? file : short;
}

/** As of the policy: what records name it by. */
const versionOf = (registry: Registry): string => createHash("sha256").update(JSON.stringify(registry)).digest("hex").slice(0, 12);
