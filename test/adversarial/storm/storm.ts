import type { TaskFacts } from "#shared/ports/tasks.ts";
import { policyOf, shellRule } from "../../fakes/world.ts";
import { actionOf } from "../stage.ts";
import { type Plant, Service } from "./service.ts";

/** What a storm came to. */
export interface Storm {
  readonly alerts: number;
  readonly queueMessages: number;
  /** From the line in the log to StopTask, the slowest of the victims' twins, ms of virtual time. */
  readonly delayMs: number;
  /** Stops asked for, by service. */
  readonly actions: Readonly<Record<string, number>>;
  readonly messages: Readonly<Record<string, number>>;
  /** Messages that nobody took in the end, and alerts of dead letters. */
  readonly left: number;
}

export const OWNER_BUDGET = 3;
const RULES = 40;
const WINDOW_MS = 60_000;
const PER_BATCH = 1_000;
/** Services whose tasks offend once each while the storm goes on. */
const OTHERS = ["api", "pay", "search"] as const;
const ATTACKER = "web";

const policy = policyOf(
  [{ ...shellRule, match: {}, notify: ["oncall", "chat"], actions: [actionOf("ecs:stop-task")] }],
  // As shipped.
  {
    budgets: { windowSeconds: 600, owner: OWNER_BUDGET, cluster: 12, fleet: 40 },
    recurrence: { times: 3, windowSeconds: 3_600, ladder: [null] },
    index: { exact: {}, patterns: [], any: [0] },
  },
);

/**
 * Within a minute a container writes so many alerts, of 40 rules, each another command; when it is stopped, its replacement goes on. Meanwhile
 * a task of each of three other services offends once. 0: only those.
 */
export async function storm(alerts: number, plant: Plant = null): Promise<Storm> {
  const service = new Service(policy, plant);
  const { world, time, stops } = service;
  const instance = world.ecs.instance("i-0123456789abcdef0");
  world.ecs.service(ATTACKER, { family: ATTACKER, instance, tags: {}, desired: 1 });
  const victims = OTHERS.map((name) => world.ecs.service(name, { family: name, instance, tags: {}, desired: 1 })[0] as TaskFacts);
  const startMs = time.now();
  const batches = Math.ceil(alerts / PER_BATCH);
  for (let batch = 0; batch < batches; batch++) {
    time.after((WINDOW_MS * batch) / batches, () => {
      // Its scheduler works by itself.
      world.ecs.tick();
      const task = world.ecs.running().find(({ group }) => group === `service:${ATTACKER}`);
      if (task === undefined) throw new Error("the service has started no task");
      const count = Math.min(PER_BATCH, alerts - batch * PER_BATCH);
      service.ship(
        Array.from({ length: count }, (_none, n) => lineOf(task, time.now(), batch * PER_BATCH + n)),
        `a${batch}`,
      );
    });
  }
  const shippedMs = new Map<string, number>();
  for (const [n, victim] of victims.entries())
    time.after((WINDOW_MS * (n + 1)) / (OTHERS.length + 1), () => {
      shippedMs.set(victim.taskArn, time.now());
      service.ship([lineOf(victim, time.now(), n)], `v${n}`);
    });
  await time.run();
  const delays = victims.map(({ taskArn }) => {
    const stop = stops.find((one) => one.taskArn === taskArn);
    return stop === undefined ? Number.POSITIVE_INFINITY : Math.round(stop.atMs - (shippedMs.get(taskArn) ?? startMs));
  });
  const ownerOf = (taskArn: string): string => world.ecs.task(taskArn)?.group?.replace("service:", "") ?? "nobody";
  return {
    alerts: alerts + victims.length,
    queueMessages: service.queue.accepted,
    delayMs: Math.max(...delays),
    actions: Object.fromEntries(
      Object.entries(Object.groupBy(stops, ({ taskArn }) => ownerOf(taskArn))).map(([owner, all = []]) => [owner, all.length]),
    ),
    messages: Object.fromEntries(
      Object.entries(Object.groupBy(service.channel.received, ({ kind }) => kind)).map(([kind, all = []]) => [kind, all.length]),
    ),
    left: service.queue.length + service.queue.dead,
  };
}

function lineOf({ taskArn, containers }: TaskFacts, nowMs: number, n: number): string {
  const time = new Date(nowMs).toISOString().replace("Z", "000000Z");
  const id = (containers[0]?.runtimeId ?? "").slice(0, 12);
  return `{"hostname":"ip-10-0-0-1","output":"A shell was spawned","output_fields":{"container.id":"${id}","container.label[com.amazonaws.ecs.task-arn]":"${taskArn}","proc.cmdline":"sh -c ${n}","proc.pid":${n}},"priority":"Critical","rule":"Rule ${n % RULES}","source":"syscall","tags":["shell"],"time":"${time}"}`;
}

/** Null: the storm kept its place, beside its twin without one; else what went wrong. */
export function judgeStorm(stormy: Storm, calm: Storm): string | null {
  const wrong: string[] = [];
  const later = stormy.delayMs - calm.delayMs;
  if (!(calm.delayMs < 10_000)) wrong.push(`without a storm it took ${calm.delayMs} ms`);
  if (!(later < 5_000)) wrong.push(`another's action came ${later} ms later`);
  for (const name of OTHERS) if (stormy.actions[name] !== 1) wrong.push(`${name} was stopped ${stormy.actions[name] ?? 0} times`);
  const spent = stormy.actions[ATTACKER] ?? 0;
  if (spent < 1 || spent > OWNER_BUDGET) wrong.push(`its owner spent ${spent} of ${OWNER_BUDGET}`);
  for (const [channel, count] of Object.entries(stormy.messages)) if (count > MOST_MESSAGES) wrong.push(`${count} messages by ${channel}`);
  if (Object.keys(stormy.messages).length !== 2) wrong.push("not both channels were told");
  // Each container that offends, each rule, each minute it goes on.
  if (stormy.queueMessages > MOST_QUEUED) wrong.push(`${stormy.queueMessages} messages in the queue`);
  if (stormy.left > 0) wrong.push(`${stormy.left} messages were left`);
  return wrong.length === 0 ? null : wrong.join("; ");
}
const MOST_MESSAGES = 40;
const MOST_QUEUED = 1_000;
