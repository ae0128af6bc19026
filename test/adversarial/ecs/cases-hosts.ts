import type { PolicyAction } from "#shared/domain/policy.ts";
import { said } from "./effects.ts";
import type { Case } from "./run.ts";
import { asking, EC2, listing, protecting, QUARANTINE, type Stage } from "./stage.ts";
import { change, DRAIN, drained, given, ISOLATE, isolated, MARK, REVOKE } from "./wanted.ts";

/** What is done to the whole machine: both actions, each with what it does in the twin. */
const hosts: readonly (readonly [PolicyAction["action"], PolicyAction["params"], (stage: Stage) => readonly string[]])[] = [
  [DRAIN, {}, drained],
  [ISOLATE, { security_group: QUARANTINE }, isolated],
];

const machines: readonly Case[] = hosts.flatMap(([action, params, done]): readonly Case[] => [
  {
    name: `${action}: a protected service on the same machine`,
    fact: "protect.services",
    refuse: (stage) => {
      stage.policy = protecting({ services: ["api"] }, asking(action, params));
    },
    because: /^refused: 1 protected task on the same instance would be hit \(service api is protected\)/,
    act: (stage) => {
      stage.policy = protecting({ services: ["apis"] }, asking(action, params));
    },
    done,
  },
  {
    name: `${action}: a protected family on the same machine`,
    fact: "where its task runs",
    given: (stage) => {
      stage.policy = protecting({ families: ["api"] }, asking(action, params));
    },
    refuse: () => undefined,
    because: /^refused: 1 protected task .*family api is protected/,
    act: ({ world, api, there }) => world.ecs.change(api.taskArn, { containerInstanceArn: there }),
    done,
  },
  {
    name: `${action}: a mark on the service of a task on the same machine`,
    fact: "its value",
    given: (stage) => {
      stage.policy = protecting({ labels: { [MARK]: "true" } }, asking(action, params));
    },
    refuse: (stage) => change(stage, "api", { tags: { [MARK]: "true" } }),
    because: /^refused: 1 protected task .*the label falco-responder\/protected protects it/,
    act: (stage) => change(stage, "api", { tags: { [MARK]: "false" } }),
    done,
  },
  {
    name: `${action}: a task on the same machine whose service cannot be read`,
    fact: "ECS does not know the service",
    given: ({ world, here }) => void world.ecs.run({ family: "old", containerInstanceArn: here, group: "service:old" }),
    refuse: (stage) => {
      stage.policy = asking(action, params);
    },
    because: /^refused: 1 protected task .*service old cannot be read/,
    act: (stage) => {
      stage.policy = asking(action, params);
      stage.world.ecs.service("old", { family: "old", instance: stage.there, tags: {}, desired: 0 });
    },
    done,
  },
  {
    name: `${action}: a task of Fargate`,
    fact: "it has no container instance",
    given: given(action, params),
    refuse: ({ world, offender }) => world.ecs.change(offender.taskArn, { containerInstanceArn: null, launchType: "FARGATE" }),
    because: /^hold: the task runs on no .* \(Fargate\)/,
    done,
  },
  {
    name: `${action}: a machine that ECS no longer has`,
    fact: "it has left ECS",
    given: given(action, params),
    refuse: ({ world, here }) => void world.ecs.instances.delete(here),
    because: /^refused: ECS no longer knows the container instance/,
    done,
  },
]);

const isolation = (name: string, fact: string, refuse: (stage: Stage) => void, because: RegExp): Case => ({
  name: `${ISOLATE}: ${name}`,
  fact,
  given: given(ISOLATE, { security_group: QUARANTINE }),
  refuse,
  because,
  done: isolated,
});

