import { ECSClient } from "@aws-sdk/client-ecs";
import { afterEach, describe, expect, test, vi } from "vitest";
import { clusterAccess } from "#shared/adapters/cluster-access.ts";
import { ecsClients, ecsTasksOpener } from "#shared/adapters/cluster-access-ecs.ts";
import { userFunctionsOpener } from "#shared/adapters/cluster-access-functions.ts";
import { clusterSessions } from "#shared/adapters/cluster-sessions.ts";
import { ecsOpeners } from "#shared/adapters/openers-ecs.ts";
import { kubernetesOpeners } from "#shared/adapters/openers-kubernetes.ts";
import { sweepOpeners } from "#shared/adapters/openers-sweep.ts";
import { wideOpeners } from "#shared/adapters/openers-wide.ts";
import { ecsTasks } from "#shared/adapters/tasks.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";
import { ecsCluster, never } from "../playbooks/builders.ts";
import { type Answer, type Asked, awsDouble, formsIn, inTurn, json, xml } from "./aws-double.ts";
import { base64, certificate } from "./kubernetes/api-server.ts";

const ROLE = "arn:aws:iam::111122223333:role/falco-responder";
const ARN = "arn:aws:ecs:eu-west-1:111122223333:task/shop/0123456789abcdef0123456789abcdef";
const DEFINITION = "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7";
const through: Cluster = { ...ecsCluster, roleArn: ROLE, externalId: "7f1c2d" };
const HOUR = 3_600_000;

