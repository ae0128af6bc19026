import type { Context, SQSRecord } from "aws-lambda";
import { type ActionName, LANES, type Lane } from "#shared/domain/action.ts";
import type { Policy } from "#shared/domain/policy.ts";
import type { IngestReport } from "#shared/pipeline/ingest.ts";
import { readClaim } from "#shared/pipeline/respond/settle.ts";
import type { Item, Key } from "#shared/ports/table.ts";
import { encodeRequest, type OperateRequest } from "#shared/wire/operate.ts";
import { packed } from "../../fixtures/logs.ts";
import { between } from "../kernel/draw.ts";
import type { Engine, Invocation } from "../kernel/engine.ts";
import type { Touch } from "./effects.ts";
import { Fifo, type Message } from "./fifo.ts";
import type { Handlers } from "./handlers.ts";
import { policyFor } from "./policy.ts";
import { type Container, ContainerPorts, type Outside } from "./ports.ts";
import { ModelTable } from "./table.ts";
import { World } from "./world.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** serverless.yml */
const TIMEOUT_MS = 60 * SECOND;
const OPERATE_TIMEOUT_MS = 20 * SECOND;
const BATCH = 10;
const MOST_PER_LANE = 4;
const STREAM_BATCH = 25;
const STREAM_RETRIES = 3;
const INGEST_RETRIES = 2;
/** After the last that a scenario does: by then every question is over, and all has come to rest. */
const LONGEST_REST_MS = 8 * 24 * 60 * MINUTE;

/** A document of CloudWatch Logs as it becomes one invocation. */
export interface Batch {
  readonly name: string;
  readonly document: object;
}

/** What AWS does around the functions: queues, stream, schedule, retries, and everything that a run is looked at by. */
export class System {
  readonly engine: Engine;
  readonly table: ModelTable;
  readonly world: World;
  readonly lanes: Readonly<Record<Lane, Fifo>>;
  readonly unreadable = new Map<string, string>();
  readonly evidence = new Map<string, string>();
  readonly heard: Outside["heard"][number][] = [];
  /** What ingest answered about each batch that it took. */
  readonly reports = new Map<string, IngestReport>();
  /** Uid -> since when its own mark protects it. */
  readonly protectedAtMs = new Map<string, number>();
  ownersOf: (claim: Item) => ReadonlySet<string> = () => new Set();
  readonly told = new Map<string, number>();
  /** Batches that ingest took, and those that it never could (they lie in the bucket of failures). */
  readonly ingested = new Set<string>();
  readonly givenUp = new Set<string>();
  readonly policy: Policy;
  onTouch: (touch: Touch, invocation: Invocation) => void = () => undefined;
  readonly #handlers: Handlers;
  readonly #outside: Outside;
  readonly #idle = new Map<string, { readonly container: Container; readonly ports: ContainerPorts; readonly handler: unknown }[]>();
  readonly #busy: Record<Lane, number> = { ecs: 0, kubernetes: 0, wide: 0 };
  readonly #wakes: Key[] = [];
  #containers = 0;
  #running = 0;
  #names = new Map<string, number>();
  /** Nothing of the scenario happens after this. */
  quietFromMs = 0;
  restedAtMs: number | null = null;

