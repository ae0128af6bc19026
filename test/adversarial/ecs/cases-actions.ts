import type { Policy, PolicyAction } from "#shared/domain/policy.ts";
import { policyOf, shellRule } from "../../fakes/world.ts";
import { said } from "./effects.ts";
import type { Case } from "./run.ts";
import { actionOf, asking, FUNCTION, LABEL, protecting, QUARANTINE, type Stage } from "./stage.ts";
import { change, DRAIN, drained, given, ISOLATE, invoked, isolated, MARK, REVOKE, SCALE, scaled } from "./wanted.ts";

/** Every action that is not to stop the task: its parameters, and what it does to the stage's offender. */
const WIDE: readonly (readonly [PolicyAction["action"], PolicyAction["params"], (stage: Stage) => readonly string[]])[] = [
  ["ecs:tag-task", {}, ({ offender }) => [said.tag(offender.taskArn, "falco-responder/incident")]],
  ["ecs:protect-task", { minutes: 60 }, ({ offender }) => [said.protect(offender.taskArn, 60)]],
  ["aws:invoke-lambda", { function: FUNCTION }, invoked],
  [REVOKE, {}, () => [said.putPolicy("web-task")]],
  [SCALE, {}, scaled],
  [DRAIN, {}, drained],
  [ISOLATE, { security_group: QUARANTINE }, isolated],
];

/** Whatever the policy asks for: a label that names somebody else leads nowhere. */
const forged: readonly Case[] = WIDE.flatMap(([action, params, done]) => [
  {
    name: `${action}: a forged label`,
    fact: "it names the neighbour",
    given: (stage) => {
      stage.policy = asking(action, params);
    },
    refuse: ({ shot, neighbour }) => {
      shot.fields[LABEL] = neighbour.taskArn;
    },
    because: /forged or stale label/,
    done,
  },
  {
    name: `${action}: the task's service is protected`,
    fact: "protect.services",
    refuse: (stage) => {
      stage.policy = protecting({ services: ["WEB"] }, asking(action, params));
    },
    because: /service web is protected/,
    act: (stage) => {
      stage.policy = protecting({ services: ["webs"] }, asking(action, params));
    },
    done,
  },
]);

const serviceCase = (name: string, fact: string, refuse: (stage: Stage) => void, because: RegExp): Case => ({
  name: `${SCALE}: ${name}`,
  fact,
  given: given(SCALE),
  refuse,
  because,
  done: scaled,
});

const services: readonly Case[] = [
  serviceCase(
    "a DAEMON service",
    "its strategy",
    (stage) => change(stage, "web", { strategy: "DAEMON" }),
    /^refused: service web is a DAEMON/,
  ),
  {
    name: `${SCALE}: a service that is being deleted`,
    fact: "its status",
    given: (stage) => {
      given(SCALE)(stage);
      // Its scheduler has not got to the offender yet.
      stage.world.ecs.ticksByItself = false;
    },
    refuse: (stage) => change(stage, "web", { status: "DRAINING" }),
    because: /^refused: service web is DRAINING/,
    done: scaled,
  },
  {
    name: `${SCALE}: another task of the service bears the mark`,
    fact: "its value",
    given: (stage) => {
      stage.policy = protecting({ labels: { [MARK]: "true" } }, asking(SCALE));
    },
    refuse: ({ world, neighbour }) => world.ecs.change(neighbour.taskArn, { tags: { [MARK]: "true" } }),
    because: /^refused: 1 protected task of service web would be stopped \(the label falco-responder\/protected protects it\)/,
    act: ({ world, neighbour }) => world.ecs.change(neighbour.taskArn, { tags: { [MARK]: "no" } }),
    done: scaled,
  },
  {
    name: `${SCALE}: a task that is protected from scale-in`,
    fact: "one of two rules does not ask to take the protection off",
    given: ({ world, neighbour }) => void world.ecs.protections.set(neighbour.taskArn, world.clock.now() + 3_600_000),
    refuse: (stage) => {
      stage.policy = ofTwoRules(true, false);
    },
    because: /^1 other task is protected from scale-in and NOT stopped before it ends/,
    spared: scaled,
    act: (stage) => {
      stage.policy = ofTwoRules(true, true);
    },
    done: ({ neighbour, offender }) => [said.setDesiredCount("web", 0), said.protect(neighbour.taskArn, null), said.stop(offender.taskArn)],
  },
  serviceCase("a task that stands alone", "its group", alone, /^hold: the task stands alone/),
  serviceCase(
    "a group that looks like a service",
    "its group",
    (stage) => regroup(stage, "family:service:web"),
    /^hold: the task stands alone/,
  ),
  {
    name: "ecs:protect-task: a task that stands alone",
    fact: "its group",
    given: given("ecs:protect-task", { minutes: 60 }),
    refuse: alone,
    because: /nothing scales it in/,
    done: ({ offender }) => [said.protect(offender.taskArn, 60)],
  },
];