let sessions = 0;
const credentials = (endMs: number) =>
  xml(
    `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>ASIASESSION${++sessions}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>${new Date(endMs).toISOString()}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
  );
const DENIED = xml(
  "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>as AWS says</Message></Error></ErrorResponse>",
  403,
);

/** Who signed it, for which region and service. */
const signer = ({ headers }: Asked) => {
  const [, key, region, service] = /Credential=([^/]+)\/\d+\/([^/]+)\/([^/]+)\//.exec(String(headers["authorization"])) ?? [];
  return { key, region, service };
};

/** All of AWS on loopback, as the clients of a deployed function find it. Every session lasts an hour, unless told otherwise. */
async function aws(assumeRole: () => Answer = () => credentials(Date.now() + HOUR)) {
  sessions = 0;
  const double = await awsDouble((asked) => {
    switch (signer(asked).service) {
      case "sts":
        return assumeRole();
      case "ec2":
        return xml("<Response><networkInterfaceSet/></Response>");
      case "iam":
        return xml("<ErrorResponse><Error><Code>NoSuchEntity</Code></Error></ErrorResponse>", 404);
      case "lambda":
        return { status: 200, body: "{}" };
      default:
        return json({ failures: [{ arn: ARN, reason: "MISSING" }], taskDefinition: described, events: [] });
    }
  });
  const settings = { AWS_ENDPOINT_URL: double.url, AWS_REGION: "eu-central-1", AWS_ACCESS_KEY_ID: "AKIAOWN", AWS_SECRET_ACCESS_KEY: "s" };
  for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value);
  const by = (service: string) => double.asked.filter((one) => signer(one).service === service);
  return Object.assign(double, { by });
}
const described = { taskDefinitionArn: DEFINITION, family: "web", revision: 7, status: "ACTIVE" };
afterEach(() => {
  vi.unstubAllEnvs();
});

/** One call by each client that is opened for a cluster of ECS. */
async function askAll(access: ClusterAccess, cluster: Cluster): Promise<void> {
  const services = await access.services(cluster);
  await Promise.all([
    (await access.tasks(cluster)).describe([ARN], never),
    (await access.instances(cluster)).describe(ARN, never),
    services.describe("web", never),
    services.scaling("web", never),
  ]);
}
const askWide = async (access: ClusterAccess, cluster: Cluster) => {
  await (await access.network(cluster)).interfacesOf("i-0123456789abcdef0", never);
  await (await access.roles(cluster)).get("shop-task", never);
};

describe("a cluster with a role", () => {
  test("is reached by one session of it, with the external id, whatever is asked and however many ask", async () => {
    await using double = await aws();
    const wide = clusterAccess(wideOpeners());
    await Promise.all([
      askAll(wide, through),
      askWide(wide, through),
      wide.definitions(through).then((it) => it.describe(DEFINITION, never)),
    ]);
    expect(formsIn(double.by("sts"))).toEqual([
      { Action: "AssumeRole", Version: "2011-06-15", RoleArn: ROLE, RoleSessionName: "falco-responder", ExternalId: "7f1c2d" },
    ]);
    const [assumed, ...others] = double.asked.map(signer);
    expect(assumed).toEqual({ key: "AKIAOWN", region: "eu-west-1", service: "sts" });
    expect(new Set(others.map(({ service }) => service))).toEqual(new Set(["ecs", "application-autoscaling", "ec2", "iam"]));
    expect(new Set(others.map(({ key }) => key))).toEqual(new Set(["ASIASESSION1"]));
    expect(double.by("ecs").every(({ headers }) => headers["x-amz-security-token"] === "t")).toBe(true);
  });

  test("shares the session with another by the same role and region; of another external id or region it has its own", async () => {
    await using double = await aws();
    const access = clusterAccess(ecsOpeners());
    for (const cluster of [through, { ...through, name: "pay", awsName: "pay" }]) await askAll(access, cluster);
    expect(double.by("sts")).toHaveLength(1);
    for (const other of [
      { ...through, externalId: null },
      { ...through, region: "eu-west-2" },
    ])
      await askAll(access, other);
    expect(formsIn(double.by("sts")).map(({ ExternalId }) => ExternalId)).toEqual(["7f1c2d", undefined, "7f1c2d"]);
    expect(double.by("sts").map((one) => signer(one).region)).toEqual(["eu-west-1", "eu-west-1", "eu-west-2"]);
    expect(signer(double.by("ecs").at(-1) as Asked)).toMatchObject({ key: "ASIASESSION3", region: "eu-west-2" });
  });

  test("whose session is nearly over is reached by a new one", async () => {
    let now = Date.parse("2026-03-01T12:00:00Z");
    await using double = await aws(() => credentials(now + HOUR));
    const { credentials: session } = clusterSessions(() => now)(through);
    const keyAfter = async (ms: number) => {
      now += ms;
      return (await session?.())?.accessKeyId;
    };
    expect([await keyAfter(0), await keyAfter(HOUR - 300_001)]).toEqual(["ASIASESSION1", "ASIASESSION1"]);
    expect(await keyAfter(1)).toBe("ASIASESSION2");
    expect(double.asked).toHaveLength(2);
  });

  test("that it may not take is an error that names it, and is asked for again", async () => {
    const answers = inTurn(DENIED, credentials(Date.now() + HOUR));
    await using double = await aws(() => answers() as Answer);
    const tasks = await ecsTasksOpener()(through);
    const outcome = expect(tasks.describe([ARN], never)).rejects;
    await outcome.toMatchObject({ code: "aws_denied", message: expect.stringContaining(`STS AssumeRole ${ROLE} for cluster shop-prod`) });
    expect(double.by("ecs")).toEqual([]);
    expect((await tasks.describe([ARN], never)).missing).toEqual([ARN]);
  });

  test("whose session comes without a key is an error", async () => {
    await using double = await aws(() => xml("<AssumeRoleResponse><AssumeRoleResult/></AssumeRoleResponse>"));
    const tasks = await ecsTasksOpener()(through);
    await expect(tasks.describe([ARN], never)).rejects.toMatchObject({ code: "aws_rejected" });
    expect(double.by("ecs")).toEqual([]);
  });
});

test("a cluster without a role is reached by the function's own, in the cluster's region", async () => {
  await using double = await aws();
  await askAll(clusterAccess(ecsOpeners()), ecsCluster);
  expect(double.by("sts")).toEqual([]);
  expect(new Set(double.asked.map((one) => JSON.stringify(signer(one))))).toEqual(
    new Set(["ecs", "application-autoscaling"].map((service) => JSON.stringify({ key: "AKIAOWN", region: "eu-west-1", service }))),
  );
});

test("clusters that are reached alike share a client, and each has one object for all who ask", async () => {
  const clients = ecsClients();
  expect(clients({ ...ecsCluster, name: "pay", awsName: "pay" })).toBe(clients(ecsCluster));
  expect(clients(through)).not.toBe(clients(ecsCluster));
  const { tasks, services } = ecsOpeners();
  expect(await tasks(ecsCluster)).toBe(await tasks(ecsCluster));
  expect(await services(ecsCluster)).toBe(await services(ecsCluster));
  expect(await tasks(through)).not.toBe(await tasks(ecsCluster));
});

test("a request without an answer is given up, and not only warned about", async () => {
  await using double = await awsDouble(() => "silence");
  const bounds = clusterSessions()(ecsCluster);
  expect(bounds.requestHandler.requestTimeout).toBe(5_000);
  const client = new ECSClient({ ...bounds, ...double.config, requestHandler: { ...bounds.requestHandler, requestTimeout: 50 } });
  await expect(ecsTasks(client, ecsCluster).describe([ARN], never)).rejects.toMatchObject({ code: "aws_unreachable" });
});

describe("functions of yours", () => {
  const invoke = (arn: string) => userFunctionsOpener()(through).then((functions) => functions.invoke(arn, "{}", 5_000, never));

  test("are called by the responder's own role, in the region that their ARN names", async () => {
    await using double = await aws();
    await invoke("arn:aws:lambda:eu-central-1:111122223333:function:on-alert");
    await invoke("arn:aws:lambda:us-east-1:111122223333:function:on-alert:$LATEST");
    expect(double.asked.map(signer)).toEqual([
      { key: "AKIAOWN", region: "eu-central-1", service: "lambda" },
      { key: "AKIAOWN", region: "us-east-1", service: "lambda" },
    ]);
  });

  test.each(["on-alert", "111122223333:function:on-alert", "arn:aws:sns:eu-west-1:111122223333:on-alert", ""])(
    "are not called by %j, which does not say where",
    async (name) => {
      await using double = await aws();
      await expect(invoke(name)).rejects.toMatchObject({ code: "config_invalid" });
      expect(double.asked).toEqual([]);
    },
  );
});

const secrets = { read: () => Promise.resolve("token") };
test.each<[string, Partial<ClusterAccess>, readonly string[]]>([
  ["respond-ecs", ecsOpeners(), ["tasks", "services", "marks", "instances", "definitions", "logs", "functions"]],
  ["respond-kubernetes", kubernetesOpeners(secrets), ["kubernetes", "functions"]],
  ["respond-wide", wideOpeners(), ["tasks", "services", "instances", "network", "roles", "definitions", "logs"]],
  ["sweep", sweepOpeners(secrets), ["tasks", "kubernetes", "services", "marks", "instances", "network", "roles"]],
])("%s opens what it is made for, and refuses the rest as a fault of the deployment", async (_name, openers, kinds) => {
  const caData = base64(certificate("ca").cert);
  const cluster = { ...ecsCluster, access: { by: "token" as const, server: "https://kube.example", caData, tokenSecret: "s" } };
  for (const [kind, open] of Object.entries(clusterAccess(openers))) {
    const opened = (open as (given: Cluster) => Promise<unknown>)(cluster);
    if (kinds.includes(kind)) await expect(opened).resolves.toBeTypeOf("object");
    else await expect(opened).rejects.toThrow("this function cannot reach");
  }
});
