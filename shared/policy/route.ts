import { type Priority, rank } from "#shared/domain/priority.ts";
import type { Notifications, When } from "#shared/domain/registry.ts";
import type { Workload } from "#shared/domain/workload.ts";
import { globTest } from "#shared/policy/pattern.ts";

/** `workload`: only a verified one. `isOwed`: told although no rule asks for it (a forged line, one that came broken). */
export interface RouteFacts {
  readonly priority: Priority;
  readonly cluster: string | null;
  readonly workload: Workload | null;
  readonly isOwed: boolean;
}

/**
 * Names of the channels that are told. Where no channel of people has a `when`, those that the matching rules name (`named`), and a rule that
 * names none tells nobody. Where one has, the routes speak: every channel takes what fits its `when`, and `named` narrows that. What is to be
 * told and no channel takes goes to the system's. A bus gets everything that fits it, named or not.
 * A name that is no channel's (any more) stays: its message ends dead and alarmed instead of vanishing.
 */
export function route(named: readonly string[], about: RouteFacts, { channels, system }: Notifications): readonly string[] {
  const taking = channels.filter(({ when }) => when === undefined || takes(when, about));
  const programs = taking.flatMap(({ name, kind }) => (kind === "bus" ? [name] : []));
  const isRouted = channels.some(({ kind, when }) => kind !== "bus" && when !== undefined);
  if (named.length === 0 && !isRouted && !about.isOwed) return programs;
  const people = taking.flatMap(({ name, kind }) => (kind !== "bus" && (named.length === 0 || named.includes(name)) ? [name] : []));
  const lost = named.filter((name) => !channels.some((channel) => channel.name === name));
  const told = [...people, ...lost];
  return [...new Set([...(told.length > 0 ? told : system), ...programs])];
}

function takes(when: When, { priority, cluster, workload }: RouteFacts): boolean {
  if (when.priority !== undefined && rank(priority) < rank(when.priority)) return false;
  if (when.clusters !== undefined && !fits(when.clusters, cluster)) return false;
  const namespace = workload === null || workload.kind === "task" ? null : workload.namespace;
  if (when.namespaces !== undefined && !fits(when.namespaces, namespace)) return false;
  return Object.entries(when.labels ?? {}).every(([name, glob]) => fits([glob], labelOf(workload, name)));
}

const labelOf = (workload: Workload | null, name: string): string | null =>
  workload !== null && Object.hasOwn(workload.labels, name) ? (workload.labels[name] ?? null) : null;

const fits = (globs: readonly string[], text: string | null): boolean =>
  text !== null && globs.some((glob) => globTest(glob.toLowerCase())(text.toLowerCase()));