  constructor(engine: Engine, handlers: Handlers) {
    const { kernel } = engine;
    this.engine = engine;
    this.#handlers = handlers;
    this.policy = policyFor(engine.draw("policy"));
    this.table = new ModelTable(() => kernel.nowMs);
    this.world = new World(engine);
    const lane = (name: Lane): Fifo => {
      const fifo = new Fifo(`queue-${name}`, kernel);
      fifo.onArrival = () => this.#pollSoon(name);
      return fifo;
    };
    this.lanes = { ecs: lane("ecs"), kubernetes: lane("kubernetes"), wide: lane("wide") };
    this.table.lag = () => (engine.occurs("index lags", `lag ${kernel.nowMs}`) ? engine.draw(`how much ${kernel.nowMs}`) : 0);
    this.#outside = {
      engine,
      table: this.table,
      world: this.world,
      lanes: this.lanes,
      unreadable: this.unreadable,
      evidence: this.evidence,
      heard: this.heard,
      policy: () => this.policy,
      onTouch: (touch, invocation) => {
        this.onTouch(touch, invocation);
        // Agents and kubelets take from a moment to most of a minute.
        const afterMs = between(
          engine.draw,
          `agents ${kernel.nowMs} ${touch.what}`,
          200,
          engine.draw(`slow ${touch.what}`) < 0.2 ? 50_000 : 4_000,
        );
        kernel.after(afterMs, () => this.world.tick());
      },
      onTold: (metric, by, dimensions) => {
        const name = [metric, ...Object.values(dimensions)].join(" ");
        this.told.set(name, (this.told.get(name) ?? 0) + by);
      },
    };
  }

  // Functions

  #nth(name: string): string {
    const nth = (this.#names.get(name) ?? 0) + 1;
    this.#names.set(name, nth);
    return nth === 1 ? name : `${name}~${nth}`;
  }

  #run<H extends (event: never, context: Context) => unknown>(
    fn: string,
    name: string,
    timeoutMs: number,
    make: (ports: ContainerPorts) => H,
    event: Parameters<H>[0],
    onEnd: (result: { readonly ok: boolean; readonly value?: unknown }) => void,
    onDeath: () => void,
  ): void {
    const { engine } = this;
    const { kernel } = engine;
    const warm = this.#idle.get(fn)?.pop();
    const made = warm ?? this.#cold(fn, make);
    const { container, handler } = made;
    this.#running++;
    const beganMs = kernel.nowMs;
    const context = {
      awsRequestId: name,
      functionName: fn,
      getRemainingTimeInMillis: () => timeoutMs - (kernel.nowMs - beganMs),
    } as Context;
    engine.invoke(
      fn,
      name,
      timeoutMs,
      (invocation) => {
        container.invocation = invocation;
        return Promise.resolve((handler as (event: unknown, context: Context) => unknown)(event, context));
      },
      (result) => {
        this.#running--;
        container.invocation = null;
        this.#idle.set(fn, [...(this.#idle.get(fn) ?? []), made]);
        onEnd(result.ok ? { ok: true, value: result.value } : { ok: false });
      },
      () => {
        this.#running--;
        onDeath();
      },
    );
  }

  #cold<H>(fn: string, make: (ports: ContainerPorts) => H) {
    const name = `${fn} container ${++this.#containers}`;
    const { engine } = this;
    const skewMs = engine.occurs("clock off", name, 2) ? between(engine.draw, `skew of ${name}`, -2_000, 2_000) : 0;
    const container: Container = { fn, name, skewMs, invocation: null };
    const ports = new ContainerPorts(this.#outside, container);
    return { container, ports, handler: make(ports) as unknown };
  }

  /** CloudWatch Logs invokes ingest; Lambda tries again twice, then the event goes to the bucket of failures. */
  deliver(batch: Batch, attempt = 0): void {
    const { kernel } = this.engine;
    const again = (): void => {
      if (attempt >= INGEST_RETRIES) {
        this.engine.faults.note("ingest given up", batch.name, kernel.nowMs);
        kernel.tell("cloudwatch", `${batch.name} is given up and kept`);
        this.givenUp.add(batch.name);
      } else kernel.after((attempt + 1) * MINUTE, () => this.deliver(batch, attempt + 1));
    };
    const name = this.#nth(`ingest ${batch.name}`);
    const make = (ports: ContainerPorts) => this.#handlers.ingest(ports.ingest());
    this.#run(
      "ingest",
      name,
      TIMEOUT_MS,
      make as never,
      packed(batch.document) as never,
      ({ ok, value }) => {
        if (!ok) return again();
        this.ingested.add(batch.name);
        this.reports.set(batch.name, value as IngestReport);
      },
      again,
    );
  }

  #pollSoon(lane: Lane): void {
    const { kernel, draw } = this.engine;
    kernel.after(10 + Math.floor(400 * draw(`poll ${lane} ${kernel.nowMs}`)), () => this.#poll(lane));
  }

  #poll(lane: Lane): void {
    if (this.#busy[lane] >= MOST_PER_LANE) return;
    const fifo = this.lanes[lane];
    const batch = fifo.receive(between(this.engine.draw, `batch of ${lane} at ${this.engine.kernel.nowMs}`, 1, BATCH));
    if (batch.length === 0) return;
    this.#busy[lane]++;
    const first = batch[0];
    const name = this.#nth(`respond-${lane} ${first?.id.slice("queue-".length)}.${first?.receives}`);
    const free = (): void => {
      this.#busy[lane]--;
      this.#pollSoon(lane);
    };
    const make = (ports: ContainerPorts) => this.#handlers.respond[lane](ports.respond(lane));
    this.#run(
      `respond-${lane}`,
      name,
      TIMEOUT_MS,
      make as never,
      { Records: batch.map((message) => recordOf(message, fifo.name)) } as never,
      ({ ok, value }) => {
        // Whatever is not deleted comes again when its visibility ends.
        if (ok) this.#remove(fifo, batch, value as { batchItemFailures: { itemIdentifier: string }[] });
        free();
      },
      free,
    );
    // There may be more than one batch holds.
    this.#pollSoon(lane);
  }

  #remove(
    fifo: Fifo,
    batch: readonly Message[],
    { batchItemFailures }: { readonly batchItemFailures: { readonly itemIdentifier: string }[] },
  ): void {
    const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    if (failed.size > 0) this.engine.faults.note("part of a batch failed", "", this.engine.kernel.nowMs);
    for (const message of batch) {
      if (failed.has(message.id) || this.engine.occurs("message not deleted", `${message.id}.${message.receives}`, 0.3)) continue;
      fifo.delete(message);
    }
  }

  /** A new note wakes notify. */
  wake(key: Key): void {
    const { kernel, draw } = this.engine;
    this.#wakes.push(key);
    if (this.#wakes.length > 1) return;
    kernel.after(50 + Math.floor(800 * draw(`stream ${kernel.nowMs}`)), () => {
      for (let at = 0; at < this.#wakes.length; at += STREAM_BATCH) this.#notify(this.#wakes.slice(at, at + STREAM_BATCH), 0);
      this.#wakes.length = 0;
    });
  }

  #notify(keys: readonly Key[], attempt: number): void {
    const { kernel } = this.engine;
    const about = `${keys.map(({ sk }) => sk.slice(-4)).join("")} ${attempt}`;
    if (this.engine.occurs("stream record lost", about, 0.3)) return;
    const again = (): void => {
      if (attempt < STREAM_RETRIES) kernel.after((attempt + 1) * SECOND, () => this.#notify(keys, attempt + 1));
    };
    const event = { Records: keys.map(({ pk, sk }) => ({ dynamodb: { Keys: { pk: { S: pk }, sk: { S: sk } } } })) };
    const make = (ports: ContainerPorts) => this.#handlers.notify(ports.notify());
    const name = this.#nth(`notify ${about}`);
    const times = this.engine.occurs("stream record twice", about) ? 2 : 1;
    for (let time = 0; time < times; time++)
      this.#run(
        "notify",
        time === 0 ? name : `${name} twice`,
        TIMEOUT_MS,
        make as never,
        event as never,
        ({ ok }) => (ok ? undefined : again()),
        again,
      );
  }

  /** Every minute, as long as anything may come of it: a sweep that finds nothing due does nothing. */
  startSweeps(): void {
    const { kernel } = this.engine;
    const due = (): number | null => {
      const first = this.table.firstDue();
      return first === null ? null : Date.parse(first);
    };
    const next = (): void => {
      const dueMs = due();
      const isQuiet =
        kernel.nowMs >= this.quietFromMs && this.#running === 0 && LANES.every((lane) => this.lanes[lane].messages.length === 0);
      if (isQuiet && dueMs === null) {
        this.restedAtMs = kernel.nowMs;
        return;
      }
      if (kernel.nowMs - this.quietFromMs > LONGEST_REST_MS) return;
      const waitMs = isQuiet && dueMs !== null ? Math.max(MINUTE, Math.ceil((dueMs - kernel.nowMs) / MINUTE) * MINUTE) : MINUTE;
      kernel.after(waitMs, () => {
        const isWanted = (due() ?? Number.POSITIVE_INFINITY) <= kernel.nowMs + 3 * SECOND || kernel.nowMs < this.quietFromMs;
        if (isWanted) this.#sweep();
        kernel.after(SECOND, next);
      });
    };
    kernel.after(between(this.engine.draw, "first sweep", 1, 60) * SECOND, next);
  }

  #sweep(): void {
    const name = this.#nth(`sweep ${Math.floor((this.engine.kernel.nowMs - this.engine.kernel.startMs) / MINUTE)}`);
    const make = (ports: ContainerPorts) => this.#handlers.sweep(ports.sweep());
    const times = this.engine.occurs("two sweeps at once", name) ? 2 : 1;
    for (let time = 0; time < times; time++)
      this.#run(
        "sweep",
        time === 0 ? name : `${name} twice`,
        TIMEOUT_MS,
        make as never,
        {} as never,
        () => undefined,
        () => undefined,
      );
  }

  // For looking, not for deciding.

  /** The command line by which the simulation tells alerts apart. */
  markOf(alertId: string): string | null {
    for (const lane of LANES)
      for (const body of this.lanes[lane].taken) if (body.includes(alertId)) return /sh -c \d+(?: again \d+)?/.exec(body)?.[0] ?? null;
    return null;
  }

  /** Invocations that owned this incident's claim. */
  ownersIn(incident: string, target: string, action: ActionName): ReadonlySet<string> {
    const items = this.table.under(`CLAIM#${target}`, action).filter((item) => readClaim(item).claim.incident === incident);
    return new Set(items.flatMap((item) => [...this.ownersOf(item)]));
  }

  /** No other claim of this invocation is about the same. */
  isOnlyClaimOf(invocation: string, target: string, action: ActionName): boolean {
    return this.table.under(`CLAIM#${target}`, action).filter((item) => this.ownersOf(item).has(invocation)).length < 2;
  }

  isClaimedElsewhere(target: string, action: ActionName, incident: string): boolean {
    return this.table.under(`CLAIM#${target}`, action).some((item) => readClaim(item).claim.incident !== incident);
  }

  /** A person decides; `then` hears the answer, null when there was none. */
  operate(request: OperateRequest, by: string, then: (status: number | null) => void): void {
    const name = this.#nth(`operate ${request.verb} ${request.incident.slice(0, 6)} by ${by}`);
    const event = {
      body: encodeRequest(request),
      isBase64Encoded: false,
      requestContext: { authorizer: { iam: { userArn: `arn:aws:iam::111122223333:user/${by}` } } },
    };
    const make = (ports: ContainerPorts) => this.#handlers.operate(ports.operate());
    const answered = ({ ok, value }: { readonly ok: boolean; readonly value?: unknown }): void =>
      then(ok ? (value as { statusCode: number }).statusCode : null);
    this.#run("operate", name, OPERATE_TIMEOUT_MS, make as never, event as never, answered, () => then(null));
  }
}

const recordOf = ({ id, body, group, receives }: Message, queue: string): SQSRecord => ({
  messageId: id,
  receiptHandle: id,
  body,
  attributes: {
    ApproximateReceiveCount: String(receives),
    SentTimestamp: "0",
    SenderId: "s",
    ApproximateFirstReceiveTimestamp: "0",
    MessageGroupId: group,
  },
  messageAttributes: {},
  md5OfBody: "",
  eventSource: "aws:sqs",
  eventSourceARN: `arn:aws:sqs:eu-west-1:111122223333:${queue}`,
  awsRegion: "eu-west-1",
});
