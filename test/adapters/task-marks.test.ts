import { ECSClient } from "@aws-sdk/client-ecs";
import { describe, expect, test } from "vitest";
import { taskMarks } from "#shared/adapters/task-marks.ts";
import { ecsCluster, never } from "../playbooks/builders.ts";
import { type Answer, awsDouble, callsIn, failing, inTurn, json } from "./aws-double.ts";

const ARN = "arn:aws:ecs:eu-west-1:111122223333:task/shop/0123456789abcdef0123456789abcdef";
const protectedTask = (more: object = {}) => json({ protectedTasks: [{ taskArn: ARN, ...more }], failures: [] });
const failed = (reason: string, detail?: string) => json({ protectedTasks: [], failures: [{ arn: ARN, reason, detail }] });
const RUNNING = json({ tasks: [{ taskArn: ARN, lastStatus: "RUNNING" }], failures: [] });

async function ecs(...answers: readonly Answer[]) {
  const double = await awsDouble(inTurn(...answers));
  return Object.assign(double, { marks: taskMarks(new ECSClient(double.config), ecsCluster) });
}

describe("the protection of a task from scale-in", () => {
  test("is read with its end, and a task without any has none", async () => {
    await using on = await ecs(protectedTask({ protectionEnabled: true, expirationDate: 1_772_370_000 }));
    expect(await on.marks.protection(ARN, never)).toEqual({ untilMs: 1_772_370_000_000 });
    expect(callsIn(on.asked)).toEqual([["GetTaskProtection", { cluster: "shop", tasks: [ARN] }]]);
    await using off = await ecs(protectedTask({ protectionEnabled: false }));
    expect(await off.marks.protection(ARN, never)).toEqual({ untilMs: null });
  });

  test.each([["MISSING"], ["TASK_NOT_VALID"]])("is nothing where an answer of 200 says %s", async (reason) => {
    await using double = await ecs(failed(reason));
    expect(await double.marks.protection(ARN, never)).toBeNull();
  });

  test("is nothing where ECS knows no such task", async () => {
    await using double = await ecs(failing("ResourceNotFoundException"));
    expect(await double.marks.protection(ARN, never)).toBeNull();
  });

  test.each<[string, Answer, string]>([
    ["another failure", failed("INTERNAL"), "aws_rejected"],
    ["an answer without a word", json({ protectedTasks: [], failures: [] }), "aws_rejected"],
    ["a protection without its end", protectedTask({ protectionEnabled: true }), "aws_rejected"],
    ["a state that is not told", protectedTask(), "aws_rejected"],
    ["a throttle", failing("ThrottlingException"), "aws_throttled"],
    ["a missing right", failing("AccessDeniedException"), "aws_denied"],
  ])("%s is an error, not a task without protection", async (_title, answer, code) => {
    await using double = await ecs(answer);
    await expect(double.marks.protection(ARN, never)).rejects.toMatchObject({ name: "PipelineError", code });
  });

  test("is set for so many minutes and taken off, and nothing else is sent", async () => {
    await using double = await ecs(
      protectedTask({ protectionEnabled: true, expirationDate: 1_772_370_000.5 }),
      protectedTask({ protectionEnabled: false }),
    );
    expect(await double.marks.protect(ARN, 60, never)).toEqual({ kind: "set", untilMs: 1_772_370_000_500 });
    expect(await double.marks.protect(ARN, null, never)).toEqual({ kind: "set", untilMs: null });
    expect(callsIn(double.asked)).toEqual([
      ["UpdateTaskProtection", { cluster: "shop", tasks: [ARN], protectionEnabled: true, expiresInMinutes: 60 }],
      ["UpdateTaskProtection", { cluster: "shop", tasks: [ARN], protectionEnabled: false }],
    ]);
  });

  test("is refused with ECS's reason when an answer of 200 lists the task as failed", async () => {
    await using double = await ecs(failed("DEPLOYMENT_BLOCKED", "no steady st\u00e4te"));
    expect(await double.marks.protect(ARN, 60, never)).toEqual({
      kind: "refused",
      because: "ECS refuses it: DEPLOYMENT_BLOCKED (no steady st?te)",
    });
  });

  test("is refused for a task that ECS does not know", async () => {
    await using double = await ecs(failing("ResourceNotFoundException"));
    expect(await double.marks.protect(ARN, 60, never)).toMatchObject({ kind: "refused" });
  });

  test("is not taken for set when the answer shows the opposite, or nothing", async () => {
    await using double = await ecs(protectedTask({ protectionEnabled: false }), json({}));
    await expect(double.marks.protect(ARN, 60, never)).rejects.toMatchObject({ code: "aws_rejected" });
    await expect(double.marks.protect(ARN, 60, never)).rejects.toMatchObject({ code: "aws_rejected" });
  });

  test("takes 1 to 2880 whole minutes; outside nothing is sent", async () => {
    await using double = await ecs(protectedTask({ protectionEnabled: true, expirationDate: 1 }));
    for (const minutes of [0, 2881, 1.5, Number.NaN]) await expect(double.marks.protect(ARN, minutes, never)).rejects.toThrow(RangeError);
    expect(double.asked).toEqual([]);
    for (const minutes of [1, 2880]) expect(await double.marks.protect(ARN, minutes, never)).toMatchObject({ kind: "set" });
  });
});

