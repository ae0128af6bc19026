import type { Cluster } from "#shared/domain/registry.ts";
import type { TaskWorkload } from "#shared/domain/workload.ts";
import { parseTaskArn } from "#shared/playbooks/ecs/arn.ts";
import { aimAtTask, taskNow, taskOf } from "#shared/playbooks/ecs/target.ts";
import { type Kept, type Plan, type Playbook, type Reach, refused } from "#shared/playbooks/playbook.ts";
import { at, few, many } from "#shared/playbooks/words.ts";
import { globTest } from "#shared/policy/pattern.ts";
import type { RoleFacts } from "#shared/ports/task-roles.ts";

const NAME = "ecs:revoke-role-sessions";
const POLICY = "falco-responder-revoke-sessions";
const ROLE_ARN = /^arn:aws(?:-[a-z]+){0,3}:iam::(\d{12}):role\/(?:[!-~]{1,510}\/)?([\w+=,.@-]{1,64})$/;
/** The longest that a session of a role can last: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use.html */
const LONGEST_SESSION_MS = 12 * 3_600_000;
/** A write whose answer was lost may be so much later than the request that was noted. */
const TOLERANCE_MS = 120_000;
/** Definitions of neighbours that are read to see whose role it is. */
const MOST_DEFINITIONS = 5;

/**
 * Denies everything to the sessions that the task role has given out until now, as "Revoke active sessions" in the console does. It outlives
 * the task: stolen credentials do too. https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html
 */
export const revokeRoleSessions: Playbook = {
  name: NAME,
  needs: {
    iam: [
      { actions: ["iam:DeleteRolePolicy", "iam:GetRole", "iam:GetRolePolicy", "iam:PutRolePolicy"], on: "task-role" },
      { actions: ["ecs:DescribeTaskDefinition"], on: "task-definition" },
      { actions: ["ecs:DescribeTasks"], on: "task" },
      { actions: ["ecs:ListTasks"], on: "container-instance" },
    ],
    look: [{ actions: ["iam:GetRolePolicy"], on: "task-role" }],
    rbac: [],
  },

  plan(workload, params, occasion) {
    const target = aimAtTask(NAME, "revokes sessions of an ECS task's role", workload, params, []);
    return typeof target === "string"
      ? refused(target)
      : { kind: "planned", plan: { action: NAME, workload: target, params: {}, occasion } };
  },

  async prepare(plan, reach, signal) {
    const target = taskOf(plan, NAME);
    const arn = await roleArnOf(target, reach, signal);
    if (typeof arn === "object") return { kind: "refused", because: arn.because };
    const role = readRole(arn, reach.cluster);
    if (typeof role === "object") return { kind: "refused", because: role.because };
    const roles = await reach.access.roles(reach.cluster);
    const facts = await roles.get(role, signal);
    if (facts === null)
      return { kind: "refused", because: `IAM knows no role ${role}: its sessions can do nothing; next best: ecs:stop-task` };
    const before = await roles.policy(role, POLICY, signal);
    if (before !== null && readDeny(before) === null)
      return {
        kind: "refused",
        because: `role ${role} has a policy ${POLICY} that is not as we write it: look at it and remove it first; next best: ecs:stop-task`,
      };
    return {
      kind: "ready",
      kept: { role: role, preparedAtMs: String(reach.nowMs()), ...(before === null ? {} : { before }) },
      remarks: await remarksOn(facts, target, arn, before, reach, signal),
    };
  },

  async execute(plan, kept, reach, signal) {
    const role = roleOf(kept);
    const roles = await reach.access.roles(reach.cluster);
    const now = await roles.policy(role, POLICY, signal);
    if (now !== null && covers(now, kept)) return { kind: "accepted", because: `role ${role} denies older sessions already` };
    if (!sameDeny(now, kept["before"] ?? null))
      return { kind: "conflict", because: `somebody changed policy ${POLICY} of role ${role} meanwhile: look at it; nothing was revoked` };
    const document = denyUntil(plan, reach.nowMs());
    await roles.putPolicy(role, POLICY, document, signal);
    return { kind: "accepted", because: `IAM took the policy ${POLICY} for role ${role}`, kept: { ...kept, written: document } };
  },

  async verify(_plan, kept, reach, signal) {
    const role = roleOf(kept);
    const now = await (await reach.access.roles(reach.cluster)).policy(role, POLICY, signal);
    const deny = now === null ? null : readDeny(now);
    if (now !== null && deny !== null && covers(now, kept))
      return {
        kind: "done",
        because: `role ${role} denies everything to sessions issued before ${at(deny.beforeMs)}; IAM needs some seconds to spread it`,
      };
    return sameDeny(now, kept["before"] ?? null)
      ? { kind: "pending", begun: false, because: `role ${role} does not deny its sessions yet` }
      : { kind: "unknown", because: `policy ${POLICY} of role ${role} is neither ours nor the former one: somebody changed it` };
  },

  undo: {
    possible: true,
    says: "removes the deny from the role, or gives back the one of an earlier incident; not before the longest session has ended",
    async run(plan, kept, doneAtMs, reach, signal) {
      const role = roleOf(kept);
      const notBeforeMs = doneAtMs + LONGEST_SESSION_MS;
      if (reach.nowMs() < notBeforeMs)
        return {
          kind: "early",
          notBeforeMs,
          because: `revoked sessions of role ${role} may last until ${at(notBeforeMs)}: taken back before, stolen credentials work again`,
        };
      const roles = await reach.access.roles(reach.cluster);
      const now = await roles.policy(role, POLICY, signal);
      const before = kept["before"] ?? null;
      if (now === null) return { kind: "nothing", because: `role ${role} has no policy ${POLICY} (any more)` };
      if (sameDeny(now, before)) return { kind: "nothing", because: `policy ${POLICY} of role ${role} is as it was before` };
      if (!isOurs(now, plan, kept, doneAtMs))
        return {
          kind: "changed",
          because: `policy ${POLICY} of role ${role} is not as we wrote it: a later incident or somebody changed it, it stands`,
        };
      await (before === null ? roles.deletePolicy(role, POLICY, signal) : roles.putPolicy(role, POLICY, before, signal));
      return sameDeny(await roles.policy(role, POLICY, signal), before)
        ? {
            kind: "undone",
            because: before === null ? `role ${role} denies nothing any more` : `role ${role} has the policy of the earlier incident again`,
          }
        : { kind: "requested", because: `IAM took the request and still shows the policy of role ${role}` };
    },
  },
};

