import { writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { CreateSecretCommand, PutSecretValueCommand } from "@aws-sdk/client-secrets-manager";
import { PutParameterCommand } from "@aws-sdk/client-ssm";
import type { Aws } from "./aws.ts";
import type { Emulator } from "./emulator/emulator.ts";
import { folder } from "./paths.ts";

/** Names that the lab uses everywhere. */
export const LAB = {
  ecsCluster: "shop",
  kubernetesCluster: "backoffice",
  ecsLogGroup: "/falco/ecs",
  kubernetesLogGroup: "/falco/kubernetes",
  /** FireLens with log_stream_prefix: `falco/<container>-firelens-<task id>`. */
  ecsStreamPrefix: "falco/",
  kubernetesStreamPrefix: "backoffice.",
  slackParameter: "/falco-responder/lab/slack-webhook",
  tokenSecret: "falco-responder/lab/kubernetes-token",
} as const;

/** What a lab's falco-responder.yml is made from. */
export interface LabConfig {
  /** Path of the policy. */
  readonly policy: string;
  /** The Kubernetes cluster; left out while there is none. */
  readonly kubernetes?: KubernetesWay;
  /** Channels; default: sns and slack. */
  readonly channels?: readonly ("sns" | "slack")[];
  /** Further ECS clusters beside `shop`, by name, all in the ECS log group under the prefix `<name>/`. */
  readonly ecsClusters?: readonly string[];
  /** More keys of the ECS cluster `shop`. */
  readonly shop?: Readonly<Record<string, unknown>>;
}

/** An EKS cluster by IAM, whose access entries the stack makes; or an API server with the token of a ServiceAccount. */
export type KubernetesWay = { readonly eks: string } | { readonly server: string; readonly caData: string };

const wayKeys = (way: KubernetesWay): object => {
  if ("eks" in way) return { kind: "eks", awsName: way.eks, accessEntry: true };
  const { server, caData } = way;
  return { kind: "kubernetes", access: { server, caData, tokenSecret: `secretsmanager:${LAB.tokenSecret}` } };
};

/** Writes falco-responder.yml into `into` and returns its path. */
export function writeConfig(into: string, emulator: Pick<Emulator, "region" | "account">, config: LabConfig): string {
  const group = (name: string, streamPrefix: string) => ({ name, streamPrefix, create: true });
  const clusters = [
    { name: LAB.ecsCluster, kind: "ecs", logGroups: [group(LAB.ecsLogGroup, LAB.ecsStreamPrefix)], ...config.shop },
    ...(config.ecsClusters ?? []).map((name) => ({ name, kind: "ecs", logGroups: [group(LAB.ecsLogGroup, `${name}/`)] })),
    ...(config.kubernetes
      ? [
          {
            name: LAB.kubernetesCluster,
            logGroups: [group(LAB.kubernetesLogGroup, LAB.kubernetesStreamPrefix)],
            ...wayKeys(config.kubernetes),
          },
        ]
      : []),
  ];
  const channels = {
    sns: { name: "team", kind: "sns" },
    slack: { name: "slack", kind: "slack", urlSecret: `ssm:${LAB.slackParameter}` },
  };
  const file = join(folder(into), "falco-responder.yml");
  // JSON is YAML: what is written here is read as any user's file is.
  const content = {
    version: 1,
    account: emulator.account,
    region: emulator.region,
    policy: relative(into, config.policy),
    clusters,
    notifications: (config.channels ?? (["sns", "slack"] as const)).map((kind) => channels[kind]),
    deploy: { logRetentionDays: 1, evidenceRetentionDays: 1, evidenceExpiryDays: 2, auditRetentionDays: 1, unreadableRetentionDays: 2 },
  };
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
  return file;
}

/** Puts the webhook's URL where the lab's falco-responder.yml says it is. */
export const storeSlackUrl = async ({ ssm }: Aws, url: string): Promise<void> => {
  await ssm.send(new PutParameterCommand({ Name: LAB.slackParameter, Type: "SecureString", Value: url, Overwrite: true }));
};

/** The same for the Kubernetes token. */
export async function storeKubernetesToken({ secrets }: Aws, token: string): Promise<void> {
  const SecretString = JSON.stringify({ token });
  try {
    await secrets.send(new CreateSecretCommand({ Name: LAB.tokenSecret, SecretString }));
  } catch (thrown) {
    if (!(thrown instanceof Error) || thrown.name !== "ResourceExistsException") throw thrown;
    await secrets.send(new PutSecretValueCommand({ SecretId: LAB.tokenSecret, SecretString }));
  }
}
