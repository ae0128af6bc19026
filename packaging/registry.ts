import type { Mode } from "#shared/domain/policy.ts";
import type { Cluster, ClusterKind, Registry } from "#shared/domain/registry.ts";
import { byIam } from "../infra/api-servers.ts";
import type { DeployOptions, LogGroupPlan } from "../infra/plan.ts";
import { accessOf, reportAccess, wantsAccessEntry } from "./access.ts";
import { heartbeatOf } from "./heartbeat.ts";
import { reportSources, type SourceLine } from "./log-sources.ts";
import { compileNotifications } from "./notifications.ts";
import { decidersOf } from "./people.ts";
import type { Problem } from "./problem.ts";
import { reportReach } from "./reach.ts";
import type { Path, Plain, YamlFile } from "./yaml-file.ts";

type Keyed = { readonly [key: string]: Plain };

/** What the deployment knows and the file may leave open. */
export interface Deployment {
  readonly stage: string;
  /** For `account: auto`; null: not known. */
  readonly account: string | null;
}

export interface RegistryCompilation {
  readonly registry: Registry;
  readonly logGroups: readonly LogGroupPlan[];
  /** EKS clusters, by their name in EKS, whose access entries the stack makes. */
  readonly accessEntries: readonly string[];
  readonly deploy: DeployOptions;
  /** `account: auto`, and the deployment does not know it either: nothing may be deployed so, for no alert could be verified. */
  readonly accountOpen: boolean;
  readonly problems: readonly Problem[];
}

/** Compiles a falco-responder.yml that its schema has accepted. A registry with errors must not be used. */
export function compileRegistry(yaml: YamlFile, deployment: Deployment): RegistryCompilation {
  const problems: Problem[] = [];
  const report = (problem: Problem): void => void problems.push(problem);
  const source = yaml.value as Keyed;
  const account = accountOf(source, deployment, yaml, report);
  const region = String(source["region"]);
  const lines: SourceLine[] = [];
  const entries: string[] = [];
  const clusters = ((source["clusters"] ?? []) as readonly Keyed[]).map((cluster, position) => {
    const path: Path = ["clusters", position];
    const heartbeat = heartbeatOf(cluster["heartbeat"], [...path, "heartbeat"], yaml, report);
    const compiled = { ...compileCluster(cluster, account, region), ...(heartbeat === null ? {} : { heartbeat }) };
    reportCluster(compiled, cluster, account, path, yaml, report);
    reportAccess(compiled, cluster, { account, region }, path, yaml, report);
    if (wantsAccessEntry(cluster)) entries.push(compiled.awsName);
    lines.push(...linesOf(cluster, compiled.name, path));
    return compiled;
  });
  reportTwins(clusters, ["clusters"], yaml, report);
  clusters.forEach((cluster, position) => {
    reportReach(cluster, clusters, ["clusters", position], yaml, report);
  });
  reportSources(lines, { account, region }, yaml, report);
  const home = { account, region, stage: deployment.stage };
  const names = clusters.map(({ name }) => name);
  const notifications = compileNotifications(source["notifications"] ?? [], home, names, yaml, report);
  const deploy = (source["deploy"] ?? {}) as Keyed;
  const switchParameter = String(deploy["switchParameter"] ?? `/falco-responder/${deployment.stage}/switch`);
  return {
    registry: {
      schema: "falco-responder/registry/1",
      account,
      region,
      stage: deployment.stage,
      switchParameter,
      clusters,
      notifications,
      ...decidersOf(source, names, yaml, report),
    },
    logGroups: [...new Map(lines.map(({ name, create }) => [name, { name, create }])).values()],
    accessEntries: [...new Set(entries)],
    accountOpen: deployment.account === null && (source["account"] ?? "auto") === "auto",
    deploy: deployOf(deploy, yaml, report),
    problems,
  };
}

/** Stands for an account that nobody knows yet, and for the made-up one of a packaging without an account. */
const NO_ACCOUNT = "000000000000";

function accountOf(source: Keyed, deployment: Deployment, yaml: YamlFile, report: (problem: Problem) => void): string {
  const given = String(source["account"] ?? "auto");
  if (given === "auto") return deployment.account ?? NO_ACCOUNT;
  if (!/^\d{12}$/.test(given)) report(yaml.problem(["account"], `"${given}" is not an AWS account id`, "it has 12 digits"));
  if (deployment.account !== null && deployment.account !== NO_ACCOUNT && deployment.account !== given) {
    const message = `AWS_ACCOUNT_ID is ${deployment.account}: deployed there, no alert could be verified`;
    report(yaml.problem(["account"], message, "deploy to the account that stands here", { severity: "warning" }));
  }
  return given;
}

