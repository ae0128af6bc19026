import { EC2Client } from "@aws-sdk/client-ec2";
import { describe, expect, test } from "vitest";
import { hostNetwork } from "#shared/adapters/host-network.ts";
import { ecsCluster, never } from "../playbooks/builders.ts";
import { type Answer, awsDouble, formsIn, inTurn, xml } from "./aws-double.ts";

const MACHINE = "i-0123456789abcdef0";
const groups = (...ids: readonly string[]) => `<groupSet>${ids.map((id) => `<item><groupId>${id}</groupId></item>`).join("")}</groupSet>`;
const card = (id: string, inside: string) =>
  `<item><networkInterfaceId>${id}</networkInterfaceId><vpcId>vpc-1</vpcId><interfaceType>interface</interfaceType>${inside}</item>`;
const OWN = card("eni-1", `<description>Primary</description><requesterManaged>false</requesterManaged>${groups("sg-2", "sg-1")}`);
const cards = (inside: string, next = "") =>
  xml(`<DescribeNetworkInterfacesResponse><networkInterfaceSet>${inside}</networkInterfaceSet>${next}</DescribeNetworkInterfacesResponse>`);
const ranges = (...cidrs: readonly string[]) =>
  `<ipRanges>${cidrs.map((cidr) => `<item><cidrIp>${cidr}</cidrIp></item>`).join("")}</ipRanges>`;
const group = (inside: string) =>
  xml(
    `<DescribeSecurityGroupsResponse><securityGroupInfo><item><groupId>sg-1</groupId><vpcId>vpc-1</vpcId><groupName>isolation</groupName>${inside}</item></securityGroupInfo></DescribeSecurityGroupsResponse>`,
  );
const egress = (protocol: string, ports: readonly [number, number] | null, peers = ranges("0.0.0.0/0")) => {
  const range = ports === null ? "" : `<fromPort>${ports[0]}</fromPort><toPort>${ports[1]}</toPort>`;
  return `<ipPermissionsEgress><item><ipProtocol>${protocol}</ipProtocol>${range}${peers}</item></ipPermissionsEgress>`;
};
const error = (code: string, status = 400) =>
  xml(
    `<Response><Errors><Error><Code>${code}</Code><Message>as AWS says</Message></Error></Errors><RequestID>r</RequestID></Response>`,
    status,
  );
const DONE = xml("<ModifyNetworkInterfaceAttributeResponse><return>true</return></ModifyNetworkInterfaceAttributeResponse>");

async function ec2(...answers: readonly Answer[]) {
  const double = await awsDouble(inTurn(...answers));
  return Object.assign(double, { network: hostNetwork(new EC2Client(double.config), ecsCluster) });
}

describe("the interfaces of a machine", () => {
  test("are found by its id, all pages, with their groups sorted", async () => {
    await using double = await ec2(
      cards(OWN, "<nextToken>more</nextToken>"),
      cards(card("eni-2", "<requesterManaged>true</requesterManaged>")),
    );
    expect(await double.network.interfacesOf(MACHINE, never)).toEqual([
      { id: "eni-1", vpcId: "vpc-1", groups: ["sg-1", "sg-2"], requesterManaged: false, type: "interface", description: "Primary" },
      { id: "eni-2", vpcId: "vpc-1", groups: [], requesterManaged: true, type: "interface", description: "" },
    ]);
    const filter = { "Filter.1.Name": "attachment.instance-id", "Filter.1.Value.1": MACHINE, MaxResults: "1000" };
    expect(formsIn(double.asked)).toEqual([
      { Action: "DescribeNetworkInterfaces", Version: "2016-11-15", ...filter },
      { Action: "DescribeNetworkInterfaces", Version: "2016-11-15", ...filter, NextToken: "more" },
    ]);
  });

  test("that another service operates, or of which EC2 does not say it, count as managed", async () => {
    const operated = card("eni-3", "<requesterManaged>false</requesterManaged><operator><managed>true</managed></operator>");
    await using double = await ec2(cards(operated + card("eni-4", "")));
    expect((await double.network.interfacesOf(MACHINE, never)).map(({ requesterManaged }) => requesterManaged)).toEqual([true, true]);
  });

  test.each(["*", "i-*", "", "mi-0123456789abcdef0", "i-0123456789abcdef0,i-1"])(
    "of %j are not asked for: a filter takes patterns",
    async (id) => {
      await using double = await ec2(cards(OWN));
      await expect(double.network.interfacesOf(id, never)).rejects.toThrow(RangeError);
      expect(double.asked).toEqual([]);
    },
  );

  test("without end, or without an id, are an error", async () => {
    await using endless = await ec2(cards("", "<nextToken>more</nextToken>"));
    await expect(endless.network.interfacesOf(MACHINE, never)).rejects.toMatchObject({ code: "aws_rejected" });
    await using nameless = await ec2(cards(`<item><vpcId>vpc-1</vpcId></item>`));
    await expect(nameless.network.interfacesOf(MACHINE, never)).rejects.toMatchObject({ code: "aws_rejected" });
  });

  test.each([
    ["UnauthorizedOperation", 403, "aws_denied"],
    ["RequestLimitExceeded", 503, "aws_throttled"],
    ["Client.RequestLimitExceeded", 400, "aws_throttled"],
    ["RequestExpired", 400, "aws_denied"],
    ["InternalError", 500, "aws_unreachable"],
    ["InvalidParameterValue", 400, "aws_rejected"],
  ])("%s (%i) is %s", async (code, status, expected) => {
    await using double = await ec2(error(code, status));
    const outcome = expect(double.network.interfacesOf(MACHINE, never)).rejects;
    await outcome.toMatchObject({
      code: expected,
      message: expect.stringContaining("EC2 DescribeNetworkInterfaces for cluster shop-prod"),
    });
  });
});

