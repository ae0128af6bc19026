import { hash } from "node:crypto";
import { withRecent } from "#shared/adapters/kubernetes/recent.ts";
import type { Lane } from "#shared/domain/action.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Policy } from "#shared/domain/policy.ts";
import type { BatchPorts } from "#shared/pipeline/respond/batch.ts";
import { Sightings } from "#shared/playbooks/ecs/sightings.ts";
import type { Archive } from "#shared/ports/archive.ts";
import type { Channel, Delivery, OutgoingMessage } from "#shared/ports/channel.ts";
import type { Clock } from "#shared/ports/clock.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";
import type { DirectApi } from "#shared/ports/kubernetes.ts";
import type { Orders } from "#shared/ports/orders.ts";
import type { SwitchParameter } from "#shared/ports/switch.ts";
import type { Table, TransactResult } from "#shared/ports/table.ts";
import type { Telemetry } from "#shared/ports/telemetry.ts";
import { encodeOrder } from "#shared/wire/order.ts";
import { encodeEntry } from "#shared/wire/queue-entry.ts";
import { slackRefuses, snsRefuses } from "../../fakes/channel-rules.ts";
import type { Engine, Invocation, Realm } from "../kernel/engine.ts";
import { type Touch, touchOf } from "./effects.ts";
import type { Fifo } from "./fifo.ts";
import { registry } from "./policy.ts";
import type { ModelTable } from "./table.ts";
import type { World } from "./world.ts";

/** What lies outside every function and outlives it. */
export interface Outside {
  readonly engine: Engine;
  readonly table: ModelTable;
  readonly world: World;
  readonly lanes: Readonly<Record<Lane, Fifo>>;
  readonly unreadable: Map<string, string>;
  readonly evidence: Map<string, string>;
  readonly heard: { readonly channel: string; readonly incident: string; readonly atMs: number }[];
  readonly policy: () => Policy;
  /** A write to the world is about to take effect. */
  readonly onTouch: (touch: Touch, invocation: Invocation) => void;
  readonly onTold: (metric: string, by: number, dimensions: Readonly<Record<string, string>>) => void;
}

/** One execution environment of a function: it lives until its invocation dies. */
export interface Container {
  readonly fn: string;
  readonly name: string;
  /** How far its clock is off. */
  readonly skewMs: number;
  invocation: Invocation | null;
}

const READS_FREE = new Set(["then"]);

/** Every port that a function may have, as this container's own: whatever it calls is a call of the invocation that runs there. */
export class ContainerPorts {
  readonly #outside: Outside;
  readonly #container: Container;
  readonly table: Table;
  readonly access: ClusterAccess;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly channel: Channel;
  readonly evidence: Archive;
  readonly unreadable: Archive;
  readonly orders: Orders;
  readonly registry = registry;