function compileCluster(source: Keyed, account: string, region: string): Cluster {
  return {
    name: String(source["name"]),
    kind: source["kind"] as ClusterKind,
    account: String(source["account"] ?? account),
    region: String(source["region"] ?? region),
    sources: ((source["logGroups"] ?? []) as readonly Keyed[]).map((group) => ({
      logGroup: String(group["name"]),
      streamPrefix: String(group["streamPrefix"] ?? ""),
    })),
    awsName: String(source["awsName"] ?? source["name"]),
    mergeKeys: texts(source["mergeKeys"] ?? []),
    access: accessOf(source),
    roleArn: source["role"] === undefined ? null : String(source["role"]),
    externalId: source["externalId"] === undefined ? null : String(source["externalId"]),
    ...(source["mode"] === undefined ? {} : { mode: source["mode"] as Mode }),
    ...(source["taskRoles"] === undefined ? {} : { taskRoles: texts(source["taskRoles"]) }),
    ...(source["taskLogGroups"] === undefined ? {} : { taskLogGroups: texts(source["taskLogGroups"]) }),
  };
}

const texts = (list: Plain): readonly string[] => (list as readonly Plain[]).map(String);

function reportCluster(
  cluster: Cluster,
  source: Keyed,
  account: string,
  path: Path,
  yaml: YamlFile,
  report: (problem: Problem) => void,
): void {
  const at = (key: string, message: string, remedy: string): void => report(yaml.problem([...path, key], message, remedy));
  if (!/^\d{12}$/.test(cluster.account)) at("account", `"${cluster.account}" is not an AWS account id`, "it has 12 digits");
  for (const key of ["taskRoles", "taskLogGroups"] as const)
    if (cluster.kind !== "ecs" && cluster[key] !== undefined) at(key, `${key} is for ECS only`, "remove it");
  if (cluster.roleArn === null) {
    if (byIam(cluster) && cluster.access === null && cluster.account !== account && source["account"] !== undefined) {
      at("account", "a cluster of another account cannot be reached without a role of that account", "give role and externalId");
    }
    if (cluster.externalId !== null) at("externalId", "externalId means something with role only", "give role or remove it");
  } else if (cluster.roleArn.split(":")[4] !== cluster.account) {
    at("role", "the role is of another account than the cluster", `it must be a role of account ${cluster.account}`);
  }
}

const linesOf = (cluster: Keyed, name: string, path: Path): readonly SourceLine[] =>
  ((cluster["logGroups"] ?? []) as readonly Keyed[]).map((group, position) => ({
    cluster: name,
    path: [...path, "logGroups", position],
    name: String(group["name"]),
    streamPrefix: String(group["streamPrefix"] ?? ""),
    create: group["create"] === true,
    account: group["account"] === undefined ? null : String(group["account"]),
    region: group["region"] === undefined ? null : String(group["region"]),
    class: String(group["class"] ?? "STANDARD"),
    existingFilters: Number(group["existingFilters"] ?? 0),
  }));

function reportTwins(named: readonly { readonly name: string }[], path: Path, yaml: YamlFile, report: (problem: Problem) => void): void {
  named.forEach(({ name }, position) => {
    const first = named.findIndex((other) => other.name === name);
    if (first !== position) report(yaml.problem([...path, position, "name"], `${path[0]}[${first}] has this name too`, "names are unique"));
  });
}

function deployOf(source: Keyed, yaml: YamlFile, report: (problem: Problem) => void): DeployOptions {
  const number = (key: string, preset: number): number => Number(source[key] ?? preset);
  const evidenceRetentionDays = number("evidenceRetentionDays", 90);
  const evidenceExpiryDays = number("evidenceExpiryDays", Math.max(400, evidenceRetentionDays + 1));
  const auditRetentionDays = number("auditRetentionDays", 400);
  if (evidenceExpiryDays <= evidenceRetentionDays) {
    report(
      yaml.problem(
        ["deploy", "evidenceExpiryDays"],
        "evidence cannot expire while it is locked",
        "make it longer than evidenceRetentionDays",
      ),
    );
  }
  return {
    logRetentionDays: number("logRetentionDays", 30),
    evidenceRetentionDays,
    evidenceExpiryDays,
    auditRetentionDays,
    // A lock of whole days ends within the day.
    auditExpiryDays: auditRetentionDays + 1,
    unreadableRetentionDays: number("unreadableRetentionDays", 90),
    tracing: source["tracing"] === true,
    alarmEmail: source["alarmEmail"] === undefined ? null : String(source["alarmEmail"]),
    reservedConcurrency: (source["reservedConcurrency"] ?? {}) as DeployOptions["reservedConcurrency"],
    vpc: (source["vpc"] ?? null) as DeployOptions["vpc"],
    tags: (source["tags"] ?? { service: "falco-responder" }) as DeployOptions["tags"],
  };
}