/** The role whose credentials the task's code gets, or why there is none. */
async function roleArnOf(target: TaskWorkload, reach: Reach, signal: AbortSignal): Promise<string | { readonly because: string }> {
  const task = await taskNow(target.taskArn, reach, signal);
  const override = task?.roleOverride ?? target.roleOverride ?? null;
  if (override !== null) return override;
  const definition = task?.taskDefinitionArn ?? definitionArn(target);
  const facts = definition === null ? null : await (await reach.access.definitions(reach.cluster)).describe(definition, signal);
  if (facts === null) return { because: "ECS does not know the task's definition, so its role is not known; next best: ecs:stop-task" };
  return (
    facts.taskRoleArn ?? {
      because:
        "the task has no task role (the execution role is the agent's, the task's code does not get it); next best: ecs:stop-task, and see what the EC2 machine's own role may do",
    }
  );
}

/** Of a task that ECS has forgotten: its definition stays. */
function definitionArn({ taskArn, family, revision }: TaskWorkload): string | null {
  const arn = parseTaskArn(taskArn);
  return arn === null || revision === ""
    ? null
    : `${taskArn.slice(0, taskArn.indexOf(":ecs:"))}:ecs:${arn.region}:${arn.account}:task-definition/${family}:${revision}`;
}

/** Its name, or why its sessions are not revoked. */
function readRole(arn: string, cluster: Cluster): string | { readonly because: string } {
  const [, account, name] = ROLE_ARN.exec(arn) ?? [];
  if (account === undefined || name === undefined) return { because: "the task role's ARN cannot be read; next best: ecs:stop-task" };
  if (account !== cluster.account)
    return { because: `the task role is of account ${account}, not ${cluster.account}: revoke it there by hand; next best: ecs:stop-task` };
  return (cluster.taskRoles ?? []).some((glob) => globTest(glob)(name))
    ? name
    : {
        because: `role ${name} is not listed: add it to taskRoles of cluster ${cluster.name} in falco-responder.yml; next best: ecs:stop-task`,
      };
}

async function remarksOn(
  facts: RoleFacts,
  target: TaskWorkload,
  arn: string,
  before: string | null,
  reach: Reach,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const others = await othersWith(arn, target, reach, signal);
  return [
    `It hits every session of role ${facts.name}, whoever has it; it may be assumed by ${facts.trusts.length === 0 ? "nobody that its trust policy names" : few(facts.trusts)}.`,
    target.service === null
      ? "Which other tasks use the role is not known."
      : `At least ${many(others, "other task")} of service ${target.service} use${others === 1 ? "s" : ""} the role.`,
    "Healthy tasks are denied until their agent hands them fresh credentials, which takes hours: force a new deployment of every service with this role.",
    "The offender gets fresh credentials as well while it runs: stop it too.",
    ...(before === null ? [] : ["It replaces the deny of an earlier incident with a later time; undo gives that one back."]),
  ];
}

