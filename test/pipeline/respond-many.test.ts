import { expect, test } from "vitest";
import type { Policy } from "#shared/domain/policy.ts";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import type { AlertBody, IncidentBody, ReceiptBody } from "#shared/ledger/incident.ts";
import { type IngestPorts, ingest } from "#shared/pipeline/ingest.ts";
import { respond } from "#shared/pipeline/respond.ts";
import { sweep } from "#shared/pipeline/sweep.ts";
import { trueCount } from "#shared/pipeline/true-count.ts";
import { FakeAlertQueue } from "../fakes/alert-queue.ts";
import { FakeArchive } from "../fakes/archive.ts";
import { Crash } from "../fakes/table.ts";
import { policyOf, registry, shellRule, taskEntry, World } from "../fakes/world.ts";
import { logsEvent } from "../fixtures/logs.ts";

const signal = new AbortController().signal;
const TARGETS = 500;
const BATCHES = 20;
const SEED = 20_261_123;

/** mulberry32: the same run for the same seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Subject {
  readonly lane: "ecs" | "kubernetes";
  readonly hostname: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const budgets = { windowSeconds: 600, cluster: 10_000, fleet: 10_000, owner: 10_000 };

function subjects(world: World): readonly Subject[] {
  return Array.from({ length: TARGETS }, (_, n): Subject => {
    if (n % 2 === 0) {
      const task = world.ecs.run({ family: "web" });
      const id = task.containers[0]?.runtimeId?.slice(0, 12) ?? "";
      const fields = { "container.id": id, "container.label[com.amazonaws.ecs.task-arn]": task.taskArn };
      return { lane: "ecs", hostname: "ip-10-0-0-1", fields };
    }
    const pod = world.kubernetes.run({ node: `node-${n % 7}` });
    const id = pod.containers[0]?.id?.slice(0, 12) ?? "";
    return {
      lane: "kubernetes",
      hostname: pod.node ?? "",
      fields: { "container.id": id, "k8s.ns.name": pod.namespace, "k8s.pod.name": pod.name },
    };
  });
}

const line = ({ hostname, fields }: Subject, timeMs: number, pid: number): string =>
  JSON.stringify({
    hostname,
    output: "A shell was spawned",
    output_fields: { ...fields, "proc.pid": pid },
    priority: "Critical",
    rule: "Terminal shell in container",
    source: "syscall",
    tags: ["shell"],
    time: new Date(timeMs).toISOString().replace("Z", "000000Z"),
  });

/** One run: its world and everything that happened on the way. */
class Storm {
  readonly policy: Policy = policyOf([shellRule], { budgets });
  readonly world = new World(this.policy);
  readonly all = subjects(this.world);
  readonly queue = new FakeAlertQueue(() => this.world.clock.now());
  readonly next = random(SEED);
  events = 0;
  crashes = 0;
  deliveries = 0;
  #taken = 0;

  /** What CloudWatch Logs delivers, some of it twice. */
  async ingest(batch: number, lane: Subject["lane"]): Promise<void> {
    const { world, policy, queue } = this;
    const ports: IngestPorts = { ...world.respondPorts(), registry, policy, queue, unreadable: new FakeArchive() };
    const mine = this.all.filter((one) => one.lane === lane);
    const lines = mine.map((one, n) => line(one, world.clock.now() - 5_000, batch * 1_000 + n));
    const logGroup = lane === "ecs" ? "/falco/shop" : "/falco/kube";
    const event = logsEvent(lines, { logGroup, logStream: "s", fromMs: world.clock.now(), prefix: `${batch}${lane.length}` });
    const times = this.next() < 0.2 ? 2 : 1;
    for (let time = 0; time < times; time++) {
      const report = await ingest(event, ports, signal);
      expect(report).toMatchObject({ events: lines.length, ignored: 0, unreadable: 0 });
      expect(report.queued + report.coalesced).toBe(lines.length);
    }
    this.events += lines.length;
  }

