/** Interfaces and security groups of EC2 machines in one cluster's account and region. Adapters translate errors to PipelineError (`aws_*`). */
export interface HostNetwork {
  /** DescribeInstances: pending, running, shutting-down, terminated, stopping or stopped. One that EC2 does not know (any more) is left out. */
  states(ec2InstanceIds: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>>;
  /** DescribeNetworkInterfaces by `attachment.instance-id`, all pages: those of tasks and trunks too. */
  interfacesOf(ec2InstanceId: string, signal: AbortSignal): Promise<readonly NetworkInterface[]>;
  /** DescribeSecurityGroups. Null: there is none. */
  securityGroup(groupId: string, signal: AbortSignal): Promise<SecurityGroup | null>;
  /** ModifyNetworkInterfaceAttribute: `groups` replaces the whole set, at least one. gone: the interface is no longer there. */
  setGroups(interfaceId: string, groups: readonly string[], signal: AbortSignal): Promise<"set" | "gone">;
}

export interface NetworkInterface {
  readonly id: string;
  readonly vpcId: string;
  /** Security group ids, sorted. */
  readonly groups: readonly string[];
  /** Made and kept by an AWS service, such as the interface of an awsvpc task: its groups cannot be changed by anyone. */
  readonly requesterManaged: boolean;
  /** interface, trunk, branch, ... */
  readonly type: string;
  readonly description: string;
}

export interface SecurityGroup {
  readonly id: string;
  readonly vpcId: string;
  readonly name: string;
  readonly inboundRules: number;
  readonly outboundRules: number;
  /** Outbound TCP 443 is open somewhere: the ECS agent may still reach its endpoints. */
  readonly allowsHttpsOut: boolean;
}
