import type { Person, SlackApp } from "#shared/domain/person.ts";
import type { Mode } from "#shared/domain/policy.ts";
import type { Priority } from "#shared/domain/priority.ts";
import type { Heartbeat } from "#shared/domain/sensor.ts";

/** The compiled `falco-responder.yml`: which clusters there are, and whose lines speak for them. */
export interface Registry {
  readonly schema: "falco-responder/registry/1";
  /** 12 hex of the SHA-256 of the compiled content; absent: packaged before it was given. */
  readonly version?: string;
  /** AWS account of this deployment. */
  readonly account: string;
  readonly region: string;
  /** Stage of this deployment, for the commands that people are told. */
  readonly stage?: string;
  /** Name of the SSM parameter that is half of the kill switch (`run`, `pause`), for the commands that people are told. */
  readonly switchParameter?: string;
  readonly clusters: readonly Cluster[];
  readonly notifications: Notifications;
  /** Who may decide what; absent or empty: IAM alone decides, and Slack decides nothing. */
  readonly people?: readonly Person[];
  /** The Slack app whose buttons people may use; absent: none, and no function takes requests of Slack. */
  readonly slackApp?: SlackApp;
}

export type ClusterKind = "ecs" | "eks" | "kubernetes";

/** One registered cluster. Only lines of one of its sources may accuse its workloads. */
export interface Cluster {
  readonly name: string;
  readonly kind: ClusterKind;
  readonly account: string;
  readonly region: string;
  readonly sources: readonly Source[];
  /** ECS: the cluster's name in ECS when it differs from `name`. EKS: the EKS cluster name. */
  readonly awsName: string;
  /** Record keys under which the shipper merges the alert, beside the well-known ones. */
  readonly mergeKeys: readonly string[];
  /** How to reach the API server; null: ECS, or EKS by IAM. */
  readonly access: KubernetesAccess | null;
  /** Role to assume in the cluster's account; null = the function's own role. */
  readonly roleArn: string | null;
  readonly externalId: string | null;
  /** The most that is done in this cluster, whatever the policy says; absent: no narrowing. */
  readonly mode?: Mode;
  /** ecs only: names of task roles (globs) whose sessions may be revoked. */
  readonly taskRoles?: readonly string[];
  /** ecs only: log groups (globs) from which lines of the offender are kept as evidence. */
  readonly taskLogGroups?: readonly string[];
  /** How its sensors say that they are alive; absent: nobody watches them. */
  readonly heartbeat?: Heartbeat;
}

export interface Source {
  readonly logGroup: string;
  /** "" = every stream of the group. The longest prefix that fits wins. */
  readonly streamPrefix: string;
}

/**
 * How the API server is reached and who we are there. An EKS cluster without one is asked of EKS (DescribeCluster), and we are the IAM role of
 * the function, or the cluster's `roleArn`. `*Secret`: `secretsmanager:name` or `ssm:/name`, never the secret itself.
 */
export type KubernetesAccess =
  /** Bearer token, usually of a ServiceAccount: JSON {"token": "..."} or the bare token. */
  | (ApiServerAddress & { readonly by: "token"; readonly tokenSecret: string })
  /** Client certificate: JSON {"certificate": "<PEM>", "key": "<PEM>"}. */
  | (ApiServerAddress & { readonly by: "certificate"; readonly certificateSecret: string })
  /** IAM role by aws-iam-authenticator, which knows the cluster as `clusterId`. */
  | (ApiServerAddress & { readonly by: "iam"; readonly clusterId: string })
  /** A whole kubeconfig with a token or a client certificate; one that would run a program (`exec`) is refused. */
  | { readonly by: "kubeconfig"; readonly kubeconfigSecret: string };

export interface ApiServerAddress {
  /** https:// */
  readonly server: string;
  /** PEM, base64 as in a kubeconfig. Always verified. */
  readonly caData: string;
}

export interface Notifications {
  readonly channels: readonly ChannelConfig[];
  /** Names of the channels that are told what the system itself has to tell (`Notice`). */
  readonly system: readonly string[];
}

export type ChannelConfig = Route &
  (
    | { readonly name: string; readonly kind: "sns"; readonly topicArn: string }
    /** `urlSecret`: `ssm:/name` or `secretsmanager:name`: never the URL itself. */
    | ({ readonly name: string; readonly kind: "slack"; readonly urlSecret: string } & Clickable)
    /** Slack by a bot's token: a message can be updated and has a thread. `channelId`: C0123456789. */
    | ({ readonly name: string; readonly kind: "slack-bot"; readonly botTokenSecret: string; readonly channelId: string } & Clickable)
    /** EventBridge: programs, which get every event. */
    | { readonly name: string; readonly kind: "bus"; readonly busArn: string }
  );

interface Clickable {
  /** false: its webhook or token is of another app than `slackApp`, and Slack would send clicks elsewhere. */
  readonly buttons?: false;
}

interface Route {
  /** What it takes; absent: everything. */
  readonly when?: When;
  /** More messages than so many within a minute become one digest a minute. */
  readonly digestAbove?: number;
}

/** All of it must hold. Globs as in `protect`: `*` any text, `?` one character; compared without regard to case. */
export interface When {
  /** At least this. */
  readonly priority?: Priority;
  readonly clusters?: readonly string[];
  /** Of the verified workload: what only an alert claims routes nothing. */
  readonly namespaces?: readonly string[];
  /** Labels or tags of the verified workload, by name. */
  readonly labels?: Readonly<Record<string, string>>;
}
