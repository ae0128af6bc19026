import { containerInstancesContract } from "../contracts/container-instances.suite.ts";
import { hostNetworkContract } from "../contracts/host-network.suite.ts";
import { servicesContract } from "../contracts/services.suite.ts";
import { DEFINED, taskDefinitionsContract } from "../contracts/task-definitions.suite.ts";
import { taskLogsContract } from "../contracts/task-logs.suite.ts";
import { taskMarksContract } from "../contracts/task-marks.suite.ts";
import { taskRolesContract } from "../contracts/task-roles.suite.ts";
import { userFunctionsContract } from "../contracts/user-functions.suite.ts";
import { NOW } from "../playbooks/builders.ts";
import { FakeAws } from "./aws.ts";

const EC2 = "i-0123456789abcdef0";
const close = (): Promise<void> => Promise.resolve();

/** One cluster with a machine and a service of so many tasks on it, of a family of the same name. */
function world(desired: number) {
  const aws = new FakeAws(() => NOW);
  const instance = aws.ecs.instance(EC2);
  const [task] = aws.ecs.service("web", { family: "web", instance, tags: { team: "shop" }, desired });
  const wait = (): Promise<void> => Promise.resolve(aws.ecs.tick());
  return { aws, instance, serviceTask: task?.taskArn ?? "", wait };
}

servicesContract("the fake", () => {
  const { aws, instance, wait } = world(2);
  aws.ecs.service("agent", { family: "agent", instance, tags: {}, desired: 1, strategy: "DAEMON" });
  aws.services.scale("web", { minCapacity: 1, maxCapacity: 4 });
  return Promise.resolve({ services: aws.services, service: "web", daemon: "agent", wait, close });
});

taskMarksContract("the fake", () => {
  const { aws, serviceTask, wait } = world(1);
  const { taskArn: standaloneTask } = aws.ecs.run();
  return Promise.resolve({ marks: aws.marks, tasks: aws.ecs, serviceTask, standaloneTask, nowMs: () => NOW, wait, close });
});

containerInstancesContract("the fake", () => {
  const { aws, instance, serviceTask, wait } = world(1);
  const [disconnected, registering, other] = ["i-1", "i-2", "i-3"].map((machine) => aws.ecs.instance(machine));
  if (disconnected === undefined || registering === undefined || other === undefined) throw new Error("three instances");
  aws.instances.at(disconnected).agentConnected = false;
  aws.instances.at(registering).status = "REGISTERING";
  const { taskArn: standaloneTask } = aws.ecs.run({ containerInstanceArn: instance });
  return Promise.resolve({
    instances: aws.instances,
    tasks: aws.ecs,
    instance: { arn: instance, ec2InstanceId: EC2 },
    other,
    serviceTask,
    standaloneTask,
    registering,
    disconnected,
    wait,
    close,
  });
});

hostNetworkContract("the fake", () => {
  const { aws, instance } = world(0);
  const groups = {
    web: "sg-0000000000000000b",
    base: "sg-0000000000000000c",
    closed: "sg-0000000000000000d",
    foreign: "sg-0000000000000000e",
  };
  aws.network.group(groups.web, { outboundRules: 1, allowsHttpsOut: true });
  aws.network.group(groups.base, { outboundRules: 1, allowsHttpsOut: true });
  aws.network.group(groups.closed);
  aws.network.group(groups.foreign, { vpcId: "vpc-0000000000000000f" });
  const own = aws.network.attach(EC2, [groups.web, groups.base]);
  const taskInterface = "eni-0000000000000000f";
  aws.ecs.run({ containerInstanceArn: instance, networkInterfaces: [taskInterface] });
  return Promise.resolve({ network: aws.network, machine: EC2, interfaceId: own.id, taskInterface, groups, close });
});

taskRolesContract("the fake", () => {
  const { aws } = world(0);
  aws.roles.role("web", { maxSessionSeconds: 7_200 });
  return Promise.resolve({ roles: aws.roles, role: "web", close });
});

taskDefinitionsContract("the fake", () => {
  const { aws } = world(0);
  const { arn } = aws.definitions.define("web", DEFINED);
  const { arn: deregistered } = aws.definitions.define("old", { status: "INACTIVE" });
  return Promise.resolve({ definitions: aws.definitions, arn, deregistered, unknown: arn.replace("web", "nobody"), close });
});

taskLogsContract("the fake", () => {
  const { aws } = world(0);
  const lines = Array.from({ length: 5 }, (_, n) => ({ atMs: NOW + n * 1_000, line: `line ${n}` }));
  aws.logs.stream("/shop/web", "web/app/1", lines);
  aws.logs.stream("/shop/web", "web/app/2", []);
  return Promise.resolve({ logs: aws.logs, group: "/shop/web", stream: "web/app/1", emptyStream: "web/app/2", fromMs: NOW, close });
});

userFunctionsContract("the fake", () => {
  const { aws } = world(0);
  const arn = (name: string): string => `arn:aws:lambda:eu-west-1:111122223333:function:${name}`;
  const failing = arn("failing");
  aws.functions.function(arn("echo"), (body) => ({ kind: "answered", body }));
  aws.functions.function(failing, () => ({ kind: "function-error", error: "RangeError: no such host" }));
  aws.functions.function(arn("slow"), () => ({ kind: "answered", body: "{}" }), 2_000);
  return Promise.resolve({ functions: aws.functions, echo: arn("echo"), failing, slow: arn("slow"), unknown: arn("nobody"), close });
});
