/** IAM roles of tasks in one cluster's account. Adapters translate errors to PipelineError (`aws_*`). */
export interface TaskRoles {
  /** GetRole. Null: there is none. */
  get(roleName: string, signal: AbortSignal): Promise<RoleFacts | null>;
  /** GetRolePolicy, decoded JSON text. Null: the role has no inline policy of that name. */
  policy(roleName: string, policyName: string, signal: AbortSignal): Promise<string | null>;
  putPolicy(roleName: string, policyName: string, document: string, signal: AbortSignal): Promise<void>;
  /** An absent policy is no error. */
  deletePolicy(roleName: string, policyName: string, signal: AbortSignal): Promise<void>;
}

export interface RoleFacts {
  readonly arn: string;
  readonly name: string;
  /** Who may assume it, from its trust policy: services, accounts, federations; at most 20, for people. */
  readonly trusts: readonly string[];
  readonly maxSessionSeconds: number;
}
