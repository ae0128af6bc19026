import type { Cluster, KubernetesAccess } from "#shared/domain/registry.ts";
import { byIam } from "../infra/api-servers.ts";
import type { Problem } from "./problem.ts";
import type { Path, Plain, YamlFile } from "./yaml-file.ts";

type Keyed = { readonly [key: string]: Plain };

/** The key by which each way of access is known: exactly one of them is given. */
const WAYS = ["tokenSecret", "certificateSecret", "clusterId", "kubeconfigSecret"] as const;
const ADDRESS = ["server", "caData"] as const;

const GIVE = "give server and caData with tokenSecret, certificateSecret or clusterId, or kubeconfigSecret alone";

/** How a cluster is reached. What is incomplete or twofold is null here and reported by `reportAccess`. */
export function accessOf(source: Keyed): KubernetesAccess | null {
  const access = source["access"] as Keyed | undefined;
  if (access === undefined) return null;
  const text = (key: string): string => String(access[key]);
  const [way, ...others] = waysOf(access);
  if (way === undefined || others.length > 0) return null;
  const at = { server: text("server"), caData: text("caData") };
  switch (way) {
    case "tokenSecret":
      return { by: "token", ...at, tokenSecret: text(way) };
    case "certificateSecret":
      return { by: "certificate", ...at, certificateSecret: text(way) };
    case "clusterId":
      return { by: "iam", ...at, clusterId: text(way) };
    case "kubeconfigSecret":
      return { by: "kubeconfig", kubeconfigSecret: text(way) };
  }
}

const waysOf = (access: Keyed) => WAYS.filter((key) => access[key] !== undefined);

/** Does the stack itself make the access entries? */
export const wantsAccessEntry = (source: Keyed): boolean => source["accessEntry"] === true;

/** `home`: where the deployment is. */
export function reportAccess(
  cluster: Cluster,
  source: Keyed,
  home: { readonly account: string; readonly region: string },
  path: Path,
  yaml: YamlFile,
  report: (problem: Problem) => void,
): void {
  const at = (key: string, message: string, remedy: string): void => report(yaml.problem([...path, key], message, remedy));
  const access = source["access"] as Keyed | undefined;
  if (cluster.kind === "ecs") {
    if (access !== undefined) at("access", "access is for Kubernetes only", "remove it: ECS is reached by IAM");
  } else if (access !== undefined) reportWay(access, [...path, "access"], yaml, report);
  else if (cluster.kind === "kubernetes") at("kind", "a Kubernetes cluster needs access", GIVE);
  else if (!/^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$/.test(cluster.awsName)) {
    const key = source["awsName"] === undefined ? "name" : "awsName";
    at(key, `"${cluster.awsName}" cannot be the name of an EKS cluster`, "give its name in EKS as awsName: letters, digits, - and _");
  }
  if (cluster.roleArn !== null && access !== undefined && cluster.kind !== "ecs" && !byIam(cluster))
    at("role", "role is for access by IAM: this cluster is reached by what its secret holds", "remove role and externalId");
  if (wantsAccessEntry(source)) reportEntry(cluster, home, [...path, "accessEntry"], yaml, report);
}

function reportWay(access: Keyed, path: Path, yaml: YamlFile, report: (problem: Problem) => void): void {
  const atKey = (key: string, message: string, remedy: string): void =>
    report(yaml.problem([...path, key], message, remedy, { atKey: true }));
  const [way, other] = waysOf(access);
  if (way === undefined) report(yaml.problem(path, "it names no way in", GIVE));
  else if (other !== undefined) atKey(other, `${way} and ${other} are two ways in`, "keep one of them");
  else if (way === "kubeconfigSecret") {
    for (const key of ADDRESS) if (access[key] !== undefined) atKey(key, `${key} stands in the kubeconfig`, "remove it");
  } else {
    for (const key of ADDRESS) if (access[key] === undefined) report(yaml.problem(path, `"${key}" is missing`, `${way} needs it`));
    if (access["caData"] !== undefined && !isCertificate(String(access["caData"])))
      report(
        yaml.problem([...path, "caData"], "this is not a PEM certificate in base64", "copy certificate-authority-data of a kubeconfig"),
      );
  }
}

/** CloudFormation makes an access entry where it runs: in the account and Region of the stack. */
function reportEntry(
  { kind, access, roleArn, account, region }: Cluster,
  home: { readonly account: string; readonly region: string },
  path: Path,
  yaml: YamlFile,
  report: (problem: Problem) => void,
): void {
  const at = (message: string, remedy: string): void => report(yaml.problem(path, message, remedy));
  if (kind !== "eks" || access !== null) at("accessEntry is for EKS by IAM only", "remove it");
  else if (roleArn !== null) at("the cluster is reached by its role", "remove it: the template of npm run member-template makes the entry");
  else if (account !== home.account || region !== home.region)
    at("the stack can make access entries in its own account and Region only", "remove it and run aws eks create-access-entry there");
}

function isCertificate(base64: string): boolean {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return false;
  return Buffer.from(base64, "base64").toString("latin1").trimStart().startsWith("-----BEGIN CERTIFICATE-----");
}
