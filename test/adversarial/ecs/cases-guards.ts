import { PipelineError } from "#shared/domain/error.ts";
import type { Policy } from "#shared/domain/policy.ts";
import { pack } from "#shared/ledger/items.ts";
import { SWITCH } from "#shared/ledger/keys.ts";
import type { TaskFacts } from "#shared/ports/tasks.ts";
import { policyOf } from "../../fakes/world.ts";
import type { Case } from "./run.ts";
import { at, idOf, protecting, type Shot, type Stage, withRule } from "./stage.ts";

/** Time stands still: the task stays as the case has made it. */
const still = ({ world }: Stage): void => {
  world.ecs.ticksByItself = false;
};

const state = (name: string, fact: string, facts: Partial<TaskFacts>, because: RegExp): Case => ({
  name: `task: ${name}`,
  fact,
  given: still,
  refuse: ({ world, offender }) => world.ecs.change(offender.taskArn, facts),
  because,
});

/** The world went on since Falco saw it. */
export const states: readonly Case[] = [
  state("already stopping", "desiredStatus", { desiredStatus: "STOPPED" }, /already stopping/),
  state("already stopped", "lastStatus", { desiredStatus: "STOPPED", lastStatus: "STOPPED" }, /has stopped/),
  state("deprovisioning", "both", { desiredStatus: "STOPPED", lastStatus: "DEPROVISIONING" }, /already stopping \(DEPROVISIONING\)/),
  {
    name: "task: already replaced by its service",
    fact: "it went while the alert waited",
    refuse: (stage) => {
      stage.meanwhile = () => {
        stage.world.ecs.forget(stage.offender.taskArn);
        stage.world.ecs.run({ family: "web", containerInstanceArn: stage.here, group: "service:web" });
      };
    },
    because: /does not know task/,
  },
  {
    name: "task: replaced, and the alert has no label",
    fact: "it went while the alert waited",
    given: ({ shot }) => void delete shot.fields["container.label[com.amazonaws.ecs.task-arn]"],
    refuse: (stage) => {
      stage.meanwhile = () => {
        stage.world.ecs.forget(stage.offender.taskArn);
        stage.world.ecs.run({ family: "web", containerInstanceArn: stage.here, group: "service:web" });
      };
    },
    because: /no task on Falco's container instance/,
  },
  {
    name: "task: ECS describes one of another cluster on our machine",
    fact: "the ARN that ECS gives",
    given: ({ world, shot, offender }) => {
      delete shot.fields["container.label[com.amazonaws.ecs.task-arn]"];
      world.ecs.forget(offender.taskArn);
      shot.fields["container.id"] = "d".repeat(12);
    },
    refuse: ({ world, here, offender }) => {
      world.ecs.run(strange(offender, here, offender.taskArn.replace("task/shop/", "task/bank/")));
    },
    because: /not of this cluster: ECS cluster bank/,
    act: ({ world, here, offender }) => void world.ecs.run(strange(offender, here, offender.taskArn)),
  },
];

const strange = (offender: TaskFacts, here: string, taskArn: string): TaskFacts => ({
  ...offender,
  taskArn,
  containerInstanceArn: here,
  containers: [{ name: "app", runtimeId: "d".repeat(64), image: null, lastStatus: "RUNNING" }],
});

const time = (name: string, fact: string, change: (stage: Stage) => string | null, because: RegExp): Case => ({
  name: `time: ${name}`,
  fact,
  refuse: (stage) => {
    stage.shot.time = change(stage);
  },
  because,
});

export const times: readonly Case[] = [
  time("a stale alert", "901 s ago", ({ world }) => at(world, -901_000), /901 s old, more than 900 s/),
  time("from the future", "in 121 s", ({ world }) => at(world, 121_000), /in the future/),
  time("none", "absent", () => null, /no time that can be read/),
  time("not a time", "its text", () => "yesterday", /no time that can be read/),
  {
    name: "time: it grew old in the queue",
    fact: "an hour between ingest and respond",
    refuse: (stage) => {
      stage.meanwhile = () => stage.world.later(3_600_000);
    },
    because: /s old, more than 900 s/,
  },
];

