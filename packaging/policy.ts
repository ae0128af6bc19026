import { createHash } from "node:crypto";
import { ACTION_FACTS, ACTIONS, type ActionName, actionKey, fits, quorumOf } from "#shared/domain/action.ts";
import {
  type Match,
  type Mode,
  type Policy,
  type PolicyAction,
  type PolicyRule,
  type Protect,
  type Recurrence,
  stricter,
} from "#shared/domain/policy.ts";
import type { ClusterKind, Registry } from "#shared/domain/registry.ts";
import type { Workload } from "#shared/domain/workload.ts";
import { neverActs, paramsProblem } from "./action-params.ts";
import { escalationOf } from "./escalation.ts";
import { compileMatch, RuleNames } from "./match.ts";
import { didYouMean } from "./nearest.ts";
import type { Problem } from "./problem.ts";
import { indexRules } from "./rule-index.ts";
import { seconds } from "./seconds.ts";
import type { Path, Plain, YamlFile } from "./yaml-file.ts";

type Keyed = { readonly [key: string]: Plain };

export interface PolicyCompilation {
  readonly policy: Policy;
  readonly problems: readonly Problem[];
}

/** What a rule may refer to. */
export interface Surroundings {
  readonly registry: Pick<Registry, "clusters" | "notifications">;
  readonly falcoRules: ReadonlySet<string>;
}

const PRESET_MAX_AGE = 900;
const PRESET_APPROVAL = 14_400;
const PRESET_RECURRENCE = { times: 3, windowSeconds: 3_600 } as const;
const PRESET_LADDER = ["tell", "ecs:scale-service-to-zero", "kubernetes:scale-to-zero"] as const;
const PRESET_BUDGETS = { windowSeconds: 600, owner: 3, cluster: 12, fleet: 40 } as const;

/** Compiles a policy that its schema has accepted. What a schema cannot see is reported; a policy with errors must not be used. */
export function compilePolicy(yaml: YamlFile, surroundings: Surroundings): PolicyCompilation {
  const problems: Problem[] = [];
  const report = (problem: Problem): void => void problems.push(problem);
  const source = yaml.value as Keyed;
  const sources = (source["rules"] ?? []) as readonly Keyed[];
  reportTwins(sources, yaml, report);
  const names = new RuleNames(surroundings.falcoRules);
  const rules = sources.map((rule, position) => compileRule(rule, ["rules", position], yaml, { ...surroundings, names }, report));
  if (names.untold > 0) {
    const message = `${names.untold} more names that neither Falco's published rules nor yours have`;
    report(yaml.problem(["rules"], message, "list your own rules files under falcoRules", { severity: "warning" }));
  }
  const mode = (source["mode"] ?? "observe") as Mode;
  const content: Omit<Policy, "version" | "schema"> = {
    mode,
    maxAgeSeconds: seconds(source["maxAge"]) ?? PRESET_MAX_AGE,
    protect: protectOf((source["protect"] ?? {}) as Keyed),
    budgets: budgetsOf((source["budgets"] ?? {}) as Keyed),
    recurrence: recurrenceOf((source["recurrence"] ?? {}) as Keyed, ["recurrence"], yaml, report),
    ...(source["escalation"] === undefined
      ? {}
      : { escalation: escalationOf(source["escalation"], ["escalation"], yaml, report, namesOf(yaml, surroundings, report)) }),
    approvalSeconds: seconds(((source["approvals"] ?? {}) as Keyed)["expire"]) ?? PRESET_APPROVAL,
    rules,
    index: indexRules(rules.map(({ match }) => match)),
  };
  const version = createHash("sha256").update(JSON.stringify(content)).digest("hex").slice(0, 12);
  return { policy: { schema: "falco-responder/policy/1", version, ...content }, problems };
}

function reportTwins(rules: readonly Keyed[], yaml: YamlFile, report: (problem: Problem) => void): void {
  const seen = new Map<string, number>();
  rules.forEach(({ name }, position) => {
    const first = seen.get(String(name));
    if (first === undefined) seen.set(String(name), position);
    else report(yaml.problem(["rules", position, "name"], `rules[${first}] has this name too`, "give each rule a name of its own"));
  });
}

