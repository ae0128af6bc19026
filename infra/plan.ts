import type { Registry } from "#shared/domain/registry.ts";

/** What the template needs to know of `falco-responder.yml`. */
export interface DeployPlan {
  readonly registry: Registry;
  readonly logGroups: readonly LogGroupPlan[];
  /** EKS clusters of this account and Region, by their name in EKS, whose access entries the stack makes. */
  readonly accessEntries: readonly string[];
  /** ARNs of the functions that the policy names (aws:invoke-lambda). */
  readonly userFunctions: readonly string[];
  readonly deploy: DeployOptions;
}

/** Values of `--param` that must fit what the file says. */
export interface Parameters {
  readonly respondConcurrency: number;
}

/** A group that Falco's lines arrive in. `create: false`: it exists, and stays when the stack goes. */
export interface LogGroupPlan {
  readonly name: string;
  readonly create: boolean;
}

export interface DeployOptions {
  /** Days, one of the values that CloudWatch Logs takes. */
  readonly logRetentionDays: number;
  /** Days under Object Lock (governance). */
  readonly evidenceRetentionDays: number;
  readonly evidenceExpiryDays: number;
  /** Days under Object Lock (compliance): nobody shortens it for what is written. */
  readonly auditRetentionDays: number;
  readonly auditExpiryDays: number;
  readonly unreadableRetentionDays: number;
  readonly tracing: boolean;
  /** Address for alarms; null: people subscribe by themselves. */
  readonly alarmEmail: string | null;
  /** By function; absent: unreserved. */
  readonly reservedConcurrency: Readonly<Record<string, number>>;
  /** Where the functions that ask API servers run; null: in no VPC of yours. */
  readonly vpc: Vpc | null;
  readonly tags: Readonly<Record<string, string>>;
}

export interface Vpc {
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
}