const guard = (name: string, fact: string, refuse: Policy, because: RegExp, act: Policy = policyOf()): Case => ({
  name: `guard: ${name}`,
  fact,
  refuse: (stage) => {
    stage.policy = refuse;
  },
  because,
  act: (stage) => {
    stage.policy = act;
  },
});

const MARK = "falco-responder/protected";

/** A mark on the task; the policy protects the marked. */
const marked = (name: string, fact: string, mark: (stage: Stage, value: string) => void, refuse: string, act: string): Case => ({
  name: `guard: ${name}`,
  fact,
  given: (stage) => {
    stage.policy = protecting({ labels: { [MARK]: "true" } });
  },
  refuse: (stage) => mark(stage, refuse),
  because: /the label falco-responder\/protected protects it/,
  act: (stage) => mark(stage, act),
});

const onTask = ({ world, offender }: Stage, value: string): void => world.ecs.change(offender.taskArn, { tags: { [MARK]: value } });
const onService = ({ world, here }: Stage, value: string): void =>
  void world.ecs.service("web", { family: "web", instance: here, tags: { [MARK]: value }, desired: 0 });

const { budgets } = policyOf();

export const guards: readonly Case[] = [
  guard(
    "a protected service",
    "protect.services",
    protecting({ services: ["web"] }),
    /service web is protected/,
    protecting({ services: ["we"] }),
  ),
  guard(
    "a protected family, by glob",
    "protect.families",
    protecting({ families: ["w*b"] }),
    /family web is protected/,
    protecting({ families: ["w*c"] }),
  ),
  guard(
    "a protected cluster",
    "protect.clusters",
    protecting({ clusters: ["shop-*"] }),
    /cluster shop-prod is protected/,
    protecting({ clusters: ["bank-*"] }),
  ),
  marked("a mark on the task", "its value", onTask, "true", "false"),
  marked("a mark in capitals", "its value", onTask, " True", "no"),
  marked("a mark on the service alone", "its value", onService, "true", "false"),
  guard("the policy only observes", "mode", policyOf(undefined, { mode: "observe" }), /^would-act/),
  guard("the rule asks for approval", "mode", withRule({ mode: "approve" }), /^await-approval/),
  guard("no action for ECS", "the rule's actions", withRule({ actions: only("kubernetes:terminate") }), /does not fit a task/),
  guard("a misspelt parameter", "params", withRule({ actions: only("ecs:stop-task", { grace: 1 }) }), /parameter "grace" is not known/),
  guard("nothing left for this owner", "budgets.owner", policyOf(undefined, { budgets: { ...budgets, owner: 0 } }), /^refused: .*owner/),
  guard(
    "nothing left for the cluster",
    "budgets.cluster",
    policyOf(undefined, { budgets: { ...budgets, cluster: 0 } }),
    /^refused: .*cluster/,
  ),
  guard("nothing left for the fleet", "budgets.fleet", policyOf(undefined, { budgets: { ...budgets, fleet: 0 } }), /^refused: .*fleet/),
  {
    name: "guard: the kill switch",
    fact: "paused",
    refuse: ({ world }) => pause(world, true),
    because: /the kill switch is on/,
    act: ({ world }) => pause(world, false),
  },
  {
    name: "guard: evidence is required and cannot be kept",
    fact: "the bucket is broken",
    given: (stage) => {
      stage.policy = withRule({ actions: [{ action: "ecs:stop-task", params: {}, mode: "enforce", evidence: "required" }] });
    },
    refuse: ({ world }) => {
      world.evidenceBroken = true;
    },
    because: /evidence is required and could not be kept/,
  },
  {
    name: "guard: ECS refuses to be asked",
    fact: "DescribeTasks is denied",
    refuse: ({ world }) => world.ecs.fail("describe", new PipelineError("aws_denied", "not allowed")),
    because: /cannot be asked \(aws_denied\)/,
  },
  {
    name: "guard: the service's tags cannot be read",
    fact: "DescribeServices is denied",
    refuse: ({ world }) => world.ecs.fail("serviceTags", new PipelineError("aws_denied", "not allowed")),
    because: /cannot be asked \(aws_denied\)/,
  },
  {
    name: "guard: ECS throttles to the end",
    fact: "the last patient delivery is throttled",
    given: ({ shot }) => {
      shot.receives = 5;
    },
    refuse: ({ world }) => world.ecs.fail("describe", new PipelineError("aws_throttled", "slow down")),
    because: /cannot be asked \(aws_throttled\)/,
  },
];

