import type { Fields } from "#shared/domain/alert.ts";
import type { QueueEntry, Sensor } from "#shared/domain/queue-entry.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { Workload } from "#shared/domain/workload.ts";
import type { Reach } from "#shared/playbooks/playbook.ts";
import type { Clock } from "#shared/ports/clock.ts";

export const NOW = Date.parse("2026-03-01T12:00:00Z");

export const ecsCluster: Cluster = {
  name: "shop-prod",
  kind: "ecs",
  account: "111122223333",
  region: "eu-west-1",
  sources: [{ logGroup: "/falco/shop", streamPrefix: "" }],
  awsName: "shop",
  mergeKeys: [],
  access: null,
  roleArn: null,
  externalId: null,
};

/** With a log group of its own: no line may be read for two clusters. */
export const kubeCluster: Cluster = {
  ...ecsCluster,
  name: "kube-prod",
  kind: "kubernetes",
  awsName: "kube-prod",
  sources: [{ logGroup: "/falco/kube", streamPrefix: "" }],
};

/** For reaches whose playbooks keep nothing. */
export const keepsNothing: Reach["keep"] = () => Promise.reject(new Error("the test keeps no evidence"));

export interface Accusation {
  readonly cluster?: string | null;
  readonly containerId?: string | null;
  readonly fields?: Fields;
  readonly sensor?: Partial<Sensor>;
  readonly hostname?: string | null;
  readonly ageMs?: number | null;
  readonly onHost?: boolean;
  readonly internal?: boolean;
}

export function entry(cluster: Cluster, accusation: Accusation = {}): QueueEntry {
  const { containerId = null, fields = {}, sensor = {}, hostname = null, ageMs = 600_000 } = accusation;
  return {
    schema: "falco-responder/queue-entry/1",
    alert: {
      id: "0".repeat(64),
      rule: "Terminal shell in container",
      priority: "Critical",
      time: ageMs === null ? null : new Date(NOW - ageMs).toISOString(),
      timeMs: ageMs === null ? null : NOW - ageMs,
      source: "syscall",
      tags: [],
      hostname,
      output: null,
      fields: { "container.id": containerId, ...fields },
      containerId,
      onHost: accusation.onHost ?? false,
      internal: accusation.internal ?? false,
    },
    cluster: accusation.cluster === undefined ? cluster.name : accusation.cluster,
    accuser: { account: "111122223333", logGroup: "/falco/shop", logStream: "s", eventId: "1", verified: true, because: null },
    sensor: { taskArn: null, ecsCluster: null, ec2InstanceId: null, pod: null, ...sensor },
    rules: ["shell"],
    policyVersion: "000000000000",
    count: 1,
    batch: "b",
    receivedMs: NOW,
    tell: null,
    wholeAt: null,
  };
}

/** Time passes only by sleeping; `onSleep` is what happens in the world meanwhile. */
export function testClock(onSleep: (nth: number) => void = () => undefined): Clock & { readonly slept: number[] } {
  let now = NOW;
  const slept: number[] = [];
  return {
    slept,
    now: () => now,
    sleep: (ms) => {
      now += ms;
      slept.push(ms);
      onSleep(slept.length);
      return Promise.resolve();
    },
  };
}

export const never = new AbortController().signal;

/** The workload, when it was found; fails the test otherwise. */
export function found(resolution: { readonly kind: string; readonly workload?: Workload; readonly because?: string }): Workload {
  if (resolution.kind !== "found" || resolution.workload === undefined)
    throw new Error(`not found: ${resolution.because ?? resolution.kind}`);
  return resolution.workload;
}
