import type { Heard, Heartbeat, SensorNode } from "#shared/domain/sensor.ts";
import { heardOf } from "#shared/policy/sensor-names.ts";

/** What sweep remembers of the sensors of a cluster between two looks. */
export interface SensorsState {
  /** A heartbeat was heard at all: before, nothing can be missing. */
  readonly heartbeats: boolean;
  /** Since when it is looked at. */
  readonly sinceMs: number;
  /** Ids of the nodes when the cluster was last asked, for when it cannot be. */
  readonly nodes: readonly string[];
  readonly silent: Readonly<Record<string, Silent>>;
  readonly dropping: Readonly<Record<string, Dropping>>;
  /** Why nobody can tell who is silent, and since when; null: it can be told. */
  readonly blind: { readonly reason: Blind; readonly sinceMs: number } | null;
}

export interface Silent {
  readonly sinceMs: number;
  /** When it was last heard; null: not lately, or never. */
  readonly heardMs: number | null;
  /** Its own clock's time of the last alert: what arrives late and is not newer is no life. */
  readonly timeMs: number | null;
}

export interface Dropping {
  readonly sinceMs: number;
  readonly lastMs: number;
  readonly rule: string;
}

/**
 * no-heartbeats: none was ever heard. unknown-nodes: the cluster cannot be asked which nodes it has. no-names: sensors are heard, but none by
 * the name of a node.
 */
export type Blind = "no-heartbeats" | "unknown-nodes" | "no-names";

export interface Verdict {
  /** Silent now and not before. */
  readonly silent: readonly (Silent & { readonly id: string })[];
  readonly back: readonly string[];
  /** Was silent, and its node is no longer there. */
  readonly left: readonly string[];
  readonly dropping: readonly (Dropping & { readonly id: string })[];
  readonly dropsOver: readonly string[];
  /** Present: it has lasted long enough to be told. */
  readonly blind: Blind | null;
  /** When the next of those that already missed one will have missed them all; null: none. */
  readonly nextMs: number | null;
  readonly state: SensorsState;
}

/** Shipping, CloudWatch's delivery and ingest take so long at most when nothing is wrong; a heartbeat that is late is not missing. */
export const SLACK_MS = 15_000;
/** Until Falco runs on a node that has just joined: image, driver, rules. */
export const NEW_NODE_MS = 5 * 60_000;
/** Falco speaks of drops at most every 30 s (`syscall_event_drops.rate`); so long without a word of it, and they are over. */
export const DROPS_OVER_MS = 10 * 60_000;
/** A cluster that is being upgraded, a first deploy: so long nobody is told that it cannot be told. */
export const BLIND_MS = 15 * 60_000;

export const silentAfterMs = ({ everySeconds, missed }: Heartbeat): number => everySeconds * 1_000 * missed + SLACK_MS;

export const newState = (nowMs: number): SensorsState => ({
  heartbeats: false,
  sinceMs: nowMs,
  nodes: [],
  silent: {},
  dropping: {},
  blind: null,
});

/**
 * Who is silent, who is back, who loses events. Pure. `nodes` null: the cluster cannot be asked; then nobody is called silent, for a node
 * that left is silent too. `heard`: of the last `silentAfterMs` at least. All times but `timeMs` are of one clock, ours.
 */
