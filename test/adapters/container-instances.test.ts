import { ECSClient } from "@aws-sdk/client-ecs";
import { describe, expect, test } from "vitest";
import { containerInstances } from "#shared/adapters/container-instances.ts";
import { ecsCluster, never } from "../playbooks/builders.ts";
import { type Answer, awsDouble, callsIn, failing, inTurn, json } from "./aws-double.ts";

const ARN = "arn:aws:ecs:eu-west-1:111122223333:container-instance/shop/0123456789abcdef0123456789abcdef";
const WHOLE = {
  containerInstanceArn: ARN,
  ec2InstanceId: "i-0123456789abcdef0",
  status: "ACTIVE",
  agentConnected: false,
  runningTasksCount: 3,
  pendingTasksCount: 0,
};
const instance = (more: object = {}) => json({ containerInstances: [{ ...WHOLE, ...more }], failures: [] });
const failed = (reason: string) => json({ containerInstances: [], failures: [{ arn: ARN, reason }] });

async function ecs(...answers: readonly Answer[]) {
  const double = await awsDouble(inTurn(...answers));
  return Object.assign(double, { instances: containerInstances(new ECSClient(double.config), ecsCluster) });
}

describe("a container instance", () => {
  test("is described, with its machine and whether its agent is connected", async () => {
    await using double = await ecs(instance());
    const { containerInstanceArn: arn, ...rest } = WHOLE;
    expect(await double.instances.describe(ARN, never)).toEqual({ arn, ...rest });
    expect(callsIn(double.asked)).toEqual([["DescribeContainerInstances", { cluster: "shop", containerInstances: [ARN] }]]);
  });

  test("of ECS Anywhere has no machine of EC2", async () => {
    await using double = await ecs(instance({ ec2InstanceId: "mi-0123456789abcdef0" }));
    expect(await double.instances.describe(ARN, never)).toMatchObject({ ec2InstanceId: null });
  });

  test("that is missing is none; another failure, or no word, is an error", async () => {
    await using double = await ecs(failed("MISSING"), failed("INTERNAL"), json({}));
    expect(await double.instances.describe(ARN, never)).toBeNull();
    await expect(double.instances.describe(ARN, never)).rejects.toMatchObject({ code: "aws_rejected" });
    await expect(double.instances.describe(ARN, never)).rejects.toMatchObject({ code: "aws_rejected" });
  });

  test("is asked for together with others; each gets its own answer, also when one is missing and another broken", async () => {
    const arnOf = (digit: string): string => ARN.replace(/[^/]+$/, digit.repeat(32));
    const broken = { ...WHOLE, containerInstanceArn: arnOf("b"), status: undefined };
    await using double = await ecs(json({ containerInstances: [broken, WHOLE], failures: [{ arn: arnOf("a"), reason: "MISSING" }] }));
    const arns = [ARN, arnOf("a"), arnOf("b"), arnOf("c")];
    expect(await Promise.allSettled(arns.map((arn) => double.instances.describe(arn, never)))).toMatchObject([
      { value: { arn: ARN } },
      { status: "fulfilled", value: null },
      { reason: { code: "aws_rejected" } },
      { reason: { code: "aws_rejected" } },
    ]);
    expect(callsIn(double.asked)).toEqual([["DescribeContainerInstances", { cluster: "shop", containerInstances: arns }]]);
  });

  test.each(["status", "agentConnected", "runningTasksCount", "pendingTasksCount"])("without %s is an error, not a guess", async (key) => {
    await using double = await ecs(instance({ [key]: undefined }));
    await expect(double.instances.describe(ARN, never)).rejects.toMatchObject({ code: "aws_rejected" });
  });
});

