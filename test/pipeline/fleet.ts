import type { Notice } from "#shared/domain/notice.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import { PRESET_HEARTBEAT } from "#shared/domain/sensor.ts";
import { noticeOf, readNotice } from "#shared/ledger/notices.ts";
import { ingest } from "#shared/pipeline/ingest.ts";
import { sweep } from "#shared/pipeline/sweep.ts";
import { FakeAlertQueue } from "../fakes/alert-queue.ts";
import { FakeArchive } from "../fakes/archive.ts";
import { registry, World } from "../fakes/world.ts";
import { logsEvent } from "../fixtures/logs.ts";
import { ecsCluster, kubeCluster } from "../playbooks/builders.ts";

const signal = new AbortController().signal;

export const MINUTE = 60_000;

export interface Line {
  readonly rule?: string;
  readonly priority?: string;
  /** How the sensor calls its host. */
  readonly hostname?: string | null;
  /** FireLens says so. */
  readonly machine?: string;
  /** Time of the alert; null: none. */
  readonly timeMs?: number | null;
  readonly stream?: string;
}

/** A fleet with sensors: lines come through ingest, sweep runs every minute, and both share one ledger and one clock. */
export class Fleet {
  readonly world: World;
  readonly cluster: Cluster;
  readonly queue: FakeAlertQueue;
  readonly #archive = new FakeArchive();
  readonly #timers: { readonly everyMs: number; nextMs: number; run: () => Promise<void> }[] = [];
  #sent = 0;
  ignored = 0;

  constructor(kind: "ecs" | "kubernetes", heartbeat: Cluster["heartbeat"] = PRESET_HEARTBEAT) {
    this.world = new World();
    this.cluster = { ...(kind === "ecs" ? ecsCluster : kubeCluster), ...(heartbeat === undefined ? {} : { heartbeat }) };
    this.world.registry = { ...registry, clusters: [this.cluster] };
    this.queue = new FakeAlertQueue(() => this.world.clock.now());
  }

  now = (): number => this.world.clock.now();

  /** One line arrives, now. What is given as the same event is delivered again. */
  async line(
    { rule = PRESET_HEARTBEAT.rule, priority = "Informational", hostname = null, machine, timeMs = this.now(), stream = "a" }: Line,
    event?: number,
  ): Promise<void> {
    const alert = {
      rule,
      priority,
      output: "x",
      ...(timeMs === null ? {} : { time: new Date(timeMs).toISOString() }),
      ...(hostname === null ? {} : { hostname }),
      output_fields: {},
    };
    const record = machine === undefined ? alert : { log: JSON.stringify(alert), ec2_instance_id: machine };
    const where = {
      logGroup: this.cluster.sources[0]?.logGroup ?? "",
      logStream: stream,
      fromMs: timeMs ?? this.now(),
      prefix: String(event ?? ++this.#sent).padStart(4, "0"),
    };
    const { table, clock, telemetry, policy, registry: its } = this.world;
    const ports = { table, clock, telemetry, policy, registry: its, queue: this.queue, unreadable: this.#archive };
    this.ignored += (await ingest(logsEvent([JSON.stringify(record)], where), ports, signal)).ignored;
  }

  /** A sensor that beats from now on; what it returns kills it. */
  beats(given: Line, { everyMs = MINUTE, phaseMs = 0, lagMs = 3_000 } = {}): () => void {
    const timer = {
      everyMs,
      nextMs: this.now() + phaseMs,
      // What it says at a time arrives a little later.
      run: () => this.line({ timeMs: this.now() - lagMs, ...given }),
    };
    this.#timers.push(timer);
    return () => this.#timers.splice(this.#timers.indexOf(timer), 1);
  }

  /** Sweep every minute, as the schedule does; its own waiting passes time too, in which sensors go on beating. */
  async pass(ms: number): Promise<void> {
    const endMs = this.now() + ms;
    if (this.#nextSweepMs === 0) this.#nextSweepMs = this.now();
    this.world.pass = () => this.#beatUntil(this.now());
    while (Math.min(this.#nextSweepMs, ...this.#timers.map(({ nextMs }) => nextMs)) <= endMs) {
      const atMs = Math.min(this.#nextSweepMs, ...this.#timers.map(({ nextMs }) => nextMs));
      if (atMs > this.now()) this.world.later(atMs - this.now());
      await this.#beatUntil(this.now());
      if (this.#nextSweepMs <= this.now()) {
        this.#nextSweepMs += MINUTE;
        await this.sweep();
      }
    }
    if (endMs > this.now()) this.world.later(endMs - this.now());
  }
  #nextSweepMs = 0;

  async sweep() {
    return await sweep(this.world.sweepPorts(), signal);
  }

  async #beatUntil(ms: number): Promise<void> {
    for (const timer of this.#timers)
      while (timer.nextMs <= ms) {
        timer.nextMs += timer.everyMs;
        await timer.run();
      }
  }

  /** What was told, and when, in order. */
  notices(kind?: string): readonly (Notice & { readonly atMs: number })[] {
    return this.world.table
      .ofType("note")
      .flatMap((item) => {
        const notice = readNotice(item);
        return notice === null ? [] : [{ ...noticeOf(notice), atMs: this.#born(item.pk, item.sk) }];
      })
      .filter((notice) => kind === undefined || notice.kind === kind)
      .sort((a, b) => a.atMs - b.atMs);
  }

  /** A note is written again when it is sent: it is owed since its first version. */
  readonly #births = new Map<string, number>();
  #born(pk: string, sk: string): number {
    return this.#births.get(`${pk}\n${sk}`) ?? 0;
  }

  /** Call before anything happens: notes when each notice is owed. */
  watch(): this {
    this.world.table.meanwhile = (writes) => {
      for (const write of writes)
        if (write.op === "put" && write.item.type === "note" && !this.#births.has(`${write.item.pk}\n${write.item.sk}`))
          this.#births.set(`${write.item.pk}\n${write.item.sk}`, this.now());
    };
    return this;
  }
}
