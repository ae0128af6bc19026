import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { ecsTasksOpener } from "#shared/adapters/cluster-access-ecs.ts";
import { ecsOpeners } from "#shared/adapters/openers-ecs.ts";
import { wideOpeners } from "#shared/adapters/openers-wide.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import { containerInstancesContract } from "../../contracts/container-instances.suite.ts";
import { hostNetworkContract } from "../../contracts/host-network.suite.ts";
import { servicesContract } from "../../contracts/services.suite.ts";
import { taskDefinitionsContract } from "../../contracts/task-definitions.suite.ts";
import { taskLogsContract } from "../../contracts/task-logs.suite.ts";
import { taskMarksContract } from "../../contracts/task-marks.suite.ts";
import { taskRolesContract } from "../../contracts/task-roles.suite.ts";
import { type TasksWorld, tasksContract } from "../../contracts/tasks.suite.ts";
import { userFunctionsContract } from "../../contracts/user-functions.suite.ts";
import { ecsCluster } from "../../playbooks/builders.ts";
import { Aws } from "./aws.ts";
import { defined } from "./defined.ts";

// Port -> the deployed openers and adapters -> SDK clients -> the double: nothing but the endpoint and the keys differs from AWS.
let aws: Aws;
beforeAll(async () => {
  aws = await Aws.start();
  for (const [name, value] of Object.entries(aws.env)) vi.stubEnv(name, value);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await aws[Symbol.asyncDispose]();
});

const wait = async (): Promise<void> => aws.world.tick();
const close = async (): Promise<void> => {};
const named = (awsName: string): Cluster => ({ ...ecsCluster, awsName });
const ROLE = "arn:aws:iam::444455556666:role/falco-responder-target";

tasksContract("the double", () => openTasks(named("tasks")));
tasksContract("the double, through a role in another account", () => {
  aws.world.in({ account: "444455556666" }).role("falco-responder-target", { externalId: "shop" });
  return openTasks({ ...named("far"), account: "444455556666", roleArn: ROLE, externalId: "shop" });
});

async function openTasks(cluster: Cluster): Promise<TasksWorld> {
  const world = aws.world.in({ account: cluster.account });
  const { arn, ec2InstanceId } = world.instance({ cluster: cluster.awsName });
  world.service({ name: "web", cluster: cluster.awsName, desired: 2, tags: { team: "shop" } });
  return {
    tasks: await ecsTasksOpener()(cluster),
    service: "web",
    taskArns: world.tasksOf("web", cluster.awsName).map((task) => task.arn),
    instance: { ec2InstanceId: ec2InstanceId ?? "", arn },
    wait,
    close,
  };
}

test("a role asks for its external id, and its sessions are of its own account", async () => {
  const refused = await ecsTasksOpener()({ ...named("far"), account: "444455556666", roleArn: ROLE, externalId: "other" });
  const signal = new AbortController().signal;
  await expect(refused.instanceByEc2Id("i-00000000000000000", signal)).rejects.toMatchObject({ code: "aws_denied" });
  const stops = aws.calls("StopTask").filter(({ account }) => account === "444455556666");
  expect(stops.length).toBeGreaterThan(0);
  for (const { accessKeyId } of stops) expect(accessKeyId).toMatch(/^ASIA/);
});

servicesContract("the double", async () => {
  aws.world.instance({ cluster: "services" });
  aws.world.service({ name: "web", cluster: "services", desired: 2, tags: { team: "shop" } });
  aws.world.service({ name: "agent", cluster: "services", strategy: "DAEMON", maximumPercent: 100, minimumHealthyPercent: 0 });
  aws.world.scalableTarget("web", 1, 4, "services");
  return { services: await ecsOpeners().services(named("services")), service: "web", daemon: "agent", wait, close };
});

