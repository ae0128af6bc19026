import type { Resolution } from "#shared/domain/workload.ts";

/** What is told of a task that was found may be so old: its tags, and its service's, count until then. */
const FOUND_MS = 30_000;
/** A task that stops does not run again. */
const GONE_MS = 600_000;
const UNVERIFIED_MS = 5_000;
/** Containers with alerts that one function keeps in mind; the longest unseen is forgotten first. */
const MOST = 5_000;

interface Sighting {
  readonly resolution: Resolution;
  readonly untilMs: number;
}

/**
 * What was resolved lately, by all that a resolution is made from, so that a storm of alerts about one container asks ECS once. Good only
 * for decisions that touch nothing: whoever acts asks ECS again. Broken or lagging answers are not kept.
 */
export class Sightings {
  readonly #seen = new Map<string, Sighting>();
  readonly #most: number;

  constructor(most = MOST) {
    this.#most = most;
  }

  get size(): number {
    return this.#seen.size;
  }

  /** Null: nothing that still counts. */
  recall(key: string, nowMs: number): Resolution | null {
    const seen = this.#seen.get(key);
    return seen !== undefined && nowMs < seen.untilMs ? seen.resolution : null;
  }

  /** The task that was found, however long ago: a runtimeId never moves to another. A place to look first, not a fact. */
  taskArn(key: string): string | null {
    const resolution = this.#seen.get(key)?.resolution;
    return resolution?.kind === "found" ? resolution.workload.uid : null;
  }

  note(key: string, resolution: Resolution, nowMs: number): void {
    this.#seen.delete(key);
    if (resolution.kind === "unverified" && resolution.soon === true) return;
    const keep = resolution.kind === "found" ? FOUND_MS : resolution.kind === "gone" ? GONE_MS : UNVERIFIED_MS;
    this.#seen.set(key, { resolution, untilMs: nowMs + keep });
    if (this.#seen.size <= this.#most) return;
    const [oldest] = this.#seen.keys();
    if (oldest !== undefined) this.#seen.delete(oldest);
  }
}
