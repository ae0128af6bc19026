import {
  type NetworkInterface as Described,
  type SecurityGroup as DescribedGroup,
  DescribeInstancesCommand,
  DescribeNetworkInterfacesCommand,
  DescribeSecurityGroupsCommand,
  EC2Client,
  type IpPermission,
  ModifyNetworkInterfaceAttributeCommand,
} from "@aws-sdk/client-ec2";
import { askAws, isAws } from "#shared/adapters/aws-error.ts";
import type { ClientConfig } from "#shared/adapters/cluster-sessions.ts";
import { everyPage } from "#shared/adapters/pages.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { HostNetwork, NetworkInterface, SecurityGroup } from "#shared/ports/host-network.ts";

export const ec2Client = (config: ClientConfig): EC2Client => new EC2Client(config);

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html */
const PAGE = 1_000;
/** https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups */
const GROUPS_MAX = 16;
const HTTPS = 443;
/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html */
const FILTER_VALUES_MAX = 200;

export function hostNetwork(client: Pick<EC2Client, "send">, cluster: Cluster): HostNetwork {
  const named = (action: string) => `EC2 ${action} for cluster ${cluster.name}`;
  const ask = <T>(action: string, call: () => Promise<T>) => askAws(named(action), call);
  const whole = <T>(action: string, facts: T | null): T => {
    if (facts === null) throw new PipelineError("aws_rejected", `${named(action)}: an answer without ids`);
    return facts;
  };

  return {
    async states(ec2InstanceIds, abortSignal) {
      // By filter, not by id: one id that EC2 does not know any more would fail the whole request.
      if (!ec2InstanceIds.every((id) => /^i-[0-9a-f]{8,17}$/.test(id))) throw new RangeError("ids of EC2 instances are asked for");
      const states = new Map<string, string>();
      for (let start = 0; start < ec2InstanceIds.length; start += FILTER_VALUES_MAX) {
        const action = "DescribeInstances";
        const Filters = [{ Name: "instance-id", Values: ec2InstanceIds.slice(start, start + FILTER_VALUES_MAX) }];
        const reservations = await everyPage(named(action), async (NextToken) => {
          const answer = await ask(action, () => client.send(new DescribeInstancesCommand({ Filters, NextToken }), { abortSignal }));
          return { items: answer.Reservations, next: answer.NextToken };
        });
        for (const { InstanceId, State } of reservations.flatMap(({ Instances = [] }) => Instances))
          if (InstanceId && State?.Name) states.set(InstanceId, State.Name);
      }
      return states;
    },

    async interfacesOf(ec2InstanceId, abortSignal) {
      // A filter takes * and ?: a text that is no id could name other machines.
      if (!/^i-[0-9a-f]{8,17}$/.test(ec2InstanceId)) throw new RangeError(`"${ec2InstanceId}" is no EC2 instance id`);
      const action = "DescribeNetworkInterfaces";
      const found = await everyPage(named(action), async (NextToken) => {
        const input = { Filters: [{ Name: "attachment.instance-id", Values: [ec2InstanceId] }], MaxResults: PAGE, NextToken };
        const answer = await ask(action, () => client.send(new DescribeNetworkInterfacesCommand(input), { abortSignal }));
        return { items: answer.NetworkInterfaces, next: answer.NextToken };
      });
      return found.map((one) => whole(action, interfaceOf(one)));
    },

    async securityGroup(groupId, abortSignal) {
      const action = "DescribeSecurityGroups";
      try {
        const answer = await client.send(new DescribeSecurityGroupsCommand({ GroupIds: [groupId] }), { abortSignal });
        const group = answer.SecurityGroups?.find(({ GroupId }) => GroupId === groupId);
        return group === undefined ? null : whole(action, groupOf(group));
      } catch (thrown) {
        if (isAws(thrown, "InvalidGroup.NotFound", "InvalidGroupId.NotFound")) return null;
        return await ask(action, () => Promise.reject(thrown));
      }
    },

    async setGroups(interfaceId, groups, abortSignal) {
      if (groups.length === 0 || groups.length > GROUPS_MAX || !groups.every((group) => /^sg-[0-9a-f]{8,17}$/.test(group)))
        throw new RangeError(`an interface has 1 to ${GROUPS_MAX} security groups, not [${groups.join(", ")}]`);
      const action = "ModifyNetworkInterfaceAttribute";
      const input = { NetworkInterfaceId: interfaceId, Groups: [...groups] };
      try {
        await client.send(new ModifyNetworkInterfaceAttributeCommand(input), { abortSignal });
        return "set";
      } catch (thrown) {
        if (isAws(thrown, "InvalidNetworkInterfaceID.NotFound")) return "gone";
        return await ask(action, () => Promise.reject(thrown));
      }
    },
  };
}

function interfaceOf(one: Described): NetworkInterface | null {
  const groups = (one.Groups ?? []).map(({ GroupId }) => GroupId ?? "").sort();
  if (!one.NetworkInterfaceId || !one.VpcId || groups.includes("")) return null;
  return {
    id: one.NetworkInterfaceId,
    vpcId: one.VpcId,
    groups,
    // Two ways in which EC2 says so, and doubt counts: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/requester-managed-eni.html
    requesterManaged: one.RequesterManaged !== false || one.Operator?.Managed === true,
    type: one.InterfaceType ?? "",
    description: one.Description ?? "",
  };
}

function groupOf(group: DescribedGroup): SecurityGroup | null {
  const { GroupId: id, VpcId: vpcId, IpPermissions: inbound = [], IpPermissionsEgress: outbound = [] } = group;
  if (!id || !vpcId) return null;
  const count = (permissions: readonly IpPermission[]) => permissions.reduce((sum, permission) => sum + peersOf(permission), 0);
  return {
    id,
    vpcId,
    name: group.GroupName ?? "",
    inboundRules: count(inbound),
    outboundRules: count(outbound),
    allowsHttpsOut: outbound.some((permission) => peersOf(permission) > 0 && opensHttps(permission)),
  };
}

/** EC2 joins the rules of one protocol and port range; each peer is a rule of its own. */
const peersOf = (permission: IpPermission): number =>
  [permission.IpRanges, permission.Ipv6Ranges, permission.PrefixListIds, permission.UserIdGroupPairs].reduce(
    (sum, peers) => sum + (peers?.length ?? 0),
    0,
  );

/** -1 is every protocol and port. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html */
const opensHttps = ({ IpProtocol, FromPort, ToPort }: IpPermission): boolean =>
  IpProtocol === "-1" || (["tcp", "6"].includes(IpProtocol ?? "") && (FromPort ?? 0) <= HTTPS && HTTPS <= (ToPort ?? 65_535));
