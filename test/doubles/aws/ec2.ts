import type { Eni, Group, Rule } from "./ec2-state.ts";
import { AwsFailure, notModelled } from "./failure.ts";
import { settle } from "./scheduler.ts";
import type { Scope, State } from "./state.ts";

/** What the EC2 query protocol carries: `Filter.1.Value.1=i-...`. */
export type Form = Readonly<Record<string, string>>;

/** Numbered values: `SecurityGroupId.1`, `SecurityGroupId.2`, ... */
const numbered = (form: Form, name: string): string[] => {
  const values: string[] = [];
  for (let n = 1; form[`${name}.${n}`] !== undefined; n++) values.push(form[`${name}.${n}`] ?? "");
  return values;
};

/** An interface has at most five groups: https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html */
const GROUPS_MAX = 5;

/**
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html : pages of 5 to 1000, not together with ids. Of the
 * filters two are known here. A branch interface of a task hangs on a trunk and is on no machine: https://github.com/cloud-custodian/cloud-custodian/issues/7973
 */
export function describeNetworkInterfaces(state: State, scope: Scope, form: Form): object {
  const ids = numbered(form, "NetworkInterfaceId");
  const missing = ids.find((id) => !inScope(state.enis.get(id), scope));
  if (missing !== undefined) throw noInterface(missing);
  let found = [...state.enis.values()].filter((eni) => inScope(eni, scope) && (ids.length === 0 || ids.includes(eni.id)));
  for (let n = 1; form[`Filter.${n}.Name`] !== undefined; n++) {
    const name = form[`Filter.${n}.Name`];
    const values = numbered(form, `Filter.${n}.Value`);
    if (name === "attachment.instance-id")
      found = found.filter(({ ec2InstanceId }) => ec2InstanceId !== null && values.includes(ec2InstanceId));
    else if (name === "network-interface-id") found = found.filter(({ id }) => values.includes(id));
    else throw notModelled(`the filter ${name}`);
  }
  const size = form["MaxResults"] === undefined ? 1_000 : Number(form["MaxResults"]);
  if (size < 5 || size > 1_000) throw new AwsFailure("InvalidParameterValue", `Value ( ${size} ) for parameter maxResults is invalid.`);
  if (form["MaxResults"] !== undefined && ids.length > 0)
    throw new AwsFailure("InvalidParameterCombination", "The parameter MaxResults cannot be used with the parameter NetworkInterfaceIds");
  const start = Number(form["NextToken"] ?? 0);
  if (!Number.isInteger(start)) throw new AwsFailure("InvalidNextToken", "The token is not valid.");
  return {
    networkInterfaceSet: found.slice(start, start + size).map((eni) => interfaceOf(state, eni)),
    ...(start + size < found.length ? { nextToken: `${start + size}` } : {}),
  };
}

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html : by the filter `instance-id` only; all machines run. */
export function describeInstances(state: State, _scope: Scope, form: Form): object {
  if (form["Filter.1.Name"] !== "instance-id" || form["Filter.2.Name"] !== undefined)
    throw notModelled("DescribeInstances but by the filter instance-id");
  const wanted = numbered(form, "Filter.1.Value");
  const there = [...state.instances.values()].flatMap(({ ec2InstanceId }) => ec2InstanceId ?? []);
  const found = there.filter((id) => wanted.includes(id));
  const one = (instanceId: string) => ({ instancesSet: [{ instanceId, instanceState: { code: 16, name: "running" } }] });
  return { reservationSet: found.map(one) };
}

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroups.html */
export function describeSecurityGroups(state: State, scope: Scope, form: Form): object {
  const ids = numbered(form, "GroupId");
  if (ids.length === 0) throw notModelled("DescribeSecurityGroups without ids");
  return {
    securityGroupInfo: ids.map((id) => {
      const group = state.groups.get(id);
      if (group === undefined || !inScope(group, scope)) throw noGroup(id);
      return {
        ownerId: group.account,
        groupId: group.id,
        groupName: group.name,
        groupDescription: group.name,
        vpcId: group.vpcId,
        ipPermissions: group.inbound.map(permission),
        ipPermissionsEgress: group.outbound.map(permission),
      };
    }),
  };
}

/**
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyNetworkInterfaceAttribute.html : the groups given are the whole new set. An
 * interface that AWS manages cannot be changed, not even by an administrator: https://github.com/cloud-custodian/cloud-custodian/issues/3406
 * ("AuthError"; the code and status here are not verified). So is which error a group of another VPC gets.
 */
export function modifyNetworkInterfaceAttribute(state: State, scope: Scope, form: Form): object {
  const id = form["NetworkInterfaceId"] ?? "";
  const unknown = Object.keys(form).find((key) => !/^(Action|Version|NetworkInterfaceId|SecurityGroupId\.\d+)$/.test(key));
  if (unknown !== undefined) throw notModelled(`ModifyNetworkInterfaceAttribute ${unknown}`);
  const groups = numbered(form, "SecurityGroupId");
  if (groups.length === 0) throw new AwsFailure("InvalidParameterCombination", "No attributes specified.");
  const eni = state.enis.get(id);
  if (eni === undefined || !inScope(eni, scope)) throw noInterface(id);
  if (eni.requesterManaged) throw new AwsFailure("AuthFailure", "You do not have permission to access the specified resource.", 403);
  for (const named of groups) {
    const group = state.groups.get(named);
    if (group === undefined || !inScope(group, scope)) throw noGroup(named);
    if (group.vpcId !== eni.vpcId)
      throw new AwsFailure("InvalidParameterValue", "You have specified two resources that belong to different networks.");
  }
  if (groups.length > GROUPS_MAX)
    throw new AwsFailure(
      "SecurityGroupsPerInterfaceLimitExceeded",
      "The maximum number of security groups per interface has been reached.",
    );
  eni.groups = [...new Set(groups)];
  settle(state);
  return { return: true };
}

const noInterface = (id: string): AwsFailure =>
  new AwsFailure("InvalidNetworkInterfaceID.NotFound", `The networkInterface ID '${id}' does not exist`);
const noGroup = (id: string): AwsFailure => new AwsFailure("InvalidGroup.NotFound", `The security group '${id}' does not exist`);

const inScope = (one: Eni | Group | undefined, { account, region }: Scope): boolean => one?.account === account && one.region === region;

const permission = ({ protocol, fromPort, toPort, cidr }: Rule): object => ({
  ipProtocol: protocol,
  ...(fromPort === null ? {} : { fromPort }),
  ...(toPort === null ? {} : { toPort }),
  ipRanges: [{ cidrIp: cidr }],
});

function interfaceOf(state: State, eni: Eni): object {
  return {
    networkInterfaceId: eni.id,
    vpcId: eni.vpcId,
    ownerId: eni.account,
    description: eni.description,
    interfaceType: eni.type,
    requesterManaged: eni.requesterManaged,
    ...(eni.requesterManaged ? { requesterId: "578734482556" } : {}),
    status: "in-use",
    groupSet: eni.groups.map((groupId) => ({ groupId, groupName: state.groups.get(groupId)?.name ?? groupId })),
    ...(eni.ec2InstanceId === null
      ? {}
      : {
          attachment: { attachmentId: `eni-attach-${eni.id.slice(4)}`, instanceId: eni.ec2InstanceId, deviceIndex: 0, status: "attached" },
        }),
  };
}
