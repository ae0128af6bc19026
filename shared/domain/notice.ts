/**
 * What the system itself has to tell: paused, a budget exceeded, a sensor silent, a gap in delivery, an incident unanswered. Not about one
 * target, so it has no decisions and no receipts. Texts may hold names of others (clusters, nodes, streams): every form renders them inert.
 */
export interface Notice {
  /** What it is about, in one word for programs: letters, digits and hyphens, such as `paused` or `sensor-silent`. */
  readonly kind: string;
  /** What it concerns: `fleet`, a cluster, a node, an incident. */
  readonly subject: string;
  readonly severity: "info" | "warning" | "critical";
  readonly title: string;
  readonly lines: readonly string[];
  /** What a person can do, best as a command; null: nothing needs to be done. */
  readonly remedy: string | null;
}
