import { DeleteRolePolicyCommand, GetRoleCommand, GetRolePolicyCommand, IAMClient, PutRolePolicyCommand } from "@aws-sdk/client-iam";
import { askAws, isAws, printable } from "#shared/adapters/aws-error.ts";
import type { ClientConfig } from "#shared/adapters/cluster-sessions.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { TaskRoles } from "#shared/ports/task-roles.ts";

/** IAM is global: the SDK finds its endpoint by the partition of the region. */
export const iamClient = (config: ClientConfig): IAMClient => new IAMClient(config);

/** https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html */
const ROLE_NAME = /^[\w+=,.@-]{1,64}$/;
const POLICY_NAME = /^[\w+=,.@-]{1,128}$/;
/** https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html */
const SESSION_SECONDS = 3_600;
const TRUSTS_MAX = 20;

export function taskRoles(client: Pick<IAMClient, "send">, cluster: Cluster): TaskRoles {
  const rejected = (action: string, why: string, options?: ErrorOptions) =>
    new PipelineError("aws_rejected", `IAM ${action} for cluster ${cluster.name}: ${why}`, options);

  /** `absent`: what it means that there is no such role or policy; undefined: a fault. */
  const ask = async <T, A>(action: string, call: () => Promise<T>, absent?: A): Promise<T | A> => {
    try {
      return await call();
    } catch (thrown) {
      if (absent !== undefined && isAws(thrown, "NoSuchEntityException", "NoSuchEntity")) return absent;
      // Elsewhere this name asks for patience; here it says that the role's inline policies would grow too large.
      if (isAws(thrown, "LimitExceededException", "LimitExceeded"))
        throw rejected(action, "the role has no room for another inline policy", { cause: thrown });
      return await askAws(`IAM ${action} for cluster ${cluster.name}`, () => Promise.reject(thrown));
    }
  };

  const decoded = (action: string, text: string): string => {
    try {
      return decodeURIComponent(text);
    } catch (cause) {
      throw rejected(action, "a policy that is not URL-encoded", { cause });
    }
  };

  return {
    async get(RoleName, abortSignal) {
      named(RoleName);
      const action = "GetRole";
      const role = (await ask(action, () => client.send(new GetRoleCommand({ RoleName }), { abortSignal }), null))?.Role;
      if (role === undefined) return null;
      if (!role.Arn || role.RoleName !== RoleName) throw rejected(action, "an answer about another role");
      // The role of a task is of the task's account: one of the same name elsewhere is another's.
      if (role.Arn.split(":")[4] !== cluster.account) throw rejected(action, "the session is in another account than the cluster");
      return {
        arn: role.Arn,
        name: RoleName,
        trusts: trustsOf(decoded(action, role.AssumeRolePolicyDocument ?? "")),
        maxSessionSeconds: role.MaxSessionDuration ?? SESSION_SECONDS,
      };
    },

    async policy(RoleName, PolicyName, abortSignal) {
      named(RoleName, PolicyName);
      const action = "GetRolePolicy";
      const answer = await ask(action, () => client.send(new GetRolePolicyCommand({ RoleName, PolicyName }), { abortSignal }), null);
      if (answer === null) return null;
      if (!answer.PolicyDocument) throw rejected(action, "an answer without the policy");
      return decoded(action, answer.PolicyDocument);
    },

    async putPolicy(RoleName, PolicyName, PolicyDocument, abortSignal) {
      named(RoleName, PolicyName);
      await ask("PutRolePolicy", () => client.send(new PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument }), { abortSignal }));
    },

    async deletePolicy(RoleName, PolicyName, abortSignal) {
      named(RoleName, PolicyName);
      await ask("DeleteRolePolicy", () => client.send(new DeleteRolePolicyCommand({ RoleName, PolicyName }), { abortSignal }), null);
    },
  };
}

function named(role: string, policy = "policy"): void {
  if (!ROLE_NAME.test(role)) throw new RangeError(`"${role}" is no name of a role`);
  if (!POLICY_NAME.test(policy)) throw new RangeError(`"${policy}" is no name of a policy`);
}

/** Principals of a trust policy's allowances. What cannot be read is said, not left out: it is only for people. */
function trustsOf(document: string): readonly string[] {
  let policy: unknown;
  try {
    policy = JSON.parse(document);
  } catch {
    return ["a trust policy that cannot be read"];
  }
  const trusts = list(field(policy, "Statement"))
    .filter((statement) => field(statement, "Effect") === "Allow")
    .flatMap((statement) => {
      if (field(statement, "NotPrincipal") !== undefined) return ["everyone but some"];
      const principal = field(statement, "Principal");
      return typeof principal === "string" ? [principal] : Object.values(principal ?? {}).flatMap(list);
    });
  return [...new Set(trusts.map((trust) => printable(String(trust), 200)))].slice(0, TRUSTS_MAX);
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : value === undefined ? [] : [value]);
const field = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