function only(action: Policy["rules"][number]["actions"][number]["action"], params = {}): Policy["rules"][number]["actions"] {
  return [{ action, params, mode: "enforce", evidence: "none" }];
}

function pause(world: Stage["world"], paused: boolean): void {
  world.table.seed({ ...pack(SWITCH, "budget", 1, 0, {}), type: "switch", paused });
}

const line = (name: string, fact: string, change: (shot: Shot, stage: Stage) => void, because: RegExp): Case => ({
  name: `line: ${name}`,
  fact,
  refuse: (stage) => change(stage.shot, stage),
  because,
});

/** Who may accuse, and what is an accusation. */
export const lines: readonly Case[] = [
  line(
    "of a log group nobody registered",
    "its log group",
    (shot) => {
      shot.logGroup = "/falco/other";
    },
    /no cluster is registered for/,
  ),
  line(
    "of another account's log group",
    "the group's owner",
    (shot) => {
      shot.owner = "999988887777";
    },
    /account that is not registered/,
  ),
  line(
    "static.cluster of another cluster",
    "static.cluster",
    (shot) => {
      shot.fields["static.cluster"] = "bank";
    },
    /names another cluster/,
  ),
  line(
    "static.account of another account",
    "static.account",
    (shot) => {
      shot.fields["static.account"] = "9";
    },
    /names another account/,
  ),
  line(
    "static.region of another region",
    "static.region",
    (shot) => {
      shot.fields["static.region"] = "eu-west-2";
    },
    /another region/,
  ),
  line(
    "Falco of itself, by source",
    "its source",
    (shot) => {
      shot.source = "internal";
    },
    /Falco speaks of itself/,
  ),
  {
    name: "line: Falco of itself, by rule",
    fact: "its rule",
    given: (stage) => {
      stage.policy = policyOf(
        stage.policy.rules.map((rule) => ({ ...rule, match: {} })),
        { index: { exact: {}, patterns: [], any: [0] } },
      );
    },
    refuse: ({ shot }) => {
      shot.rule = "Falco internal: syscall event drop";
    },
    because: /Falco speaks of itself/,
  },
  line(
    "not JSON, with an alert inside",
    "text before it",
    (shot) => {
      shot.line = (json) => `12:00:00.1: Critical said ${json}`;
    },
    /kept: parts of an alert's JSON inside other text/,
  ),
  line(
    "an alert cut in half",
    "its end",
    (shot) => {
      shot.line = (json) => json.slice(0, json.length / 2);
    },
    /kept: JSON that is cut off/,
  ),
  line("an alert in the command line of another rule", "its rule", forgeInside, /^no policy rule matches$/),
];

/** The line's own rule matches nothing; the accusation stands inside its command line. */
function forgeInside(shot: Shot, { offender }: Stage): void {
  const inside = { rule: shot.rule, priority: "Critical", output_fields: { ...shot.fields, "container.id": idOf(offender) } };
  shot.fields["proc.cmdline"] = `sh -c 'echo ${JSON.stringify(inside)}'`;
  shot.rule = "Some other rule";
}
