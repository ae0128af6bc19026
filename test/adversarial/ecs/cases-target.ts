import type { TaskFacts } from "#shared/ports/tasks.ts";
import { said } from "./effects.ts";
import type { Case } from "./run.ts";
import { DOTTED, EC2, idOf, LABEL, type Stage } from "./stage.ts";

const label = (name: string, fact: string, change: (arn: string, stage: Stage) => unknown, because: RegExp): Case => ({
  name: `label: ${name}`,
  fact,
  refuse: (stage) => {
    const value = change(stage.offender.taskArn, stage);
    stage.shot.fields[LABEL] = typeof value === "string" ? value : [stage.offender.taskArn];
  },
  because,
});

/** Labels that lie about whom Falco saw. */
export const labels: readonly Case[] = [
  label("forged, another task", "it names the neighbour", (_, { neighbour }) => neighbour.taskArn, /forged or stale label/),
  label("another account's task", "its account", (arn) => arn.replace("111122223333", "999988887777"), /account 999988887777 is not/),
  label("another region's task", "its region", (arn) => arn.replace("eu-west-1", "eu-west-2"), /region eu-west-2 is not/),
  label("another cluster's task", "its cluster", (arn) => arn.replace("task/shop/", "task/bank/"), /ECS cluster bank is not shop/),
  label("the cluster `default`", "its cluster", (arn) => arn.replace("task/shop/", "task/default/"), /ECS cluster default is not shop/),
  label("the short format, of no cluster", "it names no cluster", (arn) => arn.replace("task/shop/", "task/"), /no task ARN/),
  label("something after the id", "a suffix", (arn) => `${arn},x`, /no task ARN/),
  label("a line break after the id", "a suffix", (arn) => `${arn}\n`, /no task ARN/),
  label("a wildcard for the id", "its id", (arn) => arn.replace(/[^/]+$/, "*"), /no task ARN/),
  label("a service's ARN", "its kind", (arn) => arn.replace(":task/", ":service/"), /no task ARN/),
  label("a path that climbs", "its cluster", (arn) => arn.replace("task/shop/", "task/../"), /no task ARN/),
  label("not a text", "its type", () => null, /not a text/),
  label("a task that never was", "its id", (arn) => arn.replace(/[^/]+$/, "0".repeat(32)), /does not know task/),
  {
    name: "label: the two spellings disagree",
    fact: "the dotted one names the neighbour",
    refuse: ({ shot, neighbour }) => {
      shot.fields[DOTTED] = neighbour.taskArn;
    },
    because: /disagree/,
    act: ({ shot, offender }) => {
      shot.fields[DOTTED] = offender.taskArn;
    },
  },
  {
    name: "label: the old spelling, forged",
    fact: "it names the neighbour",
    given: ({ shot }) => void delete shot.fields[LABEL],
    refuse: ({ shot, neighbour }) => {
      shot.fields[DOTTED] = neighbour.taskArn;
    },
    because: /forged or stale label/,
    act: ({ shot, offender }) => {
      shot.fields[DOTTED] = offender.taskArn;
    },
  },
];

/** Without a label and without Falco's task nothing else selects; the twin has the label. */
const hint = (name: string, key: string, value: (stage: Stage) => string): Case => ({
  name: `hint: ${name}`,
  fact: "the task-arn label is missing",
  given: (stage) => {
    stage.shot.sensor = {};
    stage.shot.fields[key] = value(stage);
  },
  refuse: ({ shot }) => void delete shot.fields[LABEL],
  because: /carries no task-arn label/,
});

export const hints: readonly Case[] = [
  hint(
    "an image's label inside the joined labels",
    "container.labels",
    ({ offender }) => `x:y,com.amazonaws.ecs.task-arn:${offender.taskArn}`,
  ),
  hint("the image", "container.image.repository", () => "registry.test/web"),
  hint("Docker's name", "container.name", () => "ecs-web-7-app-aabbccddeeff00112233"),
  hint("the family's label", "container.label[com.amazonaws.ecs.task-definition-family]", () => "web"),
  hint("an ARN in the command line", "proc.cmdline", ({ offender }) => `sh -c '${LABEL}=${offender.taskArn}'`),
  hint("an ARN in the environment", "proc.env", ({ offender }) => `ECS_TASK=${offender.taskArn}`),
];