/** Both match, and both scale. */
function ofTwoRules(...clear: readonly boolean[]): Policy {
  return policyOf(
    clear.map((on, n) => ({ ...shellRule, name: `rule ${n}`, actions: [actionOf(SCALE, on ? { clear_protection: true } : {})] })),
  );
}

function alone(stage: Stage): void {
  regroup(stage, "family:web");
}
function regroup({ world, offender }: Stage, group: string): void {
  world.ecs.change(offender.taskArn, { group });
}

const param = (
  action: PolicyAction["action"],
  name: string,
  refuse: PolicyAction["params"],
  because: RegExp,
  act: PolicyAction["params"],
  done: Case["done"],
): Case => ({
  name: `${action}: ${name}`,
  fact: "params",
  refuse: given(action, refuse),
  because,
  act: given(action, act),
  ...(done === undefined ? {} : { done }),
});

const tagged =
  (key: string) =>
  ({ offender }: Stage) => [said.tag(offender.taskArn, key)];

const params: readonly Case[] = [
  param(
    "ecs:tag-task",
    "a tag that would spare the offender",
    { key: MARK },
    /would protect the offender/,
    { key: "seen" },
    tagged("seen"),
  ),
  {
    name: "ecs:tag-task: a tag that this policy reads as protection",
    fact: "its value",
    refuse: (stage) => {
      stage.policy = protecting({ labels: { tier: "core" } }, asking("ecs:tag-task", { key: "tier", value: "Core" }));
    },
    because: /^refused: the tag would protect the offender from every later action/,
    act: (stage) => {
      stage.policy = protecting({ labels: { tier: "core" } }, asking("ecs:tag-task", { key: "tier", value: "edge" }));
    },
    done: tagged("tier"),
  },
  param("aws:invoke-lambda", "a bare name", { function: "forensics" }, /must be the whole ARN/, { function: FUNCTION }, invoked),
  param(ISOLATE, "no group", { security_group: "default" }, /must name the group/, { security_group: QUARANTINE }, isolated),
  param("ecs:protect-task", "for ever", { minutes: 2_881 }, /1 to 2880 minutes/, { minutes: 2_880 }, ({ offender }) => [
    said.protect(offender.taskArn, 2_880),
  ]),
  {
    name: "ecs:isolate-task: what no API does",
    fact: "the action",
    refuse: given("ecs:isolate-task"),
    because: /^hold: the task shares its host's interfaces .* next best: ecs:stop-task/,
    act: given("ecs:stop-task"),
  },
  {
    name: "guard: the log router is accused",
    fact: "the container's name",
    refuse: (stage) => renamed(stage, "Log_Router"),
    because: /the accused container is the log router/,
    act: (stage) => renamed(stage, "log_routers"),
  },
];

function renamed({ world, offender }: Stage, name: string): void {
  world.ecs.change(offender.taskArn, { containers: offender.containers.map((container) => ({ ...container, name })) });
}

export const actions: readonly Case[] = [...forged, ...services, ...params];
