import { PipelineError } from "#shared/domain/error.ts";
import type { HostNetwork, NetworkInterface, SecurityGroup } from "#shared/ports/host-network.ts";
import { Answers } from "./answers.ts";
import { type FakeEcs, hex } from "./tasks.ts";

const VPC = "vpc-0123456789abcdef0";

/** Interfaces of the machines of a fake cluster: those that a test gives them, and those that ECS attaches for awsvpc tasks. */
export class FakeNetwork extends Answers<keyof HostNetwork> implements HostNetwork {
  readonly groups = new Map<string, SecurityGroup>();
  /** Machine -> its state in EC2, where it is not running. */
  readonly machines = new Map<string, string>();
  readonly #ecs: FakeEcs;
  readonly #interfaces = new Map<string, { readonly machine: string; readonly facts: NetworkInterface }>();

  constructor(ecs: FakeEcs) {
    super();
    this.#ecs = ecs;
  }

  group(id: string, given: Partial<SecurityGroup> = {}): SecurityGroup {
    const group = { id, vpcId: VPC, name: id, inboundRules: 0, outboundRules: 0, allowsHttpsOut: false, ...given };
    this.groups.set(id, group);
    return group;
  }

  attach(machine: string, groups: readonly string[], given: Partial<NetworkInterface> = {}): NetworkInterface {
    const id = `eni-${hex(`${machine} ${this.#interfaces.size}`, 17)}`;
    const facts = { id, vpcId: VPC, groups: [...groups].sort(), requesterManaged: false, type: "interface", description: "", ...given };
    for (const group of groups) if (!this.groups.has(group)) this.group(group);
    this.#interfaces.set(facts.id, { machine, facts });
    return facts;
  }

  detach(interfaceId: string): void {
    this.#interfaces.delete(interfaceId);
  }

  /** As somebody else would. */
  regroup(interfaceId: string, groups: readonly string[]): void {
    const there = this.#interfaces.get(interfaceId);
    if (there === undefined) throw new Error(`the test made no interface ${interfaceId}`);
    this.#interfaces.set(interfaceId, { ...there, facts: { ...there.facts, groups: [...groups].sort() } });
  }

  own(machine: string): readonly NetworkInterface[] {
    return [...this.#interfaces.values()].filter((there) => there.machine === machine).map(({ facts }) => facts);
  }

  states(ec2InstanceIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return this.answer("states", () => {
      const there = [...this.#ecs.instances.values()].flatMap(({ ec2InstanceId }) => ec2InstanceId ?? []);
      const known = ec2InstanceIds.filter((id) => there.includes(id) || this.machines.has(id));
      return new Map(known.map((id) => [id, this.machines.get(id) ?? "running"]));
    });
  }

  interfacesOf(ec2InstanceId: string): Promise<readonly NetworkInterface[]> {
    return this.answer("interfacesOf", () => [...this.own(ec2InstanceId), ...this.#ofTasks(ec2InstanceId)]);
  }

  securityGroup(groupId: string): Promise<SecurityGroup | null> {
    return this.answer("securityGroup", () => this.groups.get(groupId) ?? null);
  }

  setGroups(interfaceId: string, groups: readonly string[]): Promise<"set" | "gone"> {
    return this.answer("setGroups", () => {
      const machines = [...this.#ecs.instances.values()].flatMap(({ ec2InstanceId }) => ec2InstanceId ?? []);
      if (machines.some((machine) => this.#ofTasks(machine).some(({ id }) => id === interfaceId)))
        throw new PipelineError("aws_denied", "EC2: you do not have permission to change a requester-managed interface");
      const there = this.#interfaces.get(interfaceId);
      if (there === undefined) return "gone";
      if (there.facts.requesterManaged) throw new PipelineError("aws_denied", `EC2: ${interfaceId} is requester-managed`);
      if (groups.length === 0) throw new PipelineError("aws_rejected", "EC2: at least one security group");
      for (const group of groups)
        if (this.groups.get(group)?.vpcId !== there.facts.vpcId)
          throw new PipelineError("aws_rejected", `EC2: no group ${group} in the VPC`);
      this.regroup(interfaceId, groups);
      return "set";
    });
  }

  #ofTasks(machine: string): readonly NetworkInterface[] {
    const here = new Set([...this.#ecs.instances.values()].filter(({ ec2InstanceId }) => ec2InstanceId === machine).map(({ arn }) => arn));
    return this.#ecs
      .all()
      .filter(
        ({ containerInstanceArn, lastStatus }) =>
          containerInstanceArn !== null && here.has(containerInstanceArn) && lastStatus !== "STOPPED",
      )
      .flatMap(({ networkInterfaces, taskArn }) =>
        networkInterfaces.map((id) => ({
          id,
          vpcId: VPC,
          groups: ["sg-0000000000000000a"],
          requesterManaged: true,
          type: "interface",
          description: `attachment of ${taskArn}`,
        })),
      );
  }
}