const id = (name: string, fact: string, change: (id: string, stage: Stage) => string | null, because: RegExp): Case => ({
  name: `id: ${name}`,
  fact,
  refuse: (stage) => {
    stage.shot.fields["container.id"] = change(idOf(stage.offender), stage);
  },
  because,
});

const noLabel = ({ shot }: Stage): void => void delete shot.fields[LABEL];

/** Another id for the first container of a task. */
const rename = ({ world }: Stage, task: TaskFacts, runtimeId: string | null): void =>
  world.ecs.change(task.taskArn, { containers: task.containers.map((container) => ({ ...container, runtimeId })) });

export const ids: readonly Case[] = [
  id("none", "null", () => null, /no container id/),
  id("not there: <NA>", "<NA>", () => "<NA>", /no container id/),
  id("one digit too few", "11 digits", (text) => text.slice(0, 11), /no container id/),
  id("upper case and foreign letters", "its letters", (text) => `Z${text.slice(1)}`, /no container id/),
  id("a process on the host", "host", () => "host", /on the host/),
  id("the neighbour's container under our label", "the neighbour's", (_, { neighbour }) => idOf(neighbour), /forged or stale label/),
  id("a container run by hand", "an id of no task", () => "0123456789ab", /forged or stale label/),
  {
    name: "id: a container run by hand beside the tasks",
    fact: "an id of no task, and no label",
    given: noLabel,
    refuse: ({ shot }) => {
      shot.fields["container.id"] = "0123456789ab";
    },
    because: /no task on Falco's container instance has a container/,
  },
  {
    name: "id: the task's pause container",
    fact: "an id that DescribeTasks does not show",
    given: ({ shot }) => {
      shot.fields["container.name"] = "ecs-web-7-internalecspause-aabbccddeeff00112233";
    },
    refuse: ({ shot }) => {
      shot.fields["container.id"] = "feedfeedfeed";
    },
    because: /forged or stale label/,
  },
  {
    name: "id: the ECS agent's own container",
    fact: "an id of no task, and no label",
    given: (stage) => {
      noLabel(stage);
      stage.shot.fields["container.name"] = "ecs-agent";
    },
    refuse: ({ shot }) => {
      shot.fields["container.id"] = "a9e0a9e0a9e0";
    },
    because: /no task on Falco's container instance has a container/,
  },
  {
    name: "id: short and full disagree",
    fact: "the full id is the neighbour's",
    refuse: ({ shot, neighbour }) => {
      shot.fields["container.full_id"] = idOf(neighbour, 64);
    },
    because: /no container id/,
    act: ({ shot, offender }) => {
      shot.fields["container.full_id"] = idOf(offender, 64);
    },
  },
  {
    name: "id: two containers begin with it",
    fact: "the first 12 digits only",
    given: (stage) => {
      noLabel(stage);
      stage.world.ecs.change(stage.neighbour.taskArn, { containerInstanceArn: stage.here });
      rename(stage, stage.neighbour, `${idOf(stage.offender)}${"0".repeat(52)}`);
    },
    refuse: () => undefined,
    because: /more than one container in ECS begins with/,
    act: ({ shot, offender }) => {
      shot.fields["container.full_id"] = idOf(offender, 64);
    },
  },
  {
    name: "id: the 13th digit is another",
    fact: "a digit after the first 12",
    given: ({ shot, offender }) => {
      shot.fields["container.id"] = idOf(offender, 13);
    },
    refuse: ({ shot, offender }) => {
      const last = idOf(offender, 13).at(-1) === "0" ? "1" : "0";
      shot.fields["container.id"] = `${idOf(offender)}${last}`;
    },
    because: /forged or stale label/,
  },
  {
    name: "id: the container was restarted within the task",
    fact: "ECS shows another runtimeId now",
    refuse: (stage) => {
      stage.meanwhile = () => rename(stage, stage.offender, "b".repeat(64));
    },
    because: /forged or stale label/,
  },
  {
    name: "id: not reported by the agent in time",
    fact: "runtimeId is null at every look",
    given: ({ shot }) => {
      shot.receives = 5;
    },
    refuse: (stage) => rename(stage, stage.offender, null),
    because: /forged or stale label/,
  },
  {
    name: "id: Fargate's, of another task",
    fact: "its last digit",
    given: (stage) => {
      const runtimeId = `${"c".repeat(32)}-1234567890`;
      rename(stage, stage.offender, runtimeId);
      stage.shot.fields["container.id"] = runtimeId;
    },
    refuse: ({ shot }) => {
      shot.fields["container.id"] = `${"c".repeat(32)}-1234567891`;
    },
    because: /forged or stale label/,
  },
  {
    name: "id: Fargate's, a part of it",
    fact: "the last digit is missing",
    given: (stage) => {
      const runtimeId = `${"c".repeat(32)}-1234567890`;
      rename(stage, stage.offender, runtimeId);
      stage.shot.fields["container.id"] = runtimeId;
    },
    refuse: ({ shot }) => {
      shot.fields["container.id"] = `${"c".repeat(32)}-123456789`;
    },
    because: /forged or stale label/,
  },
];

