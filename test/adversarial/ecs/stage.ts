import type { FieldValue } from "#shared/domain/alert.ts";
import type { Policy, PolicyAction, PolicyRule } from "#shared/domain/policy.ts";
import type { Registry } from "#shared/domain/registry.ts";
import type { TaskFacts } from "#shared/ports/tasks.ts";
import type { OperateRequest } from "#shared/wire/operate.ts";
import { policyOf, registry, shellRule, World } from "../../fakes/world.ts";

export const LABEL = "container.label[com.amazonaws.ecs.task-arn]";
export const DOTTED = "container.label.com.amazonaws.ecs.task-arn";
export const EC2 = "i-0123456789abcdef0";
/** Where `ecs:isolate-instance` puts a machine: 443 out, so that the agent hears of what comes. */
export const QUARANTINE = "sg-0123456789abcdef0";
export const FUNCTION = "arn:aws:lambda:eu-west-1:111122223333:function:forensics";

/** What Falco and its shipper write, and where it arrives. A case changes it in place. */
export interface Shot {
  rule: string;
  source: string;
  /** Falco's `time`; null: none. */
  time: string | null;
  fields: Record<string, FieldValue>;
  /** Keys that the shipper adds beside the alert. */
  sensor: Record<string, string>;
  logGroup: string;
  owner: string;
  /** The line as it is shipped, when it is not the alert's JSON. */
  line: ((json: string) => string) | null;
  /** SQS's count of this delivery. */
  receives: number;
}

const LOG_GROUP = "/falco/shop";

/**
 * Two machines with Falco's daemon on each; service web of two tasks, one on each, with a role of its own; service api of one task on the first
 * machine; and one alert about the first task of web.
 */
export interface Stage {
  readonly world: World;
  readonly here: string;
  readonly there: string;
  readonly falco: TaskFacts;
  readonly falcoThere: TaskFacts;
  readonly offender: TaskFacts;
  readonly neighbour: TaskFacts;
  readonly api: TaskFacts;
  /** The first machine's own interface. */
  readonly interfaceId: string;
  readonly shot: Shot;
  policy: Policy;
  registry: Registry;
  /** What happens between ingest and respond. */
  meanwhile: () => void;
  /** What happens before another lane gets what was handed over to it. */
  handingOver: () => void;
  /** What happens after the alert, in the order in which it is written down. */
  readonly afterwards: ((scene: Acts) => Promise<void> | void)[];
  /** Tasks that the script of a case has accused so far, beside the offender. */
  readonly accused: TaskFacts[];
}

/** What can happen after the first alert. */
export interface Acts {
  readonly stage: Stage;
  /** Another alert of the same kind, now, about this task: as Falco would write it. */
  accuse(task: TaskFacts): Promise<void>;
  /** What lies in the lanes, until nothing does. */
  deliver(): Promise<void>;
  /** A person asks for it; what they ask is carried out by `deliver`. */
  say(verb: OperateRequest["verb"], more?: Partial<OperateRequest>): Promise<void>;
  /** The only one. */
  incident(): string;
}

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
  return { world, here, there, ...tasks, interfaceId, shot, policy: policyOf(), registry: listing("web-*"), ...doings };
}

/** The registry whose ECS cluster lists these task roles. */
export const listing = (...taskRoles: readonly string[]): Registry => ({
  ...registry,
  clusters: registry.clusters.map((cluster) => (cluster.kind === "ecs" ? { ...cluster, taskRoles } : cluster)),
});

/** Falco's time text, so many ms from the world's now. */
export const at = (world: World, ms: number): string => new Date(world.clock.now() + ms).toISOString().replace("Z", "000000Z");

/** The only rule of the stage's policy, changed. */
export const withRule = (change: Partial<PolicyRule>, more: Partial<Policy> = {}): Policy => policyOf([{ ...shellRule, ...change }], more);

export const actionOf = (action: PolicyAction["action"], params: PolicyAction["params"] = {}): PolicyAction => ({
  action,
  params,
  mode: "enforce",
  evidence: "none",
});

/** The stage's policy with this one action. */
export const asking = (action: PolicyAction["action"], params: PolicyAction["params"] = {}, more: Partial<Policy> = {}): Policy =>
  withRule({ actions: [actionOf(action, params)] }, more);

/** The policy, sparing these too. */
export const protecting = (what: Partial<Policy["protect"]>, policy: Policy = policyOf()): Policy => ({
  ...policy,
  protect: { ...policy.protect, ...what },
});