  /** SQS delivers some twice, and again what failed, until nothing is left. */
  async respond(): Promise<void> {
    const { queue, next, world } = this;
    let waiting = queue.sent.slice(this.#taken).flatMap(({ entry }) => (next() < 0.1 ? [entry, entry] : [entry]));
    this.#taken = queue.sent.length;
    for (let receiveCount = 1; waiting.length > 0; receiveCount++) {
      const failed: QueueEntry[] = [];
      for (const entry of waiting) if (!(await this.#deliver(entry, receiveCount))) failed.push(entry);
      waiting = failed;
      if (failed.length > 0) world.later(31_000);
    }
  }

  /** The function dies at a write of some deliveries. */
  async #deliver(entry: QueueEntry, receiveCount: number): Promise<boolean> {
    const { table } = this.world;
    this.deliveries++;
    const nth = table.writes + 1 + Math.floor(this.next() * 4);
    const trouble = this.next() < 0.5 ? { crashBefore: nth } : { crashAfter: nth };
    table.trouble = receiveCount < 4 && this.next() < 0.1 ? trouble : {};
    try {
      await respond({ body: JSON.stringify(entry), receiveCount }, this.world.respondPorts(), signal);
      return true;
    } catch (thrown) {
      if (thrown instanceof Crash) this.crashes++;
      else expect(thrown).toMatchObject({ retryable: true });
      return false;
    } finally {
      table.trouble = {};
    }
  }
}

test("10,000 alerts with duplicates and a function that keeps dying: all accounted for, each target acted on once", async () => {
  const storm = new Storm();
  const { world, queue } = storm;
  for (let batch = 0; batch < BATCHES; batch++) {
    await storm.ingest(batch, "ecs");
    await storm.ingest(batch, "kubernetes");
    await storm.respond();
    world.later(61_000);
  }
  for (let minute = 0; minute < 3; minute++) {
    world.later(60_000);
    await sweep(world.sweepPorts(), signal);
  }

  const seed = `seed ${SEED}`;
  expect(storm.events, seed).toBe(TARGETS * BATCHES);
  expect(storm.crashes, seed).toBeGreaterThan(100);
  expect(storm.deliveries, seed).toBeGreaterThan(queue.sent.length);
  const effects = [...world.ecs.stopped.values(), ...world.kubernetes.deleted.values()];
  expect(effects, seed).toEqual(Array.from({ length: TARGETS }, () => 1));
  const receipts = world.bodies<ReceiptBody>("receipt").map(({ receipt }) => receipt);
  expect(receipts, seed).toHaveLength(TARGETS);
  expect(new Set(receipts.map(({ outcome }) => outcome)), seed).toEqual(new Set(["done"]));
  const recorded = new Set(world.bodies<AlertBody>("alert").map(({ alert }) => alert.id));
  expect(
    queue.sent.every(({ entry }) => recorded.has(entry.alert.id)),
    seed,
  ).toBe(true);
  const incidents = world.bodies<IncidentBody>("incident");
  expect(incidents, seed).toHaveLength(TARGETS);
  let counted = 0;
  for (const incident of incidents) counted += await trueCount(incident, world.table, signal);
  expect(counted, seed).toBe(TARGETS * BATCHES);
  const notes = world.table.ofType("note").filter(({ phase }) => phase !== "digest");
  expect(notes, seed).toHaveLength(TARGETS * 2);
  expect(world.dead, seed).toEqual([]);
}, 120_000);

test("alerts of many containers of one owner at the same time share one incident, and none is lost to contention", async () => {
  const world = new World(policyOf([shellRule], { budgets }));
  const instance = world.ecs.instance("i-1");
  const tasks = world.ecs.service("web", { family: "web", instance, tags: {}, desired: 8 });
  const entries = tasks.map((task) => taskEntry(world, { taskArn: task.taskArn, containerId: task.containers[0]?.runtimeId ?? "" }));
  const results = await Promise.all(
    entries.map((entry) => respond({ body: JSON.stringify(entry), receiveCount: 1 }, world.respondPorts(), signal)),
  );
  expect(results.map((result) => (result.kind === "recorded" ? result.acted : result))).toEqual(entries.map(() => ["done"]));
  expect(world.bodies<IncidentBody>("incident")).toMatchObject([{ count: 8, who: "Service/web" }]);
  expect([...world.ecs.stopped.values()]).toEqual(entries.map(() => 1));
});