describe("its status", () => {
  test("is set to DRAINING and back, with nothing else in the request", async () => {
    await using double = await ecs(instance({ status: "DRAINING" }), instance());
    expect(await double.instances.setStatus(ARN, "DRAINING", never)).toEqual({ kind: "set" });
    expect(await double.instances.setStatus(ARN, "ACTIVE", never)).toEqual({ kind: "set" });
    expect(callsIn(double.asked)).toEqual([
      ["UpdateContainerInstancesState", { cluster: "shop", containerInstances: [ARN], status: "DRAINING" }],
      ["UpdateContainerInstancesState", { cluster: "shop", containerInstances: [ARN], status: "ACTIVE" }],
    ]);
  });

  test("is refused where an answer of 200 lists a failure, or shows another status", async () => {
    await using double = await ecs(failed("MISSING"), instance({ status: "ACTIVE" }));
    expect(await double.instances.setStatus(ARN, "DRAINING", never)).toEqual({ kind: "refused", because: "ECS refuses it: MISSING" });
    expect(await double.instances.setStatus(ARN, "DRAINING", never)).toEqual({
      kind: "refused",
      because: "ECS refuses it: the instance stays ACTIVE",
    });
  });

  test("is refused by an instance that is going away or unknown, and is an error where the instance could go there", async () => {
    const invalid = failing("InvalidParameterException");
    await using going = await ecs(invalid, instance({ status: "DEREGISTERING" }));
    expect(await going.instances.setStatus(ARN, "DRAINING", never)).toEqual({
      kind: "refused",
      because: "ECS refuses it: the instance is DEREGISTERING",
    });
    await using unknown = await ecs(invalid, failed("MISSING"));
    expect(await unknown.instances.setStatus(ARN, "DRAINING", never)).toMatchObject({ kind: "refused" });
    await using able = await ecs(invalid, instance());
    await expect(able.instances.setStatus(ARN, "DRAINING", never)).rejects.toMatchObject({ code: "aws_rejected" });
  });

  test("an answer without a word about the instance is an error", async () => {
    await using double = await ecs(json({}));
    await expect(double.instances.setStatus(ARN, "DRAINING", never)).rejects.toMatchObject({ code: "aws_rejected" });
  });

  test.each([
    ["ThrottlingException", "aws_throttled"],
    ["AccessDeniedException", "aws_denied"],
    ["ClusterNotFoundException", "aws_rejected"],
  ])("%s is %s", async (name, code) => {
    await using double = await ecs(failing(name));
    await expect(double.instances.setStatus(ARN, "DRAINING", never)).rejects.toMatchObject({ code });
    expect(double.asked).toHaveLength(1);
  });
});

describe("the instances of a cluster", () => {
  const page = (arns: readonly string[], nextToken?: string) => json({ containerInstanceArns: arns, ...(nextToken && { nextToken }) });

  test("that are ACTIVE or DRAINING are listed, all pages, with their machine and when they registered", async () => {
    const asked: string[] = [];
    const answers = {
      send: (command: { readonly input: Record<string, unknown>; readonly constructor: { readonly name: string } }) => {
        const { status, nextToken } = command.input;
        asked.push([command.constructor.name, status, nextToken].filter((one) => one !== undefined).join(" "));
        if (status === "ACTIVE")
          return Promise.resolve(
            nextToken === undefined ? { containerInstanceArns: [ARN], nextToken: "more" } : { containerInstanceArns: ["b"] },
          );
        if (status === "DRAINING") return Promise.resolve({ containerInstanceArns: [] });
        const registeredAt = new Date(1_795_460_400_000);
        return Promise.resolve({ containerInstances: [{ ...WHOLE, registeredAt }], failures: [{ arn: "b", reason: "MISSING" }] });
      },
    };
    const listed = await containerInstances(answers as unknown as ECSClient, ecsCluster).list(never);
    expect(listed).toEqual([{ arn: ARN, machine: "i-0123456789abcdef0", agentConnected: false, registeredAtMs: 1_795_460_400_000 }]);
    expect(asked.toSorted()).toEqual([
      "DescribeContainerInstancesCommand",
      "ListContainerInstancesCommand ACTIVE",
      "ListContainerInstancesCommand ACTIVE more",
      "ListContainerInstancesCommand DRAINING",
    ]);
  });

  test.each([
    ["another failure than MISSING", { containerInstances: [], failures: [{ arn: ARN, reason: "INTERNAL" }] }],
    ["an instance without the time of its registration", { containerInstances: [WHOLE], failures: [] }],
  ])("%s is an error: a node that is left out would be watched by nobody", async (_title, described) => {
    await using double = await ecs(page([ARN]), page([]), json(described));
    await expect(double.instances.list(never)).rejects.toMatchObject({ code: "aws_rejected" });
  });
});
