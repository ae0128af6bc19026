import type { Registry } from "#shared/domain/registry.ts";
import type { TaskFacts } from "#shared/ports/tasks.ts";
import { policyOf, registry, World } from "../../fakes/world.ts";
import { at, type Acts as CommonActs, type Stage as CommonStage, type Shot } from "../stage.ts";
import { noting } from "./effects.ts";

export { actionOf, asking, at, protecting, type Shot, withRule } from "../stage.ts";

export const LABEL = "container.label[com.amazonaws.ecs.task-arn]";
export const DOTTED = "container.label.com.amazonaws.ecs.task-arn";
export const EC2 = "i-0123456789abcdef0";
/** Where `ecs:isolate-instance` puts a machine: 443 out, so that the agent hears of what comes. */
export const QUARANTINE = "sg-0123456789abcdef0";
export const FUNCTION = "arn:aws:lambda:eu-west-1:111122223333:function:forensics";

const LOG_GROUP = "/falco/shop";

/**
 * Two machines with Falco's daemon on each; service web of two tasks, one on each, with a role of its own; service api of one task on the first
 * machine; and one alert about the first task of web.
 */
export interface Stage extends CommonStage<TaskFacts, Stage> {
  readonly here: string;
  readonly there: string;
  readonly falco: TaskFacts;
  readonly falcoThere: TaskFacts;
  readonly neighbour: TaskFacts;
  readonly api: TaskFacts;
  /** The first machine's own interface. */
  readonly interfaceId: string;
  /** Tasks that the script of a case has accused so far, beside the offender. */
  readonly accused: TaskFacts[];
}

export type Acts = CommonActs<TaskFacts, Stage>;

export const idOf = ({ containers }: TaskFacts, length = 12): string => (containers[0]?.runtimeId ?? "").slice(0, length);

export function newStage(): Stage {
  const world = new World();
  const { ecs, definitions, network, roles, functions } = world.aws;
  const [here, there] = [ecs.instance(EC2), ecs.instance("i-0fedcba9876543210")];
  const falco = ecs.run({ family: "falco", containerInstanceArn: here });
  const falcoThere = ecs.run({ family: "falco", containerInstanceArn: there });
  const [offender] = ecs.service("web", { family: "web", instance: here, tags: { team: "shop" }, desired: 1 });
  const [api] = ecs.service("api", { family: "api", instance: here, tags: { team: "pay" }, desired: 1 });
  if (offender === undefined || api === undefined) throw new Error("a service has no task");
  const neighbour = ecs.run({ family: "web", containerInstanceArn: there, group: "service:web" });
  definitions.define("web", { taskRoleArn: roles.role("web-task") });
  network.group(QUARANTINE, { allowsHttpsOut: true });
  const { id: interfaceId } = network.attach(EC2, ["sg-00000000000000001"]);
  functions.function(FUNCTION);
  const shot: Shot = {
    rule: "Terminal shell in container",
    source: "syscall",
    hostname: "ip-10-0-0-1",
    time: at(world, -10_000),
    fields: { "container.id": idOf(offender), "container.name": "web", "proc.cmdline": "bash", [LABEL]: offender.taskArn },
    sensor: { ecs_task_arn: falco.taskArn, ecs_cluster: "shop" },
    logGroup: LOG_GROUP,
    owner: registry.account,
    line: null,
    receives: 1,
  };
  const tasks = { falco, falcoThere, offender, neighbour, api };
  const doings = { meanwhile: () => undefined, handingOver: () => undefined, afterwards: [], accused: [] };
  const effects: string[] = [];
  const reach = { access: noting(world.aws.given(), effects), effects, ship: firelens, aim: (task: TaskFacts) => aimAt(shot, task) };
  return { world, here, there, ...tasks, interfaceId, shot, policy: policyOf(), registry: listing("web-*"), ...reach, ...doings };
}

/** Flat, with what FireLens adds beside the alert. */
const firelens: Stage["ship"] = (alert, sensor) => JSON.stringify({ ...alert, ...sensor });

function aimAt({ fields }: Shot, task: TaskFacts): void {
  fields["container.id"] = idOf(task);
  fields[LABEL] = task.taskArn;
}

/** The registry whose ECS cluster lists these task roles. */
export const listing = (...taskRoles: readonly string[]): Registry => ({
  ...registry,
  clusters: registry.clusters.map((cluster) => (cluster.kind === "ecs" ? { ...cluster, taskRoles } : cluster)),
});
