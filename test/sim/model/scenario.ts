import type { ReceiptBody } from "#shared/ledger/incident.ts";
import { unpack } from "#shared/ledger/items.ts";
import { SWITCH } from "#shared/ledger/keys.ts";
import { readOrder } from "#shared/ledger/order.ts";
import { logsDocument } from "../../fixtures/logs.ts";
import { between, oneOf } from "../kernel/draw.ts";
import type { Engine } from "../kernel/engine.ts";
import { type Kind, RULES } from "./policy.ts";
import type { System } from "./system.ts";
import type { Victim, Workload } from "./world.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** What is said, and what is true: how the alert must end is known to the run, never to the product. */
export interface Said {
  readonly nth: number;
  readonly line: string;
  /** Why it must not be acted on whoever it names; null: it may be. */
  readonly untrue: "torn" | "forged stream" | "another's label" | "too old" | "from the future" | "on the host" | null;
  readonly kind: Kind;
  readonly victim: Victim | null;
  readonly batch: string;
  readonly atMs: number;
}

const KINDS: readonly Kind[] = ["shell", "shell", "shell", "shell", "miner", "miner", "exfil", "drift", "look", "note", "boring"];
const UNTRUE = ["torn", "forged stream", "another's label", "too old", "from the future", "on the host"] as const;

/** What is left out of a scenario, to find the smallest that still fails. */
export interface Without {
  readonly alerts: ReadonlySet<number>;
  readonly people: ReadonlySet<number>;
}

export const EVERYTHING: Without = { alerts: new Set(), people: new Set() };

/** Attackers, shippers, people and accidents of one seed, put into the run's future. */
export class Scenario {
  readonly said: Said[] = [];
  readonly workloads: readonly Workload[];
  readonly alerts: number;
  readonly people: number;
  /** What some person said yes to: incident, target and action. */
  readonly yes = new Set<string>();
  readonly switchedOn: { readonly fromMs: number; untilMs: number }[] = [];
  readonly #engine: Engine;
  readonly #system: System;
  readonly #open: { stream: string; untilMs: number; lines: string[]; name: string }[] = [];
  #batches = 0;