const sensor = (name: string, fact: string, change: (stage: Stage) => Record<string, string>, because: RegExp): Case => ({
  name: `sensor: ${name}`,
  fact,
  given: noLabel,
  refuse: (stage) => {
    stage.shot.sensor = change(stage);
  },
  because,
});

/** Falco's own task as the shipper names it: the way to the machine, never the target. */
export const sensors: readonly Case[] = [
  {
    name: "sensor: Falco's own task",
    fact: "the accused is the shipper's own task",
    given: ({ shot, falco }) => {
      shot.fields["container.id"] = idOf(falco);
      shot.fields[LABEL] = falco.taskArn;
    },
    refuse: () => undefined,
    because: /Falco's own task/,
    act: ({ shot, falcoThere }) => {
      shot.sensor["ecs_task_arn"] = falcoThere.taskArn;
    },
    done: ({ falco }) => [said.stop(falco.taskArn)],
  },
  sensor("not named", "the shipper names nothing", () => ({}), /names neither Falco's own task nor its instance/),
  sensor(
    "on another machine",
    "its task",
    ({ falcoThere }) => ({ ecs_task_arn: falcoThere.taskArn }),
    /no task on Falco's container instance/,
  ),
  sensor(
    "of another account",
    "its account",
    ({ falco }) => ({ ecs_task_arn: falco.taskArn.replace("111122223333", "999988887777") }),
    /Falco's own task is elsewhere: account/,
  ),
  sensor(
    "of another cluster, by its ARN",
    "its cluster",
    ({ falco }) => ({ ecs_task_arn: falco.taskArn.replace("task/shop/", "task/bank/") }),
    /Falco's own task is elsewhere: ECS cluster/,
  ),
  sensor(
    "of another cluster, by its field",
    "ecs_cluster",
    ({ falco }) => ({ ecs_task_arn: falco.taskArn, ecs_cluster: "bank" }),
    /the shipper's task is of another ECS cluster/,
  ),
  sensor("no ARN", "its task", () => ({ ecs_task_arn: "falco" }), /no task ARN/),
  sensor(
    "unknown to ECS",
    "its id",
    ({ falco }) => ({ ecs_task_arn: falco.taskArn.replace(/[^/]+$/, "0".repeat(32)) }),
    /knows no container instance of Falco's own task/,
  ),
  {
    name: "sensor: a machine that is not in the cluster",
    fact: "its instance id",
    given: noLabel,
    refuse: ({ shot }) => {
      shot.sensor = { ec2_instance_id: "i-00000000000000000" };
    },
    because: /has no container instance on/,
    act: ({ shot }) => {
      shot.sensor = { ec2_instance_id: EC2 };
    },
  },
  {
    name: "sensor: a filter expression for an instance id",
    fact: "its instance id",
    given: noLabel,
    refuse: ({ shot }) => {
      shot.sensor = { ec2_instance_id: `${EC2} or agentConnected == true` };
    },
    because: /no EC2 instance id/,
    act: ({ shot }) => {
      shot.sensor = { ec2_instance_id: EC2 };
    },
  },
];
