import { afterAll, beforeAll, describe, expect } from "vitest";
import type { HostNetwork } from "#shared/ports/host-network.ts";
import { cases, type Differences } from "./cases.ts";

/**
 * A machine with an interface of its own in the groups `web` (all outbound) and `base` (443 outbound), and one that ECS made for a task. `closed`
 * is a group of the same VPC without rules, `foreign` one of another VPC.
 */
export interface HostNetworkWorld {
  readonly network: HostNetwork;
  readonly machine: string;
  readonly interfaceId: string;
  readonly taskInterface: string;
  readonly groups: { readonly web: string; readonly base: string; readonly closed: string; readonly foreign: string };
  close(): Promise<void>;
}

const signal = new AbortController().signal;

export function hostNetworkContract(name: string, open: () => Promise<HostNetworkWorld>, differences: Differences = {}): void {
  describe(`HostNetwork: ${name}`, () => {
    const { it, close } = cases(differences);
    let world: HostNetworkWorld;
    beforeAll(async () => {
      world = await open();
    }, 120_000);
    afterAll(() => world?.close());

    const interfaceOf = async (id: string) => (await world.network.interfacesOf(world.machine, signal)).find((one) => one.id === id);
    const untouched = async () =>
      expect((await interfaceOf(world.interfaceId))?.groups).toEqual([world.groups.web, world.groups.base].sort());

    it("the interfaces of a machine are listed, its own and those of tasks, told apart", async () => {
      const interfaces = await world.network.interfacesOf(world.machine, signal);
      expect(interfaces.map(({ id }) => id).sort()).toEqual([world.interfaceId, world.taskInterface].sort());
      expect(await interfaceOf(world.interfaceId)).toMatchObject({ requesterManaged: false, type: "interface" });
      expect(await interfaceOf(world.taskInterface)).toMatchObject({ requesterManaged: true });
      await untouched();
    });

    it("a machine that is not there has none", async () => {
      expect(await world.network.interfacesOf("i-00000000000000000", signal)).toEqual([]);
    });

    it("whether a machine runs is told, and of one that EC2 does not know nothing", async () => {
      const states = await world.network.states([world.machine, "i-00000000000000000"], signal);
      expect([...states]).toEqual([[world.machine, "running"]]);
    });

    it("a group tells whether an agent could still reach its endpoints", async () => {
      const { web, base, closed } = world.groups;
      const vpcId = (await interfaceOf(world.interfaceId))?.vpcId;
      expect(await world.network.securityGroup(web, signal)).toMatchObject({ id: web, vpcId, outboundRules: 1, allowsHttpsOut: true });
      expect(await world.network.securityGroup(base, signal)).toMatchObject({ id: base, vpcId, outboundRules: 1, allowsHttpsOut: true });
      expect(await world.network.securityGroup(closed, signal)).toMatchObject({ inboundRules: 0, outboundRules: 0, allowsHttpsOut: false });
    });

    it("a group that is not there is null", async () => {
      expect(await world.network.securityGroup("sg-00000000000000000", signal)).toBeNull();
    });

    it("the groups given are the whole new set, and the old ones can be put back", async () => {
      const { web, base, closed } = world.groups;
      expect(await world.network.setGroups(world.interfaceId, [closed], signal)).toBe("set");
      expect((await interfaceOf(world.interfaceId))?.groups).toEqual([closed]);
      expect(await world.network.setGroups(world.interfaceId, [web, base], signal)).toBe("set");
      expect(await world.network.setGroups(world.interfaceId, [web, base], signal)).toBe("set");
      await untouched();
    });

    it("an interface that is not there is gone", async () => {
      expect(await world.network.setGroups("eni-00000000000000000", [world.groups.closed], signal)).toBe("gone");
    });

    it("the interface of a task cannot be changed by anyone", async () => {
      const before = await interfaceOf(world.taskInterface);
      await expect(world.network.setGroups(world.taskInterface, [world.groups.closed], signal)).rejects.toMatchObject({
        code: "aws_denied",
      });
      expect(await interfaceOf(world.taskInterface)).toEqual(before);
    });

    it("a group of another VPC, an unknown one and no group at all change nothing", async () => {
      const set = (groups: readonly string[]) => world.network.setGroups(world.interfaceId, groups, signal);
      await expect(set([world.groups.foreign])).rejects.toMatchObject({ code: "aws_rejected" });
      await expect(set([world.groups.closed, "sg-00000000000000000"])).rejects.toMatchObject({ code: "aws_rejected" });
      await expect(set([])).rejects.toThrow();
      await untouched();
      expect(await set([world.groups.web, world.groups.base])).toBe("set");
    });
    close();
  });
}
