import type { Priority } from "#shared/domain/priority.ts";

/** A value of `output_fields`. A number that a double cannot hold exactly is kept as its exact text, a string. */
export type FieldValue = string | number | boolean | null | readonly FieldValue[] | { readonly [key: string]: FieldValue };

export type Fields = Readonly<Record<string, FieldValue>>;

/** `source` of alerts about objects of a Kubernetes API, from its audit log. */
export const AUDIT = "k8s_audit";

/** One Falco alert, normalised. Every text in it is attacker-controlled. */
export interface Alert {
  /** SHA-256, hex, of cluster, rule, exact time text and output_fields: the same for every shipper. See docs/architecture.md. */
  readonly id: string;
  readonly rule: string;
  readonly priority: Priority;
  /** Falco's `time`, exact text; null when the alert carries none. */
  readonly time: string | null;
  /** `time` in ms since the epoch; null when absent or unreadable. */
  readonly timeMs: number | null;
  /** Falco's source; null when absent (matched as "syscall"). */
  readonly source: string | null;
  readonly tags: readonly string[];
  /** Falco's own hostname: the sensor, not the subject. */
  readonly hostname: string | null;
  readonly output: string | null;
  readonly fields: Fields;
  /** 12 to 64 lower-case hex, or a Fargate-style id; null when absent, "host" or not an id. */
  readonly containerId: string | null;
  /** `container.id` is "host": a process outside any container, never a target. */
  readonly onHost: boolean;
  /** Falco speaks of itself (drops, metrics, timeouts): never a target, whatever its priority. */
  readonly internal: boolean;
}
