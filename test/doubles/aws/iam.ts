import type { Form } from "./ec2.ts";
import { AwsFailure } from "./failure.ts";
import type { RoleState, Scope, State } from "./state.ts";

/** All inline policies of a role together: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const INLINE_MAX = 10_240;

/** https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html : policy documents come URL-encoded (RFC 3986). */
export function getRole(state: State, scope: Scope, form: Form): object {
  const role = roleOf(state, scope, form);
  return {
    Role: {
      Path: role.path,
      RoleName: role.name,
      RoleId: `AROA${role.name.toUpperCase().slice(0, 17).padEnd(17, "X")}`,
      Arn: `arn:aws:iam::${role.account}:role${role.path}${role.name}`,
      CreateDate: "2026-01-01T00:00:00Z",
      AssumeRolePolicyDocument: encodeURIComponent(role.trust),
      MaxSessionDuration: role.maxSessionSeconds,
    },
  };
}

/** https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html */
export function getRolePolicy(state: State, scope: Scope, form: Form): object {
  const { role, name, document } = policyOf(state, scope, form);
  return { RoleName: role.name, PolicyName: name, PolicyDocument: encodeURIComponent(document) };
}

/** https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html */
export function putRolePolicy(state: State, scope: Scope, form: Form): object {
  const role = changeable(roleOf(state, scope, form));
  const { PolicyName: name = "", PolicyDocument: document = "" } = form;
  if (!/^[\w+=,.@-]{1,128}$/.test(name)) throw new AwsFailure("ValidationError", "The policy name is not valid.");
  if (!isPolicy(document)) throw new AwsFailure("MalformedPolicyDocument", "Syntax errors in policy.");
  const others = [...role.policies].filter(([other]) => other !== name).reduce((size, [, text]) => size + sizeOf(text), 0);
  if (others + sizeOf(document) > INLINE_MAX)
    throw new AwsFailure("LimitExceeded", `Maximum policy size of ${INLINE_MAX} bytes exceeded for role ${role.name}`, 409);
  role.policies.set(name, document);
  return {};
}

/** https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRolePolicy.html */
export function deleteRolePolicy(state: State, scope: Scope, form: Form): object {
  const { role, name } = policyOf(state, scope, form);
  changeable(role).policies.delete(name);
  return {};
}

/** White space does not count. */
const sizeOf = (document: string): number => document.replaceAll(/\s/g, "").length;

function isPolicy(document: string): boolean {
  try {
    const parsed: unknown = JSON.parse(document);
    return typeof parsed === "object" && parsed !== null && "Statement" in parsed;
  } catch {
    return false;
  }
}

function roleOf(state: State, { account }: Scope, { RoleName: name = "" }: Form): RoleState {
  const role = state.roles.find((one) => one.account === account && one.name === name);
  if (role === undefined) throw new AwsFailure("NoSuchEntity", `The role with name ${name} cannot be found.`, 404);
  return role;
}

function policyOf(state: State, scope: Scope, form: Form) {
  const role = roleOf(state, scope, form);
  const { PolicyName: name = "" } = form;
  const document = role.policies.get(name);
  if (document === undefined) throw new AwsFailure("NoSuchEntity", `The role policy with name ${name} cannot be found.`, 404);
  return { role, name, document };
}

function changeable(role: RoleState): RoleState {
  if (role.path.startsWith("/aws-service-role/"))
    throw new AwsFailure("UnmodifiableEntity", `Cannot perform the operation on the protected role '${role.name}'.`);
  return role;
}

/**
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html : a role that is not there and one that asks for another external id
 * are both AccessDenied. The session's access key is of the role's account. An account's own trust policies are not evaluated.
 */
export function assumeRole(state: State, _scope: Scope, form: Form): object {
  const { RoleArn: arn = "", RoleSessionName: session = "", ExternalId: externalId } = form;
  const [, , , , account = "", resource = ""] = arn.split(":");
  const name = resource.split("/").at(-1);
  const role = state.roles.find((one) => one.account === account && one.name === name);
  if (role === undefined || (role.externalId !== undefined && role.externalId !== externalId))
    throw new AwsFailure("AccessDenied", `User is not authorized to perform: sts:AssumeRole on resource: ${arn}`, 403);
  const key = `ASIA${state.id(16).toUpperCase()}`;
  state.sessions.set(key, account);
  // The client compares with its own clock, however far this world's is ahead.
  const expires = new Date(Math.max(state.now(), Date.now()) + 3_600_000).toISOString();
  return {
    Credentials: { AccessKeyId: key, SecretAccessKey: state.id(40), SessionToken: state.id(64), Expiration: expires },
    AssumedRoleUser: { AssumedRoleId: `AROA:${session}`, Arn: `arn:aws:sts::${account}:assumed-role/${role.name}/${session}` },
  };
}
