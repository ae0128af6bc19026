import { gzipSync } from "node:zlib";
import type { Policy } from "#shared/domain/policy.ts";
import type { Registry } from "#shared/domain/registry.ts";
import { ingest } from "#shared/pipeline/ingest.ts";
import { deliverNotes } from "#shared/pipeline/notify.ts";
import { type BatchPorts, respondToBatch } from "#shared/pipeline/respond/batch.ts";
import { Sightings } from "#shared/playbooks/ecs/sightings.ts";
import type { OutgoingEntry } from "#shared/ports/alert-queue.ts";
import type { Key, Write } from "#shared/ports/table.ts";
import { encodeEntry } from "#shared/wire/queue-entry.ts";
import { FakeArchive } from "../../fakes/archive.ts";
import { FakeChannel } from "../../fakes/channel.ts";
import { fakeAccess } from "../../fakes/cluster-access.ts";
import { World } from "../../fakes/world.ts";
import { logsDocument } from "../../fixtures/logs.ts";
import { withChannels } from "../hostile/play-out.ts";
import { Fifo } from "./fifo.ts";
import { delayed, VirtualTime } from "./virtual-time.ts";

/**
 * What calls take, ms. Assumed, and rather slow: DynamoDB and SQS answer in single-digit to tens of ms, ECS in about a hundred, Slack and SNS in
 * some hundreds. CloudWatch Logs delivers within seconds, a stream's records come within one. Lambda: a start, then an environment is kept.
 */
export const TAKES = {
  logs: 1_000,
  ingestAlert: 0.05,
  queueSend: 30,
  poll: 50,
  coldStart: 700,
  table: 10,
  evidence: 60,
  ecs: 120,
  stream: 500,
  channel: 300,
} as const;

/** As in serverless.yml: `respondConcurrency`. */
export const CONCURRENCY = 10;

/** A change that must be noticed. */
export type Plant = "no coalescing" | "no coalescing, one group for all" | null;

/** ingest, the ECS lane with its responders, and notify, all real, on adapters in memory and a clock that nobody waits for. */
export class Service {
  readonly world: World;
  readonly time: VirtualTime;
  readonly queue: Fifo;
  readonly channel = new FakeChannel();
  /** When each StopTask was asked for. */
  readonly stops: { readonly taskArn: string; readonly atMs: number }[] = [];
  readonly #registry: Registry;
  readonly #policy: Policy;
  readonly #plant: Plant;
  readonly #environments: { readonly ports: BatchPorts; isCold: boolean }[];
  readonly #free: number[];
  #sent = 0;
  #isPolling = false;

  constructor(policy: Policy, plant: Plant = null) {
    this.world = new World(policy);
    this.time = new VirtualTime(this.world.clock.now(), (ms) => this.world.later(ms));
    this.queue = new Fifo(this.time);
    this.#policy = policy;
    this.#plant = plant;
    this.#registry = withChannels(this.world.registry);
    this.#environments = Array.from({ length: CONCURRENCY }, () => ({ ports: this.#responder(), isCold: true }));
    this.#free = [...this.#environments.keys()];
    this.queue.onArrival = () => this.#poll();
  }