function compileRule(
  rule: Keyed,
  path: Path,
  yaml: YamlFile,
  around: Surroundings & { readonly names: RuleNames },
  report: (problem: Problem) => void,
): PolicyRule {
  const match: Match = compileMatch((rule["match"] ?? {}) as Keyed, [...path, "match"], yaml, around.names, report);
  const quorum = (rule["quorum"] as number | undefined) ?? 1;
  const actions = ((rule["actions"] ?? []) as readonly Plain[]).map((action, position) =>
    compileAction(action, [...path, "actions", position], yaml, report, quorum),
  );
  const known = actions.filter((action) => action !== null);
  if (new Set(known.map(({ action, params }) => actionKey(action, params))).size < known.length) {
    report(yaml.problem([...path, "actions"], "an action stands here twice", "keep one"));
  }
  const notify = (rule["notify"] ?? []) as readonly string[];
  reportChannels(notify, [...path, "notify"], yaml, around, report);
  reportNarrow(notify, [...path, "notify"], yaml, around, report);
  reportUseless(known, rule, path, yaml, around, report);
  const compiled = { name: String(rule["name"]), match, actions: known, notify, mode: (rule["mode"] ?? "enforce") as Mode };
  const escalated =
    rule["escalation"] === undefined
      ? compiled
      : { ...compiled, escalation: escalationOf(rule["escalation"], [...path, "escalation"], yaml, report, namesOf(yaml, around, report)) };
  return rule["recurrence"] === undefined
    ? escalated
    : { ...escalated, recurrence: recurrenceOf(rule["recurrence"] as Keyed, [...path, "recurrence"], yaml, report, quorum) };
}

/** `ofRule`: people whom the rule asks for. */
function compileAction(source: Plain, path: Path, yaml: YamlFile, report: (problem: Problem) => void, ofRule = 1): PolicyAction | null {
  const keyed: Keyed = typeof source === "string" ? { action: source } : (source as Keyed);
  const name = String(keyed["action"]);
  const where = typeof source === "string" ? path : [...path, "action"];
  const action = ACTIONS.find((known) => known === name);
  if (action === undefined) {
    report(
      yaml.problem(where, `"${name.slice(0, 80)}" is not a known action`, didYouMean(name, ACTIONS) ?? `known: ${ACTIONS.join(", ")}`),
    );
    return null;
  }
  const params = (keyed["params"] ?? {}) as PolicyAction["params"];
  const never = neverActs(action);
  if (never !== null) {
    report(yaml.problem(where, `${action} refuses every target: ${never.because}`, never.instead));
    return null;
  }
  const wrong = paramsProblem(action, params);
  if (wrong !== null) report(yaml.problem(typeof source === "string" ? path : [...path, "params"], wrong));
  const { approval } = ACTION_FACTS[action];
  const quorum = quorumFrom(keyed, action, ofRule, path, yaml, report);
  const isAsked =
    approval === "always" || (keyed["approval"] ?? (approval || keyed["quorum"] !== undefined ? "required" : "waived")) === "required";
  if (approval === "always" && keyed["approval"] === "waived")
    report(yaml.problem([...path, "approval"], `${action} is never done without a person's yes`, "remove approval"));
  return {
    action,
    params,
    mode: stricter((keyed["mode"] ?? "enforce") as Mode, isAsked ? "approve" : "enforce"),
    evidence: (keyed["evidence"] ?? "best-effort") as PolicyAction["evidence"],
    ...(quorum > ACTION_FACTS[action].quorum ? { quorum } : {}),
  };
}

const namesOf =
  (yaml: YamlFile, around: Surroundings, report: (problem: Problem) => void) =>
  (names: readonly string[], path: Path): void =>
    reportChannels(names, path, yaml, around, report);

/** A policy may ask for more people than the action needs by itself, never for fewer. */
function quorumFrom(
  keyed: Keyed,
  action: ActionName,
  ofRule: number,
  path: Path,
  yaml: YamlFile,
  report: (problem: Problem) => void,
): number {
  const least = quorumOf({ action, quorum: ofRule });
  const own = (keyed["quorum"] as number | undefined) ?? least;
  if (own < least)
    report(yaml.problem([...path, "quorum"], `${action} needs ${least} people here: a policy can only ask for more`, "remove quorum"));
  if (keyed["quorum"] !== undefined && keyed["approval"] === "waived")
    report(yaml.problem([...path, "approval"], "nobody would be asked, and quorum asks for people", "remove one of them"));
  return Math.max(own, least);
}

function reportChannels(
  names: readonly string[],
  path: Path,
  yaml: YamlFile,
  around: Surroundings,
  report: (problem: Problem) => void,
): void {
  const known = around.registry.notifications.channels.map(({ name }) => name);
  names.forEach((name, position) => {
    if (known.includes(name)) return;
    const near =
      didYouMean(name, known) ?? (known.length > 0 ? `known: ${known.join(", ")}` : "notifications in falco-responder.yml is empty");
    report(yaml.problem([...path, position], `no channel is named "${name.slice(0, 80)}"`, near));
  });
}