  constructor(outside: Outside, container: Container) {
    this.#outside = outside;
    this.#container = container;
    const { engine, table, world, lanes, unreadable, evidence } = outside;
    this.table = {
      get: (key, signal) => this.#call(`get ${key.pk} ${key.sk}`, "ledger", signal, () => table.get(key)),
      query: (pk, prefix, signal, most) =>
        this.#call(`query ${pk} ${prefix}`, "ledger", signal, () => table.query(pk, prefix, signal, most)),
      due: (until, limit, signal) => this.#call("due", "ledger", signal, () => table.due(until, limit)),
      transact: (writes, signal, token) => {
        const [first] = writes;
        const about =
          first === undefined ? "" : first.op === "put" ? `${first.item.pk} ${first.item.sk}` : `${first.key.pk} ${first.key.sk}`;
        return this.#call(`write ${about}`, "ledger", signal, async (): Promise<TransactResult> => {
          const result = await table.transact(writes, signal, token);
          if (!result.ok) engine.faults.note("condition lost to another", "", engine.kernel.nowMs);
          engine.kernel.tell(this.#who(), `${result.ok ? "writes" : "may not write"} ${writes.map(named).join(", ")}`);
          return result;
        });
      },
      putAll: (items, signal) => this.#call("put all", "ledger", signal, () => table.putAll(items)),
    };
    this.clock = {
      now: () => engine.kernel.nowMs + container.skewMs,
      sleep: (ms, signal) =>
        container.invocation === null ? new Promise(() => undefined) : engine.sleep(container.invocation, ms, signal),
    };
    const { aws, kube } = world;
    const { tasks, services, marks, instances, network, roles, definitions, logs, functions } = aws.given();
    const api = withRecent(this.#wrapped("kube", "kube", kube as DirectApi), () => engine.kernel.nowMs);
    const open = <T extends object>(prefix: string, port: T | undefined) => {
      const made = port === undefined ? null : this.#wrapped(prefix, "aws", port);
      return (): Promise<T> => (made === null ? Promise.reject(new PipelineError("config_invalid", prefix)) : Promise.resolve(made));
    };
    this.access = {
      tasks: open("ecs", tasks),
      services: open("services", services),
      marks: open("marks", marks),
      instances: open("instances", instances),
      network: open("network", network),
      roles: open("roles", roles),
      definitions: open("definitions", definitions),
      logs: open("logs", logs),
      functions: open("functions", functions),
      kubernetes: () => Promise.resolve(api),
    };
    this.telemetry = {
      info: () => undefined,
      warn: () => undefined,
      error: () => undefined,
      latency: () => undefined,
      count: (name, value, dimensions = {}) => outside.onTold(name, value, dimensions),
    };
    this.channel = { send: (message, signal) => this.#send(message, signal) };
    this.evidence = this.#archive("evidence", evidence);
    this.unreadable = this.#archive("unreadable", unreadable);
    this.orders = {
      send: (lane, order, group, dedup, signal) =>
        this.#call(`order ${lane} ${dedup}`, "aws", signal, () => {
          const isNew = lanes[lane].send(encodeOrder(order), group, dedup);
          engine.kernel.tell(
            this.#who(),
            `orders in lane ${lane}: ${order.kind === "act" ? `act on ${order.alert.slice(0, 8)}` : order.item}${isNew ? "" : " (known)"}`,
          );
        }),
    };
  }

  #who = (): string => this.#container.invocation?.name ?? this.#container.name;

  #call<T>(label: string, realm: Realm, signal: AbortSignal | null, effect: () => Promise<T> | T): Promise<T> {
    const { invocation } = this.#container;
    return invocation === null ? new Promise<T>(() => undefined) : this.#outside.engine.call(invocation, label, realm, signal, effect);
  }

  #archive(name: string, objects: Map<string, string>): Archive {
    return {
      put: (key, body, _type, signal) =>
        this.#call(`${name} put`, "aws", signal, () => {
          const text = typeof body === "string" ? body : Buffer.from(body).toString("base64");
          if (!objects.has(key)) objects.set(key, text);
          return { sha256: hash("sha256", text, "hex") };
        }),
    };
  }

  /** Every method of a port of the world becomes a call; what would touch it is told first. */
  #wrapped<T extends object>(prefix: string, realm: Realm, port: T): T {
    const methods = new Map<string, (...args: unknown[]) => unknown>();
    return new Proxy(port, {
      get: (target, name) => {
        const method = Reflect.get(target, name) as unknown;
        if (typeof name !== "string" || typeof method !== "function" || READS_FREE.has(name)) return method;
        const there = methods.get(name);
        if (there !== undefined) return there;
        const made = (...args: unknown[]): unknown => {
          const signal = (args.findLast((one) => one instanceof AbortSignal) as AbortSignal | undefined) ?? null;
          return this.#call(`${prefix}.${name}`, realm, signal, () => this.#happens(prefix, name, args, target, method as () => unknown));
        };
        methods.set(name, made);
        return made;
      },
    });
  }

  async #happens(prefix: string, name: string, args: unknown[], target: object, method: (...args: unknown[]) => unknown) {
    const { world, onTouch, engine } = this.#outside;
    const touch = touchOf(`${prefix}.${name}`, args, world);
    if (touch === null) return await method.apply(target, args);
    const { invocation } = this.#container;
    const by = engine.current ?? invocation;
    engine.kernel.tell(by?.name ?? "", `TOUCHES ${touch.what}`);
    if (by !== null) onTouch(touch, by);
    const answer = await method.apply(target, args);
    world.observe();
    return answer;
  }

  #send(message: OutgoingMessage, signal: AbortSignal): Promise<Delivery> {
    const { engine, heard } = this.#outside;
    const invocation = this.#container.invocation;
    const nth = `${invocation?.name ?? ""} ${message.kind} ${heard.length}`;
    return this.#call(`send ${message.kind}`, "best effort", signal, (): Delivery => {
      if (engine.occurs("channel asks for patience", nth)) return { kind: "retry", because: "rate limited", afterMs: 30_000 };
      if (engine.occurs("channel refuses", nth, 0.1)) return { kind: "permanent", because: "no such topic" };
      if (message.kind === "slack-bot" || message.kind === "bus") throw new Error(`no channel of the simulation is a ${message.kind}`);
      const refused = message.kind === "slack" ? slackRefuses(message.payload) : snsRefuses(message);
      if (refused !== null) throw new Error(`the channel would refuse our message: ${refused}`);
      const incident = message.kind === "sns" ? incidentOf(message.body) : incidentIn(message.payload);
      heard.push({ channel: message.kind === "sns" ? "oncall" : "chat", incident, atMs: engine.kernel.nowMs });
      engine.kernel.tell(this.#who(), `tells ${message.kind} of ${incident}`);
      return { kind: "sent", reference: null };
    });
  }

  respond(lane: Lane): BatchPorts {
    const { table, access, clock, telemetry, evidence, orders, registry: known } = this;
    const { lanes } = this.#outside;
    const container = this.#container;
    return {
      table,
      access,
      clock,
      telemetry,
      evidence,
      orders,
      registry: known,
      switchParameter: RUNS,
      policy: this.#outside.policy(),
      lanes: [lane],
      sightings: new Sightings(),
      newId: () => `${container.invocation?.name ?? ""}/${container.invocation === null ? 0 : container.invocation.ids++}`,
      deadLetters: {
        put: (body, because, signal) =>
          this.#call("dead letter", "aws", signal, () => {
            lanes[lane].dead.push({ body, because });
          }),
      },
      redelivery: {
        after: (_arn, handle, seconds, signal) =>
          this.#call(`visible ${handle}`, "aws", signal, () => {
            const message = lanes[lane].messages.find(({ id }) => id === handle);
            if (message !== undefined) lanes[lane].hide(message, seconds * 1_000);
          }),
      },
    };
  }

  ingest() {
    const { table, clock, telemetry, unreadable, registry: known } = this;
    const { lanes, engine } = this.#outside;
    return {
      registry: known,
      policy: this.#outside.policy(),
      unreadable,
      table,
      clock,
      telemetry,
      queue: {
        send: (entries: readonly Parameters<typeof encodeEntryOf>[0][], signal: AbortSignal) =>
          this.#call("queue", "aws", signal, () => {
            for (const one of entries) {
              const isNew = lanes[one.lane].send(encodeEntryOf(one), one.group, one.dedup);
              engine.kernel.tell(this.#who(), `queues ${one.entry.alert.id.slice(0, 8)} in lane ${one.lane}${isNew ? "" : " (known)"}`);
            }
          }),
      },
    };
  }

  sweep() {
    const { table, access, clock, telemetry, channel, orders, registry: known } = this;
    const container = this.#container;
    const newId = () => `${container.invocation?.name ?? ""}/${container.invocation === null ? 0 : container.invocation.ids++}`;
    return {
      table,
      access,
      clock,
      telemetry,
      channel,
      orders,
      registry: known,
      switchParameter: RUNS,
      policy: this.#outside.policy(),
      newId,
    };
  }

  notify() {
    const { table, clock, telemetry, channel, registry: known } = this;
    return { table, clock, telemetry, channel, registry: known };
  }

  operate() {
    const { table, clock, telemetry, orders, registry: known } = this;
    return { table, clock, telemetry, orders, registry: known, switchParameter: RUNS };
  }
}

/** Of the two halves of the switch only the ledger's is played. */
const RUNS: SwitchParameter = { read: () => Promise.resolve({ says: "run" }) };

const encodeEntryOf = (one: import("#shared/ports/alert-queue.ts").OutgoingEntry): string => encodeEntry(one.entry);

const named = (write: import("#shared/ports/table.ts").Write): string => {
  if (write.op !== "put") return `${write.op} ${write.key.pk} ${write.key.sk}`;
  const state = write.item["state"];
  return `${write.item.pk} ${write.item.sk}${state === undefined ? "" : ` ${String(state)}`}`;
};

/** Notices and digests are about no incident. */
export const NOTICES = "notices";

const incidentOf = (body: string): string => (JSON.parse(body) as { readonly incident?: string }).incident ?? NOTICES;

/** As people read it: "incident `0123456789abcdef`". A notice begins with the service's own name, a digest with its count. */
function incidentIn(payload: unknown): string {
  const { text = "" } = payload as { readonly text?: string };
  if (/^(falco-responder: |\d+ more messages? about )/.test(text)) return NOTICES;
  return /incident `?([0-9a-f]{16})/.exec(JSON.stringify(payload))?.[1] ?? "";
}