  /** A batch of lines of one stream, which CloudWatch Logs delivers a while after they were written. */
  ship(lines: readonly string[], prefix: string): void {
    this.time.after(TAKES.logs + lines.length * TAKES.ingestAlert, async () => {
      const where = { logGroup: "/falco/shop", logStream: `falco/${prefix}`, fromMs: this.time.now(), prefix };
      const batches = this.#plant !== null ? lines.map((line) => [line]) : [lines];
      for (const [at, batch] of batches.entries()) {
        const data = gzipSync(JSON.stringify(logsDocument(batch, { ...where, prefix: `${prefix}${at}` })), { level: 1 }).toString("base64");
        await ingest({ awslogs: { data } }, { ...this.#common(), queue: { send: this.#send }, unreadable: new FakeArchive() }, never);
      }
    });
  }

  readonly #send = async (entries: readonly OutgoingEntry[]): Promise<void> => {
    if (this.#plant === null) await this.time.sleep(TAKES.queueSend);
    for (const { entry, group, dedup } of entries)
      this.queue.send(
        encodeEntry(entry),
        this.#plant === "no coalescing, one group for all" ? "all" : group,
        this.#plant === null ? dedup : `${++this.#sent}`,
      );
  };

  #common() {
    const { world, time } = this;
    return { ...world.respondPorts(), clock: time, registry: this.#registry, policy: this.#policy };
  }

  /** One environment of the function: what it remembers is its own. */
  #responder(): BatchPorts {
    const { world, time, queue } = this;
    const noted = new Proxy(world.ecs, {
      get: (target, method) => {
        const value: unknown = Reflect.get(target, method, target);
        if (typeof value !== "function") return value;
        return (...given: readonly unknown[]): unknown => {
          if (method === "stop") this.stops.push({ taskArn: String(given[0]), atMs: time.now() });
          return Reflect.apply(value, target, given);
        };
      },
    });
    const given = Object.fromEntries(
      Object.entries({ ...world.aws.given(), tasks: noted }).map(([kind, port]) => [kind, delayed(port, () => TAKES.ecs, time)]),
    );
    const common = this.#common();
    const watched = Object.create(world.table) as typeof world.table;
    watched.transact = async (...asked: Parameters<typeof watched.transact>) => {
      const result = await world.table.transact(...asked);
      if (result.ok) this.#wake(asked[0]);
      return result;
    };
    return {
      ...common,
      lanes: ["ecs"],
      table: delayed(boundTo(world.table, watched.transact), () => TAKES.table, time),
      access: fakeAccess(given),
      evidence: delayed(common.evidence, () => TAKES.evidence, time),
      redelivery: { after: async (_arn, handle, seconds) => queue.visibleAfter(handle, seconds) },
      sightings: new Sightings(),
    };
  }

  /** The ledger's stream: new notes wake notify. */
  #wake(writes: readonly Write[]): void {
    const keys = writes.flatMap((write): Key[] =>
      write.op === "put" && write.item.type === "note" && write.item.version === 1 ? [write.item] : [],
    );
    if (keys.length === 0) return;
    const { table } = this.world;
    this.time.after(TAKES.stream, async () => {
      const channel = delayed(this.channel, () => TAKES.channel, this.time);
      await deliverNotes(keys, { ...this.#common(), table: delayed(table, () => TAKES.table, this.time), channel }, never);
    });
  }

  /** Lambda's pollers: as long as there is something free and an environment for it. */
  #poll(): void {
    if (this.#isPolling) return;
    this.#isPolling = true;
    this.time.after(TAKES.poll, () => {
      this.#isPolling = false;
      while (this.#free.length > 0) {
        const batch = this.queue.receive();
        if (batch.length === 0) break;
        const at = this.#free.shift() ?? 0;
        this.time.after(0, () => this.#invoke(at, batch));
      }
      const nextMs = this.queue.nextVisibleMs();
      if (nextMs !== null && this.queue.length > 0) this.#pollAt(nextMs);
    });
  }

  #waitsUntilMs = 0;
  #pollAt(ms: number): void {
    if (this.#waitsUntilMs > this.time.now() && this.#waitsUntilMs <= ms) return;
    this.#waitsUntilMs = ms;
    this.time.after(ms - this.time.now() + 1, () => this.#poll());
  }

  async #invoke(at: number, batch: ReturnType<Fifo["receive"]>): Promise<void> {
    const environment = this.#environments[at];
    if (environment === undefined) throw new Error("no such environment");
    if (environment.isCold) await this.time.sleep(TAKES.coldStart);
    environment.isCold = false;
    const { batchItemFailures } = await respondToBatch(batch, environment.ports, never);
    this.queue.settle(batch, new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)));
    this.#free.push(at);
    if (this.queue.length > 0) this.#poll();
  }
}

const never = new AbortController().signal;

/** The table with another `transact`; its private state stays reachable. */
const boundTo = <T extends { readonly transact: unknown }>(table: T, transact: T["transact"]): T =>
  new Proxy(table, {
    get(target, method) {
      if (method === "transact") return transact;
      const value: unknown = Reflect.get(target, method, target);
      return typeof value === "function" ? (...given: readonly unknown[]): unknown => Reflect.apply(value, target, given) : value;
    },
  });