/** What the routes of all its channels leave over goes elsewhere, and whoever wrote the rule should know. */
function reportNarrow(
  names: readonly string[],
  path: Path,
  yaml: YamlFile,
  { registry }: Surroundings,
  report: (problem: Problem) => void,
): void {
  const { channels, system } = registry.notifications;
  const named = channels.filter(({ name, kind }) => kind !== "bus" && names.includes(name));
  if (named.length === 0 || named.some(({ when }) => when === undefined)) return;
  const message = `every channel of the rule has a "when": what none of them takes goes to ${system.join(", ")}`;
  report(yaml.problem(path, message, 'name a channel without "when", or leave it so', { severity: "warning" }));
}

const kindsOf: Readonly<Record<ClusterKind, readonly Workload["kind"][]>> = {
  ecs: ["task"],
  eks: ["pod", "object"],
  kubernetes: ["pod", "object"],
};

/** A policy may name the action of each kind in one rule; but one of them must have somewhere to happen. */
function reportUseless(
  actions: readonly PolicyAction[],
  rule: Keyed,
  path: Path,
  yaml: YamlFile,
  { registry }: Surroundings,
  report: (problem: Problem) => void,
): void {
  if (rule["actions"] === undefined && rule["notify"] === undefined) {
    report(yaml.problem(path, "the rule does nothing", "give it actions or notify"));
    return;
  }
  const kinds = new Set(registry.clusters.flatMap(({ kind }) => kindsOf[kind]));
  const works = ({ action }: { readonly action: ActionName }): boolean => [...kinds].some((kind) => fits(action, kind));
  if (actions.length === 0 || kinds.size === 0 || actions.some(works)) return;
  const names = actions.map(({ action }) => action).join(", ");
  report(yaml.problem([...path, "actions"], `${names} works with none of the registered clusters`, "register one, or remove the action"));
}

/** Without `then`: people are told, then asked whether the service is to be scaled to zero. */
function recurrenceOf(source: Keyed, path: Path, yaml: YamlFile, report: (problem: Problem) => void, quorum = 1): Recurrence {
  const steps = (source["then"] ?? PRESET_LADDER) as readonly Plain[];
  return {
    times: (source["times"] as number | undefined) ?? PRESET_RECURRENCE.times,
    windowSeconds: seconds(source["window"]) ?? PRESET_RECURRENCE.windowSeconds,
    ladder: steps.map((step, position) =>
      step === "tell" ? null : compileAction(step, [...path, "then", position], yaml, report, quorum),
    ),
  };
}

/** Protected also by a policy that says nothing of it: who leaves `protect` out must not lose the cluster's own organs, or ours. */
const ORGANS = ["falco", "falco-responder*", "falcosidekick*", "fluent-bit", "fluentbit", "log-router", "log_router"] as const;
export const ALWAYS: Pick<Protect, "namespaces" | "services" | "families" | "priorityClasses" | "labels"> = {
  services: ORGANS,
  families: ORGANS,
  namespaces: ["kube-system", "kube-public", "kube-node-lease", "falco", "falco-system", "falco-responder"],
  priorityClasses: ["system-*"],
  labels: { "falco-responder/protected": "true", "falco-responder.io/protected": "true" },
};

function protectOf(source: Keyed): Protect {
  const list = (key: string, always: readonly string[] = []): readonly string[] => [
    ...new Set([...always, ...((source[key] ?? []) as readonly string[])]),
  ];
  const labels = Object.entries((source["labels"] ?? {}) as Keyed).map(([key, value]) => [key, String(value)]);
  return {
    clusters: list("clusters"),
    namespaces: list("namespaces", ALWAYS.namespaces),
    services: list("services", ALWAYS.services),
    families: list("families", ALWAYS.families),
    priorityClasses: list("priorityClasses", ALWAYS.priorityClasses),
    nodes: list("nodes"),
    labels: { ...(Object.fromEntries(labels) as Protect["labels"]), ...ALWAYS.labels },
  };
}

const budgetsOf = (source: Keyed): Policy["budgets"] => ({
  windowSeconds: seconds(source["window"]) ?? PRESET_BUDGETS.windowSeconds,
  owner: (source["owner"] as number | undefined) ?? PRESET_BUDGETS.owner,
  cluster: (source["cluster"] as number | undefined) ?? PRESET_BUDGETS.cluster,
  fleet: (source["fleet"] as number | undefined) ?? PRESET_BUDGETS.fleet,
  ...(source["replicas"] === undefined ? {} : { replicasPercent: Number(String(source["replicas"]).replace("%", "")) }),
});
