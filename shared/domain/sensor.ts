/** How a cluster's Falco says that it is alive (`clusters[].heartbeat`). */
export interface Heartbeat {
  /** Falco rule whose alerts are heartbeats: counted as ignored, never told. */
  readonly rule: string;
  readonly everySeconds: number;
  /** So many heartbeats in a row must be missing before a sensor is silent. */
  readonly missed: number;
  /** Nodes without a sensor by design: globs on names or instance ids. */
  readonly except: readonly string[];
}

/** Falco's own rule, with `metrics.output_rule: true`: https://falco.org/docs/concepts/metrics/falco-metrics/ */
export const PRESET_HEARTBEAT: Heartbeat = { rule: "Falco internal: metrics snapshot", everySeconds: 60, missed: 2, except: [] };

/** What one batch of log lines shows of one sensor. */
export interface Sign {
  /** As the lines name the sensor's node: EC2 instance id, hostname. The first is the best. */
  readonly names: readonly string[];
  /** Time of its newest alert in ms, by its own clock; null: it has none that can be read. */
  readonly timeMs: number | null;
  readonly heartbeat: boolean;
  /** The rule by which it said that it loses events; null: it did not. */
  readonly drops: string | null;
}

/** What is known of one sensor from many batches. `heardMs` is our clock: when something new of it first arrived. */
export interface Heard {
  readonly names: readonly string[];
  readonly heardMs: number;
  readonly timeMs: number | null;
  readonly drops: { readonly heardMs: number; readonly rule: string } | null;
}

/** A node that the cluster itself says is there. */
export interface SensorNode {
  /** Name of a Kubernetes node; EC2 or external instance id of an ECS container instance. */
  readonly id: string;
  /** Other names that its sensor may know itself by. */
  readonly names: readonly string[];
  /** In the cluster, and able to run a sensor, since. */
  readonly sinceMs: number;
}

/** Falco says in alerts of its own that it lost events: the kernel's (`syscall event drop`), or alerts that its output queue had no room for. */
export const saysDrops = (rule: string): string | null => (/^Falco internal: .*\bdrops?\b/i.test(rule) ? rule : null);