const isolations: readonly Case[] = [
  isolation(
    "a security group of another VPC",
    "its VPC",
    ({ world }) => void world.aws.network.group(QUARANTINE, { vpcId: "vpc-00000000000000bad" }),
    /^refused: security group .* is of vpc-00000000000000bad/,
  ),
  isolation(
    "a security group that is not there",
    "it was deleted",
    ({ world }) => void world.aws.network.groups.delete(QUARANTINE),
    /^refused: security group .* does not exist/,
  ),
  isolation(
    "a machine of ECS Anywhere",
    "the task's launch type",
    ({ world, offender }) => world.ecs.change(offender.taskArn, { launchType: "EXTERNAL" }),
    /^hold: the container instance is no EC2 machine/,
  ),
  isolation(
    "a machine whose interfaces AWS keeps",
    "requester-managed",
    ({ world, interfaceId }) => {
      world.aws.network.detach(interfaceId);
      world.aws.network.attach(EC2, ["sg-00000000000000001"], { requesterManaged: true });
    },
    /^refused: EC2 shows no interface/,
  ),
  {
    name: `${ISOLATE}: an agent that would never hear of the stop`,
    fact: "the agent is disconnected, and the group lets nothing out",
    given: (stage) => {
      stage.policy = asking(ISOLATE, { security_group: QUARANTINE });
      stage.world.aws.network.group(QUARANTINE, { allowsHttpsOut: false });
    },
    refuse: ({ world, here }) => {
      world.aws.instances.at(here).agentConnected = false;
    },
    because: /^comes again: the offender is to be seen STOPPED .* the agent is disconnected/,
    // Told to stop at every delivery, and never cut off before it has.
    spared: ({ offender }) => Array.from({ length: 4 }, () => said.stop(offender.taskArn)),
    done: (stage) => [said.stop(stage.offender.taskArn), ...isolated(stage)],
  },
  {
    name: `${DRAIN}: a service that would never move`,
    fact: "its percents are 100 and 100",
    given: given(DRAIN),
    refuse: (stage) => change(stage, "api", { minimumHealthyPercent: 100, maximumPercent: 100 }),
    because: /^refused: draining would never end/,
    done: drained,
  },
];

const role = (name: string, fact: string, refuse: (stage: Stage) => void, because: RegExp): Case => ({
  name: `${REVOKE}: ${name}`,
  fact,
  given: given(REVOKE),
  refuse,
  because,
  done: () => [said.putPolicy("web-task")],
});

const define = (taskRoleArn: string | null) => (stage: Stage) =>
  void stage.world.aws.definitions.define("web", { taskRoleArn, executionRoleArn: "arn:aws:iam::111122223333:role/web-execution" });

const roles: readonly Case[] = [
  role(
    "a role that is not listed",
    "taskRoles",
    (stage) => {
      stage.registry = listing("api-*");
    },
    /^refused: role web-task is not listed/,
  ),
  role(
    "no list of roles",
    "taskRoles",
    (stage) => {
      stage.registry = listing();
    },
    /^refused: role web-task is not listed/,
  ),
  role(
    "a role of another account in the definition",
    "its account",
    define("arn:aws:iam::999988887777:role/web-task"),
    /^refused: the task role is of account 999988887777/,
  ),
  role(
    "a role of another account, given at the start of the task",
    "its account",
    ({ world, offender }) => world.ecs.change(offender.taskArn, { roleOverride: "arn:aws:iam::999988887777:role/web-task" }),
    /^refused: the task role is of account 999988887777/,
  ),
  role(
    "a listed name in the path of another role",
    "where the name stands",
    ({ world, offender }) => {
      world.aws.roles.role("admin");
      world.ecs.change(offender.taskArn, { roleOverride: "arn:aws:iam::111122223333:role/web-task/admin" });
    },
    /^refused: role admin is not listed/,
  ),
  role("the agent's role, not the task's", "the definition has no task role", define(null), /^refused: the task has no task role/),
  role(
    "a policy of this name that somebody else wrote",
    "the policy's text",
    ({ world }) => void world.aws.roles.policies("web-task").set("falco-responder-revoke-sessions", '{"Statement":[]}'),
    /^refused: role web-task has a policy .* that is not as we write it/,
  ),
];

/** What hits more than the offender: the machine, and whoever else has the role. */
export const hits: readonly Case[] = [...machines, ...isolations, ...roles];