describe("a tag", () => {
  test("is put on the task and taken off it", async () => {
    await using double = await ecs(json({}));
    expect(await double.marks.tag(ARN, "falco-responder/incident", "i-1", never)).toBe("tagged");
    expect(await double.marks.untag(ARN, "falco-responder/incident", never)).toBe("untagged");
    expect(callsIn(double.asked)).toEqual([
      ["TagResource", { resourceArn: ARN, tags: [{ key: "falco-responder/incident", value: "i-1" }] }],
      ["UntagResource", { resourceArn: ARN, tagKeys: ["falco-responder/incident"] }],
    ]);
  });

  test.each(["InvalidParameterException", "ResourceNotFoundException"])(
    "finds its task gone when ECS says %s and knows no such task",
    async (name) => {
      await using missing = await ecs(failing(name), json({ tasks: [], failures: [{ arn: ARN, reason: "MISSING" }] }));
      expect(await missing.marks.tag(ARN, "k", "v", never)).toBe("gone");
      expect(callsIn(missing.asked)[1]).toEqual(["DescribeTasks", { cluster: "shop", tasks: [ARN] }]);
      await using stopped = await ecs(failing(name), json({ tasks: [{ taskArn: ARN, lastStatus: "STOPPED" }] }));
      expect(await stopped.marks.untag(ARN, "k", never)).toBe("gone");
      await using unsure = await ecs(failing(name), json({ tasks: [], failures: [{ arn: ARN, reason: "INTERNAL" }] }));
      await expect(unsure.marks.tag(ARN, "k", "v", never)).rejects.toMatchObject({ code: "aws_rejected" });
      await using running = await ecs(failing(name), RUNNING);
      await expect(running.marks.tag(ARN, "k", "v", never)).rejects.toMatchObject({ code: "aws_rejected" });
    },
  );

  test("a throttle is no task that is gone", async () => {
    await using double = await ecs(failing("ThrottlingException"));
    await expect(double.marks.tag(ARN, "k", "v", never)).rejects.toMatchObject({ code: "aws_throttled" });
    expect(double.asked).toHaveLength(1);
  });

  test.each<[string, string, string]>([
    ["no key", "", "v"],
    ["a key of AWS's", "AWS:x", "v"],
    ["a key that is too long", "k".repeat(129), "v"],
    ["a value that is too long", "k", "v".repeat(257)],
    ["a character that tags do not take", "k", "a\nb"],
  ])("of %s is not sent", async (_title, key, value) => {
    await using double = await ecs(json({}));
    await expect(double.marks.tag(ARN, key, value, never)).rejects.toThrow(RangeError);
    expect(double.asked).toEqual([]);
    expect(await double.marks.tag(ARN, "k".repeat(128), "v".repeat(256), never)).toBe("tagged");
  });

  test.each([
    ["region", ARN.replace("eu-west-1", "eu-west-2")],
    ["account", ARN.replace("111122223333", "444455556666")],
    ["cluster", ARN.replace("/shop/", "/shop2/")],
    ["kind", ARN.replace(":task/", ":service/")],
  ])("is not put on something of another %s: the call names no cluster", async (_title, arn) => {
    await using double = await ecs(json({}));
    await expect(double.marks.tag(arn, "k", "v", never)).rejects.toThrow("is no task of cluster shop-prod");
    await expect(double.marks.untag(arn, "k", never)).rejects.toThrow("is no task of cluster shop-prod");
    expect(double.asked).toEqual([]);
  });
});