export function judgeSensors(
  before: SensorsState,
  nodes: readonly SensorNode[] | null,
  heard: readonly Heard[],
  heartbeatHeard: boolean,
  heartbeat: Heartbeat,
  nowMs: number,
): Verdict {
  const heartbeats = before.heartbeats || heartbeatHeard;
  const find = heardOf(heard);
  const limit = silentAfterMs(heartbeat);
  const silent: Record<string, Silent> = {};
  const newly: (Silent & { readonly id: string })[] = [];
  const back: string[] = [];
  const known = new Set<string>();
  let nextMs: number | null = null;
  let named = 0;
  const hears = nodes !== null && heartbeats;
  for (const node of nodes ?? []) {
    known.add(node.id);
    const its = find(node);
    if (its !== null) named++;
    if (!heartbeats) continue;
    const was = before.silent[node.id];
    const isNews = its !== null && (was === undefined || isNewer(its.timeMs, was.timeMs));
    const dueMs = Math.max(isNews ? its.heardMs : Number.NEGATIVE_INFINITY, node.sinceMs + NEW_NODE_MS - limit) + limit;
    if (dueMs > nowMs) {
      if (was !== undefined) {
        if (isNews) back.push(node.id);
        else silent[node.id] = was;
      }
      const missesOne = its !== null && nowMs - its.heardMs > heartbeat.everySeconds * 1_000;
      if (missesOne && was === undefined && (nextMs === null || dueMs < nextMs)) nextMs = dueMs;
    } else if (was !== undefined) silent[node.id] = was;
    else {
      const now: Silent = { sinceMs: nowMs, heardMs: its?.heardMs ?? null, timeMs: its?.timeMs ?? null };
      newly.push({ id: node.id, ...now });
      silent[node.id] = now;
    }
  }
  // Signs without one known name: then every node would be called silent, and not one need be.
  const nameless = hears && known.size > 0 && named === 0 && heard.length > 0;
  const reason: Blind | null = nodes === null ? "unknown-nodes" : !heartbeats ? "no-heartbeats" : nameless ? "no-names" : null;
  // Without nodes there is nobody to be silent; with none that has a sensor there is nothing to say.
  const cannot = reason === "no-heartbeats" && known.size === 0 ? null : reason;
  const blindSince = before.blind?.reason === cannot ? before.blind.sinceMs : nowMs;
  const stays = cannot !== null;
  const left = stays ? [] : Object.keys(before.silent).filter((id) => !known.has(id));
  const drops = judgeDrops(before, nodes, heard, find, nowMs);
  return {
    silent: stays ? [] : newly,
    back: stays ? [] : back,
    left,
    dropping: drops.newly,
    dropsOver: drops.over,
    blind: cannot !== null && nowMs - blindSince >= BLIND_MS ? cannot : null,
    nextMs: stays ? null : nextMs,
    state: {
      heartbeats,
      sinceMs: before.sinceMs,
      nodes: nodes === null ? before.nodes : [...known].toSorted(),
      silent: stays ? before.silent : silent,
      dropping: drops.dropping,
      blind: cannot === null ? null : { reason: cannot, sinceMs: blindSince },
    },
  };
}

/** Of a redelivered line nothing is new. Without times it is believed. */
const isNewer = (timeMs: number | null, thanMs: number | null): boolean => timeMs === null || thanMs === null || timeMs > thanMs;

function judgeDrops(
  before: SensorsState,
  nodes: readonly SensorNode[] | null,
  heard: readonly Heard[],
  find: (node: SensorNode) => Heard | null,
  nowMs: number,
): { readonly dropping: Record<string, Dropping>; readonly newly: readonly (Dropping & { readonly id: string })[]; readonly over: readonly string[] } {
  const dropping: Record<string, Dropping> = {};
  const newly: (Dropping & { readonly id: string })[] = [];
  // By the node's id where it is known, else by what the sensor calls itself: lost events are told either way.
  const ids = new Map<Heard, string>();
  for (const node of nodes ?? []) {
    const its = find(node);
    if (its !== null) ids.set(its, node.id);
  }
  for (const one of heard) {
    const id = ids.get(one) ?? one.names[0];
    if (one.drops === null || id === undefined || nowMs - one.drops.heardMs >= DROPS_OVER_MS) continue;
    const was = before.dropping[id];
    const now = { sinceMs: was?.sinceMs ?? one.drops.heardMs, lastMs: one.drops.heardMs, rule: one.drops.rule };
    dropping[id] = now;
    if (was === undefined) newly.push({ id, ...now });
  }
  for (const [id, was] of Object.entries(before.dropping))
    if (dropping[id] === undefined && nowMs - was.lastMs < DROPS_OVER_MS) dropping[id] = was;
  return { dropping, newly, over: Object.keys(before.dropping).filter((id) => dropping[id] === undefined) };
}
