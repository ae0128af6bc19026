import { hash } from "node:crypto";
import type { Lane } from "#shared/domain/action.ts";
import type { Alert } from "#shared/domain/alert.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Order } from "#shared/domain/order.ts";
import type { Policy, PolicyRule } from "#shared/domain/policy.ts";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import type { Registry } from "#shared/domain/registry.ts";
import type { RespondPorts } from "#shared/pipeline/respond.ts";
import type { SweepPorts } from "#shared/pipeline/sweep.ts";
import type { OutgoingMessage } from "#shared/ports/channel.ts";
import type { Clock } from "#shared/ports/clock.ts";
import type { ParameterSays } from "#shared/ports/switch.ts";
import type { Telemetry } from "#shared/ports/telemetry.ts";
import { ecsCluster, entry, kubeCluster, NOW } from "../playbooks/builders.ts";
import { FakeAws } from "./aws.ts";
import { fakeAccess } from "./cluster-access.ts";
import { FakeKubernetes } from "./kubernetes.ts";
import { FakeTable } from "./table.ts";

export const registry: Registry = {
  schema: "falco-responder/registry/1",
  account: "111122223333",
  region: "eu-west-1",
  clusters: [ecsCluster, kubeCluster],
  notifications: { channels: [{ name: "oncall", kind: "sns", topicArn: "arn:aws:sns:eu-west-1:111122223333:oncall" }], system: ["oncall"] },
};

export const shellRule: PolicyRule = {
  name: "shell",
  match: { rule: ["Terminal shell in container"] },
  actions: [
    { action: "ecs:stop-task", params: {}, mode: "enforce", evidence: "best-effort" },
    { action: "kubernetes:terminate", params: {}, mode: "enforce", evidence: "best-effort" },
  ],
  notify: ["oncall"],
  mode: "enforce",
};

export const policyOf = (rules: readonly PolicyRule[] = [shellRule], more: Partial<Policy> = {}): Policy => ({
  schema: "falco-responder/policy/1",
  version: "000000000000",
  mode: "enforce",
  maxAgeSeconds: 900,
  protect: { clusters: [], namespaces: ["kube-system"], services: [], families: [], priorityClasses: [], labels: {} },
  budgets: { windowSeconds: 600, cluster: 100, fleet: 200, owner: 100 },
  recurrence: { times: 1_000, windowSeconds: 3_600, ladder: [] },
  approvalSeconds: 14_400,
  rules,
  index: {
    exact: Object.fromEntries([["Terminal shell in container", rules.map((_, position) => position)]]),
    patterns: [],
    any: [],
  },
  ...more,
});

/** Everything respond and sweep touch, in memory, with the real effects counted. Time passes by sleeping and by `later`. */
export class World {
  readonly table = new FakeTable();
  readonly aws = new FakeAws(() => this.#now);
  readonly ecs = this.aws.ecs;
  readonly kubernetes = new FakeKubernetes();
  readonly evidence = new Map<string, string>();
  /** What was sent to lanes. */
  readonly orders: { readonly lane: Lane; readonly order: Order; readonly group: string; readonly dedup: string }[] = [];
  lanes: readonly Lane[] = ["ecs", "kubernetes"];
  readonly dead: { readonly body: string; readonly because: string }[] = [];
  readonly messages: OutgoingMessage[] = [];
  readonly counts = new Map<string, number>();
  evidenceBroken = false;
  /** What the switch's parameter says. */
  parameter: ParameterSays = { says: "run" };
  /** What sleeping takes beside the world's own time: real time, where a part of the world is real. */
  pass: (ms: number) => Promise<void> = () => Promise.resolve();
  registry = registry;
  policy: Policy;
  #now = NOW;
  #ids = 0;

  constructor(policy: Policy = policyOf()) {
    this.policy = policy;
    this.ecs.ticksByItself = true;
    this.kubernetes.ticksByItself = true;
  }

  readonly clock: Clock = {
    now: () => this.#now,
    sleep: (ms, signal) => {
      signal.throwIfAborted();
      this.#now += ms;
      return this.pass(ms);
    },
  };

  readonly telemetry: Telemetry = {
    info: () => undefined,
    warn: () => undefined,
    error: () => undefined,
    count: (name, value, dimensions) => {
      const key = [name, ...Object.values(dimensions ?? {})].join(" ");
      this.counts.set(key, (this.counts.get(key) ?? 0) + value);
    },
    latency: () => undefined,
  };

  later(ms: number): void {
    this.#now += ms;
  }

  respondPorts(): RespondPorts {
    return {
      table: this.table,
      access: fakeAccess({ ...this.aws.given(), kubernetes: this.kubernetes }),
      evidence: {
        put: (key, body) => {
          if (this.evidenceBroken) return Promise.reject(new PipelineError("aws_denied", "no bucket"));
          this.evidence.set(key, String(body));
          return Promise.resolve({ sha256: hash("sha256", body, "hex") });
        },
      },
      deadLetters: {
        put: (body, because) => {
          this.dead.push({ body, because });
          return Promise.resolve();
        },
      },
      lanes: this.lanes,
      orders: {
        send: (lane, order, group, dedup) => {
          if (!this.orders.some((sent) => sent.dedup === dedup)) this.orders.push({ lane, order, group, dedup });
          return Promise.resolve();
        },
      },
      clock: this.clock,
      telemetry: this.telemetry,
      policy: this.policy,
      registry: this.registry,
      switchParameter: { read: () => Promise.resolve(this.parameter) },
      newId: () => `owner-${++this.#ids}`,
    };
  }

  sweepPorts(): SweepPorts {
    const { table, access, clock, telemetry, newId, orders, switchParameter } = this.respondPorts();
    const channel = {
      send: (message: OutgoingMessage) => {
        this.messages.push(message);
        return Promise.resolve({ kind: "sent", reference: null } as const);
      },
    };
    return { table, access, clock, telemetry, registry: this.registry, policy: this.policy, newId, channel, orders, switchParameter };
  }

  /** Bodies of items of a type, as the ledger holds them. */
  bodies<T>(type: string): readonly T[] {
    return this.table.ofType(type).map(({ body }) => JSON.parse(String(body)) as T);
  }
}

let made = 0;

/** An alert about a running task of the fake ECS, ten seconds old, as ingest would queue it. */
export function taskEntry(
  world: World,
  given: { readonly taskArn: string; readonly containerId: string },
  more: Partial<QueueEntry> & { readonly about?: Partial<Alert> } = {},
): QueueEntry {
  const { about = {}, ...rest } = more;
  const fields = { "container.label[com.amazonaws.ecs.task-arn]": given.taskArn };
  return identified(entry(ecsCluster, { containerId: given.containerId.slice(0, 12), fields }), world, about, rest);
}

export function podEntry(
  world: World,
  given: { readonly namespace: string; readonly name: string; readonly node: string | null; readonly containerId: string },
  more: Partial<QueueEntry> & { readonly about?: Partial<Alert> } = {},
): QueueEntry {
  const { about = {}, ...rest } = more;
  const fields = { "k8s.ns.name": given.namespace, "k8s.pod.name": given.name };
  const accusation = { containerId: given.containerId.slice(0, 12), fields, hostname: given.node };
  return identified(entry(kubeCluster, accusation), world, about, rest);
}

function identified(plain: QueueEntry, world: World, about: Partial<Alert>, rest: Partial<QueueEntry>): QueueEntry {
  const id = (++made).toString(16).padStart(64, "0");
  const timeMs = world.clock.now() - 10_000;
  return { ...plain, ...rest, alert: { ...plain.alert, id, timeMs, time: new Date(timeMs).toISOString(), ...about } };
}
