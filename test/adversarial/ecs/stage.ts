import { gzipSync } from "node:zlib";
import type { Fields, FieldValue } from "#shared/domain/alert.ts";
import type { Decision } from "#shared/domain/decision.ts";
import type { Policy, PolicyRule } from "#shared/domain/policy.ts";
import type { Receipt } from "#shared/domain/receipt.ts";
import type { Registry } from "#shared/domain/registry.ts";
import { ingest } from "#shared/pipeline/ingest.ts";
import { respond } from "#shared/pipeline/respond.ts";
import type { TaskFacts } from "#shared/ports/tasks.ts";
import { encodeEntry } from "#shared/wire/queue-entry.ts";
import { FakeAlertQueue } from "../../fakes/alert-queue.ts";
import { FakeArchive } from "../../fakes/archive.ts";
import { policyOf, registry, shellRule, World } from "../../fakes/world.ts";
import { logsDocument } from "../../fixtures/logs.ts";

export const LABEL = "container.label[com.amazonaws.ecs.task-arn]";
export const DOTTED = "container.label.com.amazonaws.ecs.task-arn";
export const EC2 = "i-0123456789abcdef0";

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

/** Two machines with Falco's daemon on each; a service of two tasks, one on each; and one alert about the first of them. */
export interface Stage {
  readonly world: World;
  readonly here: string;
  readonly there: string;
  readonly falco: TaskFacts;
  readonly falcoThere: TaskFacts;
  readonly offender: TaskFacts;
  readonly neighbour: TaskFacts;
  readonly shot: Shot;
  policy: Policy;
  registry: Registry;
  /** What happens between ingest and respond. */
  meanwhile: () => void;
}

export const idOf = ({ containers }: TaskFacts, length = 12): string => (containers[0]?.runtimeId ?? "").slice(0, length);

export function newStage(): Stage {
  const world = new World();
  const { ecs } = world;
  const [here, there] = [ecs.instance(EC2), ecs.instance("i-0fedcba9876543210")];
  const falco = ecs.run({ family: "falco", containerInstanceArn: here });
  const falcoThere = ecs.run({ family: "falco", containerInstanceArn: there });
  const [offender] = ecs.service("web", { family: "web", instance: here, tags: { team: "shop" }, desired: 1 });
  if (offender === undefined) throw new Error("the service has no task");
  const neighbour = ecs.run({ family: "web", containerInstanceArn: there, group: "service:web" });
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
  return { world, here, there, falco, falcoThere, offender, neighbour, shot, policy: policyOf(), registry, meanwhile: () => undefined };
}

/** Falco's time text, so many ms from the world's now. */
export const at = (world: World, ms: number): string => new Date(world.clock.now() + ms).toISOString().replace("Z", "000000Z");

/** The only rule of the stage's policy, changed. */
export const withRule = (change: Partial<PolicyRule>): Policy => policyOf([{ ...shellRule, ...change }]);

export const protecting = (what: Partial<Policy["protect"]>): Policy => {
  const policy = policyOf();
  return { ...policy, protect: { ...policy.protect, ...what } };
};

/** What came of it. `because`: every reason that was recorded or kept anywhere. */
export interface Ending {
  readonly stopped: readonly string[];
  readonly because: readonly string[];
}

/** The line through ingest, and all that ingest queued through respond. */
export async function play(stage: Stage): Promise<Ending> {
  const { world, shot } = stage;
  world.policy = stage.policy;
  const ports = () => ({ ...world.respondPorts(), registry: stage.registry });
  const signal = new AbortController().signal;
  const queue = new FakeAlertQueue(() => world.clock.now());
  const unreadable = new FakeArchive();
  const { logGroup, owner } = shot;
  const where = { logGroup, owner, logStream: "falco/1", fromMs: world.clock.now() };
  const data = gzipSync(JSON.stringify(logsDocument([lineOf(shot)], where))).toString("base64");
  const report = await ingest({ awslogs: { data } }, { ...ports(), queue, unreadable }, signal);
  stage.meanwhile();
  const because = Object.keys(report.reasons);
  for (const { entry } of queue.sent) {
    const result = await respond({ body: encodeEntry(entry), receiveCount: shot.receives }, ports(), signal);
    if (result.kind !== "recorded") because.push(result.because);
  }
  for (const { decisions } of world.bodies<{ readonly decisions: readonly Decision[] }>("alert"))
    because.push(...decisions.map((decision) => `${decision.kind}: ${decision.because}`));
  for (const { receipt } of world.bodies<{ readonly receipt: Receipt }>("receipt")) because.push(`${receipt.outcome}: ${receipt.because}`);
  for (const kept of unreadable.objects.values())
    because.push(...Array.from(kept.matchAll(/"because":"([^"]+)"/g), ([, why = ""]) => `kept: ${why}`));
  return { stopped: [...world.ecs.stopped.keys()], because };
}

function lineOf({ rule, source, time, fields, sensor, line }: Shot): string {
  const alert: Readonly<Record<string, string | Fields | readonly string[]>> = {
    hostname: "ip-10-0-0-1",
    output: "A shell was spawned in a container",
    output_fields: fields,
    priority: "Critical",
    rule,
    source,
    tags: ["shell"],
    ...(time === null ? {} : { time }),
  };
  const json = JSON.stringify({ ...alert, ...sensor });
  return line === null ? json : line(json);
}
