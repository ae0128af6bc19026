import {
  CreateClusterCommand,
  DescribeTasksCommand,
  ECSClient,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  StopTaskCommand,
} from "@aws-sdk/client-ecs";
import { DeleteObjectCommand, GetObjectLockConfigurationCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { describe, expect, test } from "vitest";
import { stackOutputs, waitFor } from "../../lab/lab.ts";

// What the lab patches in the emulator is what the rest of its tests rest on.
const endpoint = process.env["AWS_ENDPOINT_URL"] ?? "";

describe.skipIf(endpoint === "")("with AWS_ENDPOINT_URL set to the emulator's", () => {
  const cluster = `emulator-${process.pid}`;
  const ecs = new ECSClient({});

  const runTask = async (family: string, stopTimeout?: number) => {
    await ecs.send(new CreateClusterCommand({ clusterName: cluster }));
    const container = { name: "app", image: "registry.test/app:1", memory: 64, ...(stopTimeout ? { stopTimeout } : {}) };
    await ecs.send(new RegisterTaskDefinitionCommand({ family, containerDefinitions: [container] }));
    const { tasks } = await ecs.send(new RunTaskCommand({ cluster, taskDefinition: family }));
    return tasks?.[0]?.taskArn ?? "";
  };
  const statusOf = async (arn: string) => (await ecs.send(new DescribeTasksCommand({ cluster, tasks: [arn] }))).tasks?.[0];

  test("a task has 32 hex digits, its container a runtime id of 64", async () => {
    const arn = await runTask("ids");
    expect(arn).toMatch(/\/[0-9a-f]{32}$/);
    expect((await statusOf(arn))?.containers?.[0]?.runtimeId).toMatch(/^[0-9a-f]{64}$/);
  });

  test("a task that ignores SIGTERM is not STOPPED when StopTask has answered, and is later, for the first reason", async () => {
    const arn = await runTask("deaf", 2);
    await ecs.send(new StopTaskCommand({ cluster, task: arn, reason: "first" }));
    expect(await statusOf(arn)).toMatchObject({ desiredStatus: "STOPPED", lastStatus: "STOPPING" });
    await ecs.send(new StopTaskCommand({ cluster, task: arn, reason: "second" }));
    const stopped = await waitFor("the task is STOPPED", async () => {
      const task = await statusOf(arn);
      return task?.lastStatus === "STOPPED" ? task : null;
    });
    expect(stopped.stoppedReason).toBe("first");
  });

  test("one that obeys is STOPPED at once", async () => {
    const arn = await runTask("obedient");
    await ecs.send(new StopTaskCommand({ cluster, task: arn, reason: "only" }));
    expect(await statusOf(arn)).toMatchObject({ lastStatus: "STOPPED", stoppedReason: "only" });
  });

  test("ListTasks keeps to the container instance, and an unknown cluster is an error", async () => {
    const arn = await runTask("placed");
    const instance = (await statusOf(arn))?.containerInstanceArn ?? "";
    const here = await ecs.send(new ListTasksCommand({ cluster, containerInstance: instance, family: "placed" }));
    const elsewhere = await ecs.send(new ListTasksCommand({ cluster, containerInstance: `${instance}0`, family: "placed" }));
    expect([here.taskArns, elsewhere.taskArns]).toEqual([[arn], []]);
    await expect(ecs.send(new ListTasksCommand({ cluster: "nobody" }))).rejects.toThrow("Cluster not found");
  });

  test("Object Lock of a template refuses to delete what the bucket holds", async () => {
    const stack = `emulator-lock-${process.pid}`;
    const template = {
      Resources: {
        Kept: {
          Type: "AWS::S3::Bucket",
          Properties: {
            VersioningConfiguration: { Status: "Enabled" },
            ObjectLockEnabled: true,
            ObjectLockConfiguration: { ObjectLockEnabled: "Enabled", Rule: { DefaultRetention: { Mode: "GOVERNANCE", Days: 1 } } },
          },
        },
      },
      Outputs: { Bucket: { Value: { Ref: "Kept" } } },
    };
    const region = process.env["AWS_REGION"] ?? "";
    await fetch(endpoint, {
      method: "POST",
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/${region}/cloudformation/aws4_request, SignedHeaders=host, Signature=0`,
      },
      body: new URLSearchParams({ Action: "CreateStack", Version: "2010-05-15", StackName: stack, TemplateBody: JSON.stringify(template) }),
    });
    const Bucket = await waitFor("the bucket is made", async () => (await stackOutputs({ endpoint, region }, stack))?.["Bucket"]);
    const s3 = new S3Client({ forcePathStyle: true });
    const { ObjectLockConfiguration } = await s3.send(new GetObjectLockConfigurationCommand({ Bucket }));
    expect(ObjectLockConfiguration?.Rule?.DefaultRetention).toEqual({ Mode: "GOVERNANCE", Days: 1 });
    const { VersionId = "" } = await s3.send(new PutObjectCommand({ Bucket, Key: "evidence", Body: "x" }));
    await expect(s3.send(new DeleteObjectCommand({ Bucket, Key: "evidence", VersionId }))).rejects.toThrow(/object lock/i);
  });
});
