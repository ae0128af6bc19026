import { gzipSync } from "node:zlib";
import type { Lane } from "#shared/domain/action.ts";
import { iamActor } from "#shared/domain/actor.ts";
import type { Fields } from "#shared/domain/alert.ts";
import type { Decision } from "#shared/domain/decision.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Receipt } from "#shared/domain/receipt.ts";
import type { OrderBody } from "#shared/ledger/order.ts";
import { ingest } from "#shared/pipeline/ingest.ts";
import { operate } from "#shared/pipeline/operate.ts";
import { respond } from "#shared/pipeline/respond.ts";
import { sweep } from "#shared/pipeline/sweep.ts";
import type { OperateRequest } from "#shared/wire/operate.ts";
import { encodeOrder } from "#shared/wire/order.ts";
import { encodeEntry } from "#shared/wire/queue-entry.ts";
import { FakeAlertQueue } from "../fakes/alert-queue.ts";
import { FakeArchive } from "../fakes/archive.ts";
import { Crash } from "../fakes/table.ts";
import { logsDocument } from "../fixtures/logs.ts";
import { type Acts, at, type Shot, type Stage } from "./stage.ts";

/** What came of it. */
export interface Ending {
  /** What the world was asked to change. */
  readonly effects: readonly string[];
  /** Every reason that was recorded or kept anywhere. */
  readonly because: readonly string[];
}

const ALICE = "arn:aws:iam::111122223333:user/alice";
const signal = new AbortController().signal;
/** A message that fails comes again, so often here. */
const DELIVERIES = 4;
const LANES: readonly Lane[] = ["ecs", "kubernetes"];
/** The queue gives a message again after so long when the function failed, and when it died. */
const AGAIN_MS = 15_000;
const DIED_MS = 40_000;

/** The stage in play: alerts, people and lanes. */
class Scene<Target, Self extends Stage<Target, Self>> implements Acts<Target, Self> {
  readonly stage: Self;
  readonly because: string[] = [];

  constructor(stage: Self) {
    this.stage = stage;
  }

  /** The line through ingest, and all that ingest queued through respond, and what respond hands over through its lane. */
  async shoot(): Promise<void> {
    const { world, shot, ship } = this.stage;
    const queue = new FakeAlertQueue(() => world.clock.now());
    const unreadable = new FakeArchive();
    const { logGroup, owner } = shot;
    const where = { logGroup, owner, logStream: "falco/1", fromMs: world.clock.now() };
    const data = gzipSync(JSON.stringify(logsDocument([lineOf(shot, ship)], where))).toString("base64");
    const report = await ingest({ awslogs: { data } }, { ...this.#ports(LANES), queue, unreadable }, signal);
    this.because.push(...Object.keys(report.reasons));
    await this.stage.meanwhile();
    for (const { entry } of queue.sent) await this.#receive(encodeEntry(entry), LANES, shot.receives);
    for (const kept of unreadable.objects.values())
      this.because.push(...Array.from(kept.matchAll(/"because":"([^"]+)"/g), ([, why = ""]) => `kept: ${why}`));
    this.stage.handingOver();
    await this.deliver();
  }

  async accuse(target: Target): Promise<void> {
    const { shot, world, aim } = this.stage;
    shot.time = at(world, -1_000);
    aim(target);
    await this.shoot();
  }

  async deliver(): Promise<void> {
    const { orders } = this.stage.world;
    for (let next = orders.shift(); next !== undefined; next = orders.shift()) await this.#receive(encodeOrder(next.order), [next.lane], 1);
  }

  async sweep(): Promise<void> {
    const { world, access, registry } = this.stage;
    this.#ports(LANES);
    await sweep({ ...world.sweepPorts(), access, registry }, signal);
    await this.deliver();
  }

  async say(verb: OperateRequest["verb"], more: Partial<OperateRequest> = {}): Promise<void> {
    const { table, clock, telemetry, orders } = this.#ports(LANES);
    const incident = this.incident();
    const answer = await operate(
      { verb, incident, action: null, target: null, ...more },
      iamActor(ALICE),
      { table, clock, telemetry, orders },
      signal,
    );
    if (answer.kind === "refused") this.because.push(`to the person: ${answer.because}`);
  }

  incident(): string {
    const [one, another] = this.stage.world.bodies<{ readonly incident: string }>("incident");
    if (one === undefined || another !== undefined) throw new Error("the ledger has not one incident");
    return one.incident;
  }

  /** Again after some time while it fails for a reason that may pass, or dies, as a queue gives it. */
  async #receive(body: string, lanes: readonly Lane[], receives: number): Promise<void> {
    for (let n = 0; n < DELIVERIES; n++) {
      try {
        const result = await respond({ body, receiveCount: receives + n }, this.#ports(lanes), signal);
        this.because.push(...(result.kind === "recorded" ? result.decisions : [result.because]));
        return;
      } catch (thrown) {
        const died = thrown instanceof Crash;
        if (!died && (!(thrown instanceof PipelineError) || !thrown.retryable)) throw thrown;
        this.because.push(`comes again: ${thrown.message}`);
        this.stage.world.later(died ? DIED_MS : AGAIN_MS);
      }
    }
  }

  #ports(lanes: readonly Lane[]) {
    const { world, policy, registry, access } = this.stage;
    world.policy = policy;
    world.lanes = lanes;
    return { ...world.respondPorts(), registry, access };
  }
}

export async function play<Target, Self extends Stage<Target, Self>>(stage: Self): Promise<Ending> {
  const { world } = stage;
  const scene = new Scene<Target, Self>(stage);
  await scene.shoot();
  for (const happens of stage.afterwards) await happens(scene);
  const { because } = scene;
  for (const { decisions } of world.bodies<{ readonly decisions: readonly Decision[] }>("alert"))
    because.push(...decisions.map((decision) => `${decision.kind}: ${decision.because}`));
  for (const { receipt } of world.bodies<{ readonly receipt: Receipt }>("receipt"))
    because.push(`${receipt.undoing === true ? "undo " : ""}${receipt.outcome}: ${receipt.because}`, ...(receipt.remarks ?? []));
  for (const order of world.bodies<OrderBody>("order")) because.push(`order ${order.state}: ${order.because ?? "(nothing said)"}`);
  return { effects: stage.effects, because };
}

function lineOf(
  { rule, source, hostname, time, fields, sensor, line }: Shot,
  ship: (alert: object, sensor: Shot["sensor"]) => string,
): string {
  const alert: Readonly<Record<string, string | Fields | readonly string[]>> = {
    hostname,
    output: "A shell was spawned in a container",
    output_fields: fields,
    priority: "Critical",
    rule,
    source,
    tags: ["shell"],
    ...(time === null ? {} : { time }),
  };
  const shipped = ship(alert, sensor);
  return line === null ? shipped : line(shipped);
}