/** Tasks of the same service that run with the role, as far as some of their definitions tell. */
async function othersWith(
  arn: string,
  { service, taskArn }: TaskWorkload,
  { cluster, access }: Reach,
  signal: AbortSignal,
): Promise<number> {
  if (service === null) return 0;
  const [tasks, services, definitions] = await Promise.all([access.tasks(cluster), access.services(cluster), access.definitions(cluster)]);
  const arns = (await services.tasksOf(service, signal)).filter((one) => one !== taskArn);
  const described = arns.length === 0 ? [] : (await tasks.describe(arns, signal)).tasks;
  const known = [...new Set(described.map(({ taskDefinitionArn }) => taskDefinitionArn))].slice(0, MOST_DEFINITIONS);
  const roles = new Map(
    await Promise.all(known.map(async (one) => [one, (await definitions.describe(one, signal))?.taskRoleArn ?? null] as const)),
  );
  return described.filter(({ roleOverride, taskDefinitionArn }) => (roleOverride ?? roles.get(taskDefinitionArn)) === arn).length;
}

interface Deny {
  readonly sid: string;
  readonly beforeMs: number;
}

/** Letters and digits are all that a Sid may have. */
const sidOf = ({ occasion }: Plan): string => `FalcoResponder${occasion.incident.replace(/[^A-Za-z0-9]/g, "")}`;

/** Whole seconds, rounded up: what was issued within this second is revoked too. */
function denyUntil(plan: Plan, nowMs: number): string {
  const time = at(Math.ceil(nowMs / 1_000) * 1_000);
  const condition = { DateLessThan: { "aws:TokenIssueTime": time } };
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Sid: sidOf(plan), Effect: "Deny", Action: "*", Resource: "*", Condition: condition }],
  });
}

/** A document of the shape that `denyUntil` writes, however it is spaced and ordered; null: another. */
function readDeny(document: string): Deny | null {
  const found = /"Sid":"(FalcoResponder[A-Za-z0-9]*)"/.exec(canonical(document) ?? "");
  const time = /"aws:TokenIssueTime":"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z)"/.exec(canonical(document) ?? "");
  if (found?.[1] === undefined || time?.[1] === undefined) return null;
  const condition = { DateLessThan: { "aws:TokenIssueTime": time[1] } };
  const statement = { Sid: found[1], Effect: "Deny", Action: "*", Resource: "*", Condition: condition };
  const wanted = canonical(JSON.stringify({ Version: "2012-10-17", Statement: [statement] }));
  return wanted === canonical(document) ? { sid: found[1], beforeMs: Date.parse(time[1]) } : null;
}

function canonical(document: string): string | null {
  try {
    const sorted = (value: unknown): unknown =>
      typeof value !== "object" || value === null
        ? value
        : Array.isArray(value)
          ? value.map(sorted)
          : Object.fromEntries(
              Object.entries(value)
                .sort(([a], [b]) => (a < b ? -1 : 1))
                .map(([key, inner]) => [key, sorted(inner)]),
            );
    return JSON.stringify(sorted(JSON.parse(document)));
  } catch {
    return null;
  }
}

const sameDeny = (a: string | null, b: string | null): boolean =>
  a === null || b === null ? a === b : a === b || (canonical(a) !== null && canonical(a) === canonical(b));

/** Ours or that of another incident of ours, and no session that was out when this was prepared escapes it. */
function covers(document: string, { preparedAtMs }: Kept): boolean {
  const deny = readDeny(document);
  return deny !== null && deny.beforeMs >= Number(preparedAtMs);
}

/** Exactly what we wrote; when our note of that was lost: of this incident, and of the time when it was done. */
function isOurs(document: string, plan: Plan, kept: Kept, doneAtMs: number): boolean {
  if (kept["written"] !== undefined) return sameDeny(document, kept["written"]);
  const deny = readDeny(document);
  return deny !== null && deny.sid === sidOf(plan) && covers(document, kept) && deny.beforeMs <= doneAtMs + TOLERANCE_MS;
}

function roleOf({ role }: Kept): string {
  if (role === undefined) throw new Error(`${NAME} was not prepared`);
  return role;
}