  constructor(engine: Engine, system: System, without: Without) {
    this.#engine = engine;
    this.#system = system;
    const { draw, kernel } = engine;
    const all = system.world.workloads;
    this.alerts = between(draw, "alerts", 20, 28);
    this.people = between(draw, "people", 3, 10);
    const few = between(draw, "workloads", 3, all.length);
    this.workloads = all
      .map((one, at) => ({ one, weight: draw(`workload ${at}`) }))
      .sort((a, b) => a.weight - b.weight)
      .slice(0, few)
      .map(({ one }) => one);
    const secondWaveMs = draw("second wave") < 0.35 ? between(draw, "second wave at", 34, 75) * MINUTE : null;
    let lastMs = 0;
    for (let nth = 0; nth < this.alerts; nth++) {
      const wave = secondWaveMs !== null && draw(`wave of ${nth}`) < 0.3 ? secondWaveMs : 0;
      // Half of them come with others: attackers are no strangers to each other.
      const whenMs = Math.floor(draw(`when ${nth}`) * 8 * MINUTE);
      const afterMs =
        wave + (draw(`together ${nth}`) < 0.5 ? whenMs - (whenMs % (2 * MINUTE)) + between(draw, `nearly ${nth}`, 1, 1_500) : whenMs);
      lastMs = Math.max(lastMs, afterMs);
      if (!without.alerts.has(nth)) kernel.after(afterMs, () => this.#alert(nth));
    }
    for (let nth = 0; nth < this.people; nth++) {
      const afterMs =
        (draw(`early ${nth}`) < 0.7 ? 0 : (secondWaveMs ?? 20 * MINUTE)) + Math.floor(draw(`person ${nth}`) * 20 * MINUTE) + MINUTE;
      lastMs = Math.max(lastMs, afterMs);
      if (!without.people.has(nth)) kernel.after(afterMs, () => this.#person(nth));
    }
    system.quietFromMs = kernel.nowMs + lastMs + 2 * MINUTE;
    this.#accidents();
    for (let at = MINUTE; at <= lastMs; at += 4 * MINUTE) kernel.after(at, () => system.world.tick());
  }

  #alert(nth: number): void {
    const { draw, kernel } = this.#engine;
    const workload = oneOf(draw, `target of ${nth}`, this.workloads);
    const kind = oneOf(draw, `kind of ${nth}`, KINDS);
    const untrue = draw(`untrue ${nth}`) < 0.25 ? oneOf(draw, `how untrue ${nth}`, UNTRUE) : null;
    const victim =
      workload.victim(draw(`which of ${nth}`)) ??
      this.#system.world.workloads.map((one) => one.victim(0)).find((one) => one !== null) ??
      null;
    if (victim === null) return;
    const others = this.#system.world.workloads
      .map((one) => one.victim(0))
      .filter((one) => one !== null && one.uid !== victim.uid && one.cluster === victim.cluster);
    const fields = untrue === "another's label" ? (others[Math.floor(draw(`other ${nth}`) * others.length)]?.fields ?? {}) : victim.fields;
    const ageMs =
      untrue === "too old" ? 20 * MINUTE : untrue === "from the future" ? -45 * MINUTE : between(draw, `age ${nth}`, 0, 20) * SECOND;
    const time = new Date(kernel.nowMs - ageMs).toISOString().replace("Z", `${String(100_000 + nth)}Z`);
    const priority = draw(`priority ${nth}`) < 0.5 ? "Critical" : "Error";
    const fact = {
      "container.id": untrue === "on the host" ? "host" : victim.containerId,
      "proc.cmdline": `sh -c ${nth}`,
      ...fields,
    };
    const whole = JSON.stringify({
      hostname: victim.node,
      output: `${time}: ${priority} ${RULES[kind]}`,
      output_fields: fact,
      priority,
      rule: RULES[kind],
      source: "syscall",
      tags: ["T1059"],
      time,
    });
    const line = untrue === "torn" ? `{"log":${whole.slice(0, 90)}` : whole;
    const group = untrue === "forged stream" ? "/falco/elsewhere" : victim.cluster === "ecs" ? "/falco/shop" : "/falco/kube";
    const times = draw(`burst ${nth}`) < 0.15 ? between(draw, `burst of ${nth}`, 2, 4) : 1;
    for (let copy = 0; copy < times; copy++) {
      const own = copy === 0 ? line : line.replaceAll(`sh -c ${nth}`, `sh -c ${nth} again ${copy}`);
      const batch = this.#ship(group, own);
      this.said.push({ nth, line: own, untrue, kind, victim, batch, atMs: kernel.nowMs });
      kernel.tell(
        "attacker",
        `${RULES[kind]}${untrue === null ? "" : ` (${untrue})`} in ${workload.name} ${victim.uid.slice(-8)}, container ${victim.containerId}, in ${batch}`,
      );
    }
    const [sibling] = victim.siblings;
    if (sibling === undefined || untrue !== null || draw(`sibling ${nth}`) < 0.4) return;
    const own = line.replaceAll(victim.containerId, sibling).replaceAll(`sh -c ${nth}`, `sh -c ${nth} again 9`);
    this.said.push({ nth, line: own, untrue, kind, victim, batch: this.#ship(group, own), atMs: kernel.nowMs });
    kernel.tell("attacker", `the same in its other container ${sibling}`);
  }

  /** Lines of one stream that come together are one batch. */
  #ship(stream: string, line: string): string {
    const { kernel, draw } = this.#engine;
    const open = this.#open.find((one) => one.stream === stream && one.untilMs > kernel.nowMs);
    if (open !== undefined) {
      open.lines.push(line);
      return open.name;
    }
    const name = `batch-${++this.#batches}`;
    const untilMs = kernel.nowMs + between(draw, `${name} collects`, 200, 15_000);
    const made = { stream, untilMs, lines: [line], name };
    this.#open.push(made);
    kernel.at(untilMs, () => {
      const document = logsDocument(made.lines, {
        logGroup: stream,
        logStream: "falco-1",
        fromMs: untilMs,
        prefix: name.slice("batch-".length).padStart(4, "0"),
      });
      this.#system.deliver({ name, document });
      if (this.#engine.occurs("subscription batch twice", name))
        kernel.after(between(draw, `${name} again`, 10, 90_000), () => this.#system.deliver({ name, document }));
    });
    return name;
  }

  /** Approves, denies or takes back something, if there is anything to decide. */
  #person(nth: number): void {
    const { draw, kernel } = this.#engine;
    const { table } = this.#system;
    const waiting = table
      .ofType("order")
      .map(readOrder)
      .filter(({ verb, state }) => verb === "approve" && state === "awaiting");
    const undoable = table
      .ofType("receipt")
      .map((item) => ({ incident: item.pk.replace("INCIDENT#", ""), ...unpack<ReceiptBody>(item, "receipt").receipt }))
      .filter(({ undo, undoing }) => undo.possible && undoing !== true);
    const decides = waiting.length > 0 && (undoable.length === 0 || draw(`decides ${nth}`) < 0.65);
    const order = waiting[Math.floor(draw(`which order ${nth}`) * waiting.length)];
    const receipt = undoable[Math.floor(draw(`which receipt ${nth}`) * undoable.length)];
    const verb = decides ? (draw(`yes ${nth}`) < 0.7 ? "approve" : "deny") : "undo";
    const about = decides ? order : receipt;
    if (about === undefined) return;
    const action = decides ? (order?.key ?? null) : (receipt?.action ?? null);
    const request = { verb, incident: about.incident, action, target: about.target } as const;
    kernel.tell(`person ${nth}`, `${verb} ${action} on ${about.target.slice(-8)} of ${about.incident}`);
    const question = `${about.incident} ${about.target} ${action}`;
    if (verb === "approve") this.yes.add(question);
    const ask = (by: string, tries: number): void =>
      this.#system.operate(request, by, (status) => {
        if (status === null && tries > 0) kernel.after(20 * SECOND, () => ask(by, tries - 1));
      });
    ask(`person-${nth}`, 2);
    if (this.#engine.occurs("person clicks twice", `person ${nth}`, 2)) {
      const other = draw(`other way ${nth}`) < 0.5 && decides ? (verb === "approve" ? "deny" : "approve") : verb;
      if (other === "approve") this.yes.add(question);
      kernel.after(between(draw, `second click ${nth}`, 0, 600), () =>
        this.#system.operate({ ...request, verb: other }, `person-${nth}b`, () => undefined),
      );
    }
  }

  #accidents(): void {
    const { draw, kernel } = this.#engine;
    const { world } = this.#system;
    const times = (name: string): number[] => Array.from({ length: 4 }, (_, at) => between(draw, `${name} ${at}`, 10, 14 * 60) * SECOND);
    const accident = (fault: Parameters<Engine["occurs"]>[0], name: string, odds: number, happens: (at: number) => string | null): void => {
      for (const [at, afterMs] of times(name).entries())
        kernel.after(afterMs, () => {
          this.#engine.current = null;
          if (!this.#engine.occurs(fault, `${name} ${at}`, odds)) return;
          const what = happens(at);
          kernel.tell("world", `${name}: ${what ?? "nobody there"}`);
          world.observe();
        });
    };
    accident("task exits", "a task exits", 2, (at) => {
      const gone = world.exitTask(draw(`exits ${at}`));
      // Whoever protected it protects nobody any more: its mark went with it.
      if (gone !== null) this.#system.protectedAtMs.delete(gone);
      return gone;
    });
    accident("pod replaced", "a pod is replaced", 2, () => world.replacePod("shop"));
    accident("name reused", "a pod's name is reused", 2, () => world.replacePod("db"));
    accident("container restarts", "a container restarts", 2, (at) => world.restartContainer(draw(`restarts ${at}`)));
    accident("person scales", "somebody scales", 2, (at) => {
      const service = oneOf(draw, `scales ${at}`, ["web", "api"]);
      const count = between(draw, `scales to ${at}`, 1, 3);
      world.scale(service, count);
      return `service ${service} to ${count}`;
    });
    accident("person protects", "somebody protects", 4, (at) => {
      const asked = this.#system.table
        .ofType("order")
        .map(readOrder)
        .filter(({ state }) => state === "awaiting");
      const target = asked[Math.floor(draw(`protects ${at}`) * asked.length)]?.target;
      if (target === undefined || !world.protect(target)) return null;
      this.#system.protectedAtMs.set(target, kernel.nowMs);
      return target;
    });
    accident("agent away", "an agent goes away", 1, (at) => {
      world.agent(false);
      kernel.after(between(draw, `away ${at}`, 1, 25) * MINUTE, () => {
        world.agent(true);
        world.tick();
      });
      return "its tasks hear of no stop";
    });
    accident("switch on", "somebody pauses", 1, (at) => {
      this.#pause(between(draw, `paused ${at}`, 20, 400) * SECOND);
      return "every action";
    });
  }

  #pause(forMs: number): void {
    const { kernel } = this.#engine;
    const period = { fromMs: kernel.nowMs, untilMs: Number.POSITIVE_INFINITY };
    const write = (paused: boolean): void => {
      const version = (this.#system.table.peek(SWITCH)?.version ?? 0) + 1;
      void this.#system.table.transact([
        { op: "put", item: { ...SWITCH, type: "switch", version, at: new Date(kernel.nowMs).toISOString(), paused }, when: null },
      ]);
    };
    if (this.#isPaused()) return;
    write(true);
    this.switchedOn.push(period);
    kernel.after(forMs, () => {
      period.untilMs = kernel.nowMs;
      write(false);
      kernel.tell("world", "somebody resumes");
    });
  }

  #isPaused(): boolean {
    return this.#system.table.peek(SWITCH)?.["paused"] === true;
  }
}
