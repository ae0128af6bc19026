import { messageOf, PipelineError } from "#shared/domain/error.ts";
import { protectedResidents, type Resident, residentsOf, servicesOf } from "#shared/playbooks/ecs/residents.ts";
import { stopReason } from "#shared/playbooks/ecs/stop-task.ts";
import { aimAtTask, taskNow, taskOf } from "#shared/playbooks/ecs/target.ts";
import { type Execution, type Kept, type Plan, type Playbook, type Reach, refused, type Undoing } from "#shared/playbooks/playbook.ts";
import { few, many } from "#shared/playbooks/words.ts";
import type { HostNetwork, NetworkInterface, SecurityGroup } from "#shared/ports/host-network.ts";

const NAME = "ecs:isolate-instance";
const GROUP = /^sg-[0-9a-f]{8,17}$/;
const NEXT_BEST = "next best: ecs:stop-task";
/** Key of `kept` that holds the EC2 instance id; every other key is an interface, with its former groups as JSON. */
const MACHINE = "machine";

/**
 * Gives the EC2 machine's own interfaces one security group instead of theirs. The agent of the instance is behind them too: unless the group
 * lets 443 out, the offender is stopped first and seen STOPPED, or the stop would never arrive.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html
 */
export const isolateInstance: Playbook = {
  name: NAME,
  needs: {
    iam: [
      { actions: ["ecs:DescribeContainerInstances", "ecs:ListTasks"], on: "container-instance" },
      { actions: ["ecs:DescribeTasks", "ecs:StopTask"], on: "task" },
      { actions: ["ecs:DescribeServices"], on: "service" },
      { actions: ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups"], on: "any-interface" },
      { actions: ["ec2:ModifyNetworkInterfaceAttribute"], on: "network-interface" },
      { actions: ["ec2:ModifyNetworkInterfaceAttribute"], on: "security-group" },
    ],
    look: [
      { actions: ["ecs:DescribeContainerInstances"], on: "container-instance" },
      { actions: ["ec2:DescribeNetworkInterfaces"], on: "any-interface" },
    ],
    rbac: [],
  },

  plan(workload, params, occasion) {
    const target = aimAtTask(NAME, "isolates the EC2 machine of an ECS task", workload, params, ["security_group"]);
    if (typeof target === "string") return refused(target);
    const { security_group: group } = params;
    if (typeof group !== "string" || !GROUP.test(group))
      return refused("security_group must name the group to isolate with: sg- and 8 to 17 hexadecimal digits");
    if (target.containerInstanceArn === null)
      return refused(`the task runs on no EC2 machine of yours (Fargate): there is no interface to isolate; ${NEXT_BEST}`);
    if (target.launchType === "EXTERNAL") return refused(EXTERNAL);
    return { kind: "planned", plan: { action: NAME, workload: target, params: { security_group: group }, occasion } };
  },

  async prepare(plan, reach, signal) {
    const { instanceArn, group } = aim(plan);
    const instance = await (await reach.access.instances(reach.cluster)).describe(instanceArn, signal);
    if (instance === null) return { kind: "refused", because: `ECS no longer knows the container instance; ${NEXT_BEST}` };
    if (instance.ec2InstanceId === null) return { kind: "refused", because: EXTERNAL };
    const network = await reach.access.network(reach.cluster);
    const own = (await network.interfacesOf(instance.ec2InstanceId, signal)).filter(isOwn);
    if (own.length === 0)
      return { kind: "refused", because: `EC2 shows no interface of ${instance.ec2InstanceId} that you may change; ${NEXT_BEST}` };
    const found = await network.securityGroup(group, signal);
    if (found === null)
      return {
        kind: "refused",
        because: `security group ${group} does not exist in this account and region: correct the policy; ${NEXT_BEST}`,
      };
    const abroad = own.filter(({ vpcId }) => vpcId !== found.vpcId);
    if (abroad.length > 0)
      return {
        kind: "refused",
        because: `security group ${group} is of ${found.vpcId}, and ${few(abroad.map(({ id }) => id))} of another VPC: name a group there; ${NEXT_BEST}`,
      };
    if (own.every((one) => hasOnly(one, group)))
      return { kind: "nothing", because: `every interface of ${instance.ec2InstanceId} has exactly ${group} already` };
    const residents = await residentsOf(plan, instanceArn, reach, signal);
    const spared = protectedResidents(residents, reach);
    if (spared !== null) return { kind: "refused", because: `${spared}; ${NEXT_BEST}` };
    const kept = Object.fromEntries(own.map(({ id, groups }) => [id, JSON.stringify(groups)]));
    return { kind: "ready", kept: { [MACHINE]: instance.ec2InstanceId, ...kept }, remarks: remarksOn(residents, found) };
  },

  async execute(plan, kept, reach, signal) {
    const { group } = aim(plan);
    const network = await reach.access.network(reach.cluster);
    const found = await network.securityGroup(group, signal);
    if (found === null)
      return { kind: "conflict", because: `security group ${group} has gone meanwhile: nothing was changed; ${NEXT_BEST}` };
    if (!found.allowsHttpsOut) await stoppedFirst(plan, reach, signal);
    const own = (await network.interfacesOf(machineOf(kept), signal)).filter(isOwn);
    if (own.length === 0) return { kind: "gone", because: `EC2 shows no interface of ${machineOf(kept)} any more: the machine has ended` };
    return await swap(own, group, kept, network, signal);
  },

  async verify(plan, kept, reach, signal) {
    const { group } = aim(plan);
    const own = (await (await reach.access.network(reach.cluster)).interfacesOf(machineOf(kept), signal)).filter(isOwn);
    if (own.length === 0) return { kind: "unknown", because: `EC2 shows no interface of ${machineOf(kept)}: the machine may have ended` };
    const open = own.filter((one) => !hasOnly(one, group)).map(({ id }) => id);
    if (open.length === 0)
      return {
        kind: "done",
        because: `${many(own.length, "interface")} of ${machineOf(kept)} ${own.length === 1 ? "has" : "have"} exactly ${group}`,
      };
    const because = `${open.length} of ${many(own.length, "interface")} of ${machineOf(kept)} not in ${group} alone: ${few(open)}`;
    return { kind: "pending", begun: false, because, ...(open.length < own.length ? { partly: true } : {}) };
  },

  undo: {
    possible: true,
    says: "gives each interface of the EC2 instance the security groups that it had",
    async run(plan, kept, _doneAtMs, reach, signal) {
      const network = await reach.access.network(reach.cluster);
      return await giveBack(aim(plan).group, kept, network, signal);
    },
  },
};

const EXTERNAL = `the container instance is no EC2 machine (ECS Anywhere): AWS manages no network of it; ${NEXT_BEST}`;

/** Until the offender is seen STOPPED: behind a group that lets nothing out, its agent would never hear of the stop. */
async function stoppedFirst(plan: Plan, reach: Reach, signal: AbortSignal): Promise<void> {
  const { instanceArn, taskArn } = aim(plan);
  const task = await taskNow(taskArn, reach, signal);
  if (task === null || task.lastStatus === "STOPPED") return;
  const { cluster, access } = reach;
  if ((await (await access.tasks(cluster)).stop(taskArn, stopReason(plan.occasion), signal)) === "gone") return;
  const connected = (await (await access.instances(cluster)).describe(instanceArn, signal))?.agentConnected ?? false;
  const hint = connected
    ? ""
    : "; the agent is disconnected, so it may never be: name a group that lets 443 out, or terminate the EC2 instance";
  throw new PipelineError(
    "not_yet",
    `the offender is to be seen STOPPED before its agent is cut off, ECS reports ${task.lastStatus}${hint}`,
  );
}

/** One interface after the other. When one is refused after another was changed, that is told, not thrown: something has been done. */
async function swap(
  own: readonly NetworkInterface[],
  group: string,
  kept: Kept,
  network: HostNetwork,
  signal: AbortSignal,
): Promise<Execution> {
  const former: Record<string, string> = { ...kept };
  const remarks: string[] = [];
  let closed = 0;
  for (const one of own) {
    if (hasOnly(one, group)) {
      closed++;
      continue;
    }
    try {
      if ((await network.setGroups(one.id, [group], signal)) === "gone") {
        remarks.push(`Interface ${one.id} was gone.`);
        continue;
      }
      // What it had last is what undo gives back, also to an interface that came after preparing.
      former[one.id] = JSON.stringify(one.groups);
      closed++;
    } catch (thrown) {
      if (!(thrown instanceof PipelineError) || thrown.retryable || closed === 0) throw thrown;
      remarks.push(`Interface ${one.id} is NOT isolated: ${messageOf(thrown)}`);
    }
  }
  return { kind: "accepted", because: `EC2 took ${group} for ${many(closed, "interface")}`, kept: former, remarks };
}

async function giveBack(group: string, kept: Kept, network: HostNetwork, signal: AbortSignal): Promise<Undoing> {
  const now = await network.interfacesOf(machineOf(kept), signal);
  const parts: Part[] = [];
  for (const [id, groups] of formerGroups(kept))
    parts.push(
      await part(
        now.find((there) => there.id === id),
        id,
        groups,
        group,
        network,
        signal,
      ),
    );
  const of = (kind: Part["kind"]): readonly string[] => parts.filter((one) => one.kind === kind).map(({ says }) => says);
  // The note of an interface that came after preparing may have been lost with its owner.
  const unknown = now.filter((one) => isOwn(one) && kept[one.id] === undefined && hasOnly(one, group));
  const strange = [...of("strange"), ...unknown.map(({ id }) => `${id} has ${group}, and what it had before is not known`)];
  const asked = of("asked");
  const after = asked.length === 0 ? now : await network.interfacesOf(machineOf(kept), signal);
  const open = asked.filter((id) => !after.some((one) => one.id === id && same(one.groups, formerOf(kept, id))));
  const back = asked.length > 0 ? [`${few(asked)} ${asked.length === 1 ? "has its" : "have their"} former groups again`] : [];
  if (strange.length > 0)
    return { kind: "changed", because: [`not overwritten: ${strange.join(", ")}`, ...back, ...of("gone")].join("; ") };
  if (open.length > 0) return { kind: "requested", because: `EC2 does not show the former groups of ${few(open)} yet` };
  if (asked.length > 0) return { kind: "undone", because: [...back, ...of("gone")].join("; ") };
  return { kind: "nothing", because: ["no interface is left that needs its former groups back", ...of("gone")].join("; ") };
}

/** What became of one interface. asked: it was given its groups, `says` is its id. */
interface Part {
  readonly kind: "asked" | "gone" | "strange" | "as-before";
  readonly says: string;
}

async function part(
  one: NetworkInterface | undefined,
  id: string,
  groups: readonly string[],
  group: string,
  network: HostNetwork,
  signal: AbortSignal,
): Promise<Part> {
  const gone = { kind: "gone", says: `${id} is gone` } as const;
  if (one === undefined) return gone;
  if (same(one.groups, groups)) return { kind: "as-before", says: id };
  if (!hasOnly(one, group)) return { kind: "strange", says: `${id} has other groups than we gave it` };
  const answer = await regroup(network, id, groups, signal);
  if (answer === "gone") return gone;
  return answer === "set"
    ? { kind: "asked", says: id }
    : { kind: "strange", says: `${id} cannot have its former groups ${few(groups)} (${answer.because})` };
}

/** An object: EC2 refuses, as when a former group is gone. */
async function regroup(
  network: HostNetwork,
  id: string,
  groups: readonly string[],
  signal: AbortSignal,
): Promise<"set" | "gone" | { readonly because: string }> {
  try {
    return await network.setGroups(id, groups, signal);
  } catch (thrown) {
    if (thrown instanceof PipelineError && thrown.code === "aws_rejected") return { because: thrown.message };
    throw thrown;
  }
}

function remarksOn(residents: readonly Resident[], group: SecurityGroup): readonly string[] {
  const shares = residents.filter(({ task, offender }) => !offender && task.networkInterfaces.length === 0);
  const apart = residents.filter(({ task }) => task.networkInterfaces.length > 0);
  return [
    `${many(shares.length, "other task")} of the host share${shares.length === 1 ? "s" : ""} its interfaces and ${shares.length === 1 ? "is" : "are"} cut with it${servicesOf(shares)}.`,
    ...(apart.length === 0
      ? []
      : [
          `${many(apart.length, "task")} with interfaces of their own (awsvpc) NOT cut${apart.some(({ offender }) => offender) ? ", and the offender is one: ecs:stop-task stops it" : ""}.`,
        ]),
    "Connections that stand are tracked and may live on: up to 5 days while idle, 350 s on Nitro v6 machines.",
    group.allowsHttpsOut
      ? `${group.id} lets 443 out: the ECS agent can still be told to stop tasks, and whatever runs on the host can use 443 too.`
      : `${group.id} lets no 443 out: the ECS agent is cut off, so the offender is stopped first and no later StopTask reaches this host.`,
    ...(group.inboundRules === 0 ? [] : [`${group.id} has ${many(group.inboundRules, "inbound rule")}: what they allow still comes in.`]),
  ];
}

function aim(plan: Plan): { readonly taskArn: string; readonly instanceArn: string; readonly group: string } {
  const { taskArn, containerInstanceArn } = taskOf(plan, NAME);
  if (containerInstanceArn === null) throw new Error(`a plan of ${NAME} has no container instance`);
  return { taskArn, instanceArn: containerInstanceArn, group: String(plan.params["security_group"]) };
}

function machineOf(kept: Kept): string {
  const machine = kept[MACHINE];
  if (machine === undefined) throw new Error(`${NAME} was not prepared`);
  return machine;
}

/** Those of tasks and trunks are kept by ECS: nobody may change their groups. */
const isOwn = ({ requesterManaged, type }: NetworkInterface): boolean => !requesterManaged && type !== "branch" && type !== "trunk";
const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && [...a].sort().join() === [...b].sort().join();
const hasOnly = ({ groups }: NetworkInterface, group: string): boolean => same(groups, [group]);

const formerOf = (kept: Kept, id: string): readonly string[] => JSON.parse(kept[id] ?? "[]") as string[];
const formerGroups = (kept: Kept): readonly (readonly [string, readonly string[]])[] =>
  Object.keys(kept)
    .filter((key) => key !== MACHINE)
    .map((id) => [id, formerOf(kept, id)] as const);