describe("a security group", () => {
  test("is described with each of its rules counted", async () => {
    const peers = `${ranges("10.0.0.0/8", "10.1.0.0/16")}<ipv6Ranges><item><cidrIpv6>::/0</cidrIpv6></item></ipv6Ranges><groups><item><groupId>sg-9</groupId></item></groups>`;
    const inbound = `<ipPermissions><item><ipProtocol>tcp</ipProtocol><fromPort>22</fromPort><toPort>22</toPort>${peers}</item></ipPermissions>`;
    await using double = await ec2(
      group(inbound + egress("tcp", [443, 443], "<prefixListIds><item><prefixListId>pl-1</prefixListId></item></prefixListIds>")),
    );
    expect(await double.network.securityGroup("sg-1", never)).toEqual({
      id: "sg-1",
      vpcId: "vpc-1",
      name: "isolation",
      inboundRules: 4,
      outboundRules: 1,
      allowsHttpsOut: true,
    });
    expect(formsIn(double.asked)).toEqual([{ Action: "DescribeSecurityGroups", Version: "2016-11-15", "GroupId.1": "sg-1" }]);
  });

  test.each<[string, string, boolean]>([
    ["no rule", "", false],
    ["every protocol", egress("-1", null), true],
    ["a range of ports around it", egress("tcp", [0, 65_535]), true],
    ["TCP by its number", egress("6", [443, 443]), true],
    ["the ports below", egress("tcp", [1, 442]), false],
    ["the ports above", egress("tcp", [444, 500]), false],
    ["UDP", egress("udp", [443, 443]), false],
    ["nobody to go to", egress("tcp", [443, 443], ""), false],
  ])("with %s outbound: HTTPS goes out is %s", async (_title, inside, open) => {
    await using double = await ec2(group(inside));
    expect(await double.network.securityGroup("sg-1", never)).toMatchObject({ allowsHttpsOut: open });
  });

  test("that does not exist is none; one that may not be read is an error", async () => {
    await using double = await ec2(error("InvalidGroup.NotFound"), error("UnauthorizedOperation", 403), error("InvalidGroupId.Malformed"));
    expect(await double.network.securityGroup("sg-1", never)).toBeNull();
    await expect(double.network.securityGroup("sg-1", never)).rejects.toMatchObject({ code: "aws_denied" });
    await expect(double.network.securityGroup("sg-1", never)).rejects.toMatchObject({ code: "aws_rejected" });
  });
});

describe("the groups of an interface", () => {
  test("are replaced as a whole", async () => {
    await using double = await ec2(DONE);
    expect(await double.network.setGroups("eni-1", ["sg-0123456789abcdef0", "sg-01234567"], never)).toBe("set");
    expect(formsIn(double.asked)).toEqual([
      {
        Action: "ModifyNetworkInterfaceAttribute",
        Version: "2016-11-15",
        NetworkInterfaceId: "eni-1",
        "SecurityGroupId.1": "sg-0123456789abcdef0",
        "SecurityGroupId.2": "sg-01234567",
      },
    ]);
  });

  test.each(["InvalidNetworkInterfaceID.NotFound", "Client.InvalidNetworkInterfaceID.NotFound"])(
    "find no interface: %s is gone",
    async (code) => {
      await using double = await ec2(error(code));
      expect(await double.network.setGroups("eni-1", ["sg-01234567"], never)).toBe("gone");
    },
  );

  test.each([
    ["InvalidNetworkInterfaceId.Malformed", 400, "aws_rejected"],
    ["InvalidGroup.NotFound", 400, "aws_rejected"],
    ["AuthFailure", 401, "aws_denied"],
    ["OperationNotPermitted", 400, "aws_rejected"],
  ])("that EC2 does not change for %s are not gone", async (code, status, expected) => {
    await using double = await ec2(error(code, status));
    await expect(double.network.setGroups("eni-1", ["sg-01234567"], never)).rejects.toMatchObject({ code: expected });
  });

  test.each([[[]], [["sg-*"]], [["web"]], [Array.from({ length: 17 }, () => "sg-01234567")]])("are never %j", async (ids) => {
    await using double = await ec2(DONE);
    await expect(double.network.setGroups("eni-1", ids, never)).rejects.toThrow(RangeError);
    expect(double.asked).toEqual([]);
  });
});

describe("the states of machines", () => {
  const machine = (id: string, state: string) =>
    `<item><instancesSet><item><instanceId>${id}</instanceId><instanceState><code>0</code><name>${state}</name></instanceState></item></instancesSet></item>`;
  const machines = (inside: string, next = "") =>
    xml(`<DescribeInstancesResponse><reservationSet>${inside}</reservationSet>${next}</DescribeInstancesResponse>`);

  test("are asked for by filter, so that one that EC2 does not know spoils nothing, all pages", async () => {
    const gone = "i-00000000000000000";
    await using double = await ec2(
      machines(machine(MACHINE, "running"), "<nextToken>more</nextToken>"),
      machines(machine("i-1123456789abcdef0", "shutting-down")),
    );
    expect([...(await double.network.states([MACHINE, "i-1123456789abcdef0", gone], never))]).toEqual([
      [MACHINE, "running"],
      ["i-1123456789abcdef0", "shutting-down"],
    ]);
    expect(formsIn(double.asked)[0]).toMatchObject({ "Filter.1.Name": "instance-id", "Filter.1.Value.3": gone });
  });

  test("what is no id is not asked for: a filter takes *", async () => {
    await using double = await ec2();
    await expect(double.network.states(["i-*"], never)).rejects.toThrow("ids of EC2 instances");
    expect(double.asked).toEqual([]);
  });
});