taskMarksContract("the double", async () => {
  aws.world.instance({ cluster: "marks" });
  aws.world.service({ name: "web", cluster: "marks" });
  const { marks, tasks } = ecsOpeners();
  return {
    marks: await marks(named("marks")),
    tasks: await tasks(named("marks")),
    serviceTask: aws.world.tasksOf("web", "marks")[0]?.arn ?? "",
    standaloneTask: aws.world.task({ cluster: "marks" }).arn,
    nowMs: () => aws.world.now(),
    wait,
    close,
  };
});

containerInstancesContract("the double", async () => {
  const cluster = "instances";
  const first = aws.world.instance({ cluster });
  aws.world.service({ name: "web", cluster });
  const standaloneTask = aws.world.task({ cluster }).arn;
  const other = aws.world.instance({ cluster }).arn;
  const disconnected = aws.world.instance({ cluster }).arn;
  aws.world.connect(disconnected, false);
  const { instances, tasks } = ecsOpeners();
  return {
    instances: await instances(named(cluster)),
    tasks: await tasks(named(cluster)),
    instance: { arn: first.arn, ec2InstanceId: first.ec2InstanceId ?? "" },
    other,
    serviceTask: aws.world.tasksOf("web", cluster)[0]?.arn ?? "",
    standaloneTask,
    registering: aws.world.instance({ cluster, status: "REGISTERING" }).arn,
    disconnected,
    wait,
    close,
  };
});

hostNetworkContract("the double", async () => {
  const groups = {
    web: aws.world.securityGroup({ outbound: "all" }).id,
    base: aws.world.securityGroup({ outbound: "https" }).id,
    closed: aws.world.securityGroup({ outbound: "none" }).id,
    foreign: aws.world.securityGroup({ vpcId: "vpc-0bb" }).id,
  };
  const machine = aws.world.instance({ cluster: "network" }).ec2InstanceId ?? "";
  const own = aws.world.networkInterface({ ec2InstanceId: machine, groups: [groups.web, groups.base] });
  const task = aws.world.networkInterface({ ec2InstanceId: machine, groups: [groups.web], requesterManaged: true });
  const network = await wideOpeners().network(named("network"));
  return { network, machine, interfaceId: own.id, taskInterface: task.id, groups, close };
});

taskRolesContract("the double", async () => {
  aws.world.role("web", { maxSessionSeconds: 7_200 });
  return { roles: await wideOpeners().roles(ecsCluster), role: "web", close };
});

taskDefinitionsContract("the double", async () => {
  aws.world.cluster("definitions");
  const arn = aws.world.definition("web", defined.definition, defined.containers);
  const deregistered = aws.world.definition("old");
  aws.world.instance({ cluster: "definitions" });
  aws.world.task({ cluster: "definitions", definitionArn: deregistered });
  aws.world.deregister(deregistered);
  const unused = aws.world.definition("unused");
  aws.world.deregister(unused);
  return { definitions: await ecsOpeners().definitions(named("definitions")), arn, deregistered, unknown: unused, close };
});

for (const emptyPages of [0, 2])
  taskLogsContract(`the double, ${emptyPages} empty pages first`, async () => {
    const fromMs = Date.parse("2026-03-01T12:00:00Z");
    const group = `/shop/${emptyPages}`;
    const events = Array.from({ length: 5 }, (_, n) => ({ atMs: fromMs + n * 1_000, message: `line ${n}` }));
    aws.world.logStream(group, "web/app/1", events, emptyPages);
    aws.world.logStream(group, "web/app/2", [], emptyPages);
    const logs = await ecsOpeners().logs(named("logs"));
    return { logs, group, stream: "web/app/1", emptyStream: "web/app/2", fromMs, close };
  });

userFunctionsContract("the double", async () => {
  const failing = aws.world.fn("failing", () => {
    throw new RangeError("no such host");
  });
  return {
    functions: await ecsOpeners().functions(ecsCluster),
    echo: aws.world.fn("echo", (payload) => payload),
    failing,
    slow: aws.world.fn("slow", () => "{}", 2_000),
    unknown: failing.replace("failing", "nobody"),
    close,
  };
});
