import type { Heard, Heartbeat, SensorNode } from "#shared/domain/sensor.ts";
import { heardOf } from "#shared/policy/sensor-names.ts";

/** What sweep remembers of the sensors of a cluster between two looks. */
export interface SensorsState {
  /** When the first heartbeat was heard; null: none yet, and so nothing can be missing. */
  readonly heartbeatsSinceMs: number | null;
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
/** Until Falco runs on a node that has just joined (image, driver, rules), or on every node of a cluster in which it is made to write heartbeats. */
export const NEW_NODE_MS = 5 * 60_000;
/** Falco speaks of drops at most every 30 s (`syscall_event_drops.rate`); so long without a word of it, and they are over. */
export const DROPS_OVER_MS = 10 * 60_000;
/** A cluster that is being upgraded, a first deploy: so long nobody is told that it cannot be told. */
export const BLIND_MS = 15 * 60_000;

export const silentAfterMs = ({ everySeconds, missed }: Heartbeat): number => everySeconds * 1_000 * missed + SLACK_MS;

export const NEW_STATE: SensorsState = {
  heartbeatsSinceMs: null,
  nodes: [],
  silent: {},
  dropping: {},
  blind: null,
};

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
  const heartbeatsSinceMs = before.heartbeatsSinceMs ?? (heartbeatHeard ? nowMs : null);
  const find = heardOf(heard);
  const judged = (nodes ?? []).map((node) => judgeNode(node, find(node), before.silent[node.id], heartbeatsSinceMs, heartbeat, nowMs));
  const cannot = blindness(nodes, judged, heard.length > 0, heartbeatsSinceMs);
  const sinceMs = before.blind !== null && before.blind.reason === cannot ? before.blind.sinceMs : nowMs;
  const { dropping, newly, over } = judgeDrops(before, nodes ?? [], heard, find, nowMs);
  const known = new Set(judged.map(({ id }) => id));
  const certain = cannot === null;
  const soon = judged.flatMap(({ dueMs }) => dueMs ?? []);
  return {
    silent: certain ? judged.flatMap(({ id, silent, became }) => (became === "silent" && silent !== null ? [{ id, ...silent }] : [])) : [],
    back: certain ? judged.flatMap(({ id, became }) => (became === "back" ? [id] : [])) : [],
    left: certain ? Object.keys(before.silent).filter((id) => !known.has(id)) : [],
    dropping: newly,
    dropsOver: over,
    blind: cannot !== null && nowMs - sinceMs >= BLIND_MS ? cannot : null,
    nextMs: certain && soon.length > 0 ? Math.min(...soon) : null,
    state: {
      heartbeatsSinceMs,
      nodes: nodes === null ? before.nodes : [...known].toSorted(),
      silent: certain
        ? Object.fromEntries(judged.flatMap(({ id, silent }) => (silent === null ? [] : [[id, silent] as const])))
        : before.silent,
      dropping,
      blind: cannot === null ? null : { reason: cannot, sinceMs },
    },
  };
}

interface Judged {
  readonly id: string;
  /** Its sensor was heard lately, by whatever it calls itself. */
  readonly named: boolean;
  /** Null: it is not silent. */
  readonly silent: Silent | null;
  readonly became: "silent" | "back" | null;
  /** It has missed one heartbeat: when it will have missed them all. */
  readonly dueMs: number | null;
}

function judgeNode(
  { id, sinceMs }: SensorNode,
  its: Heard | null,
  was: Silent | undefined,
  heartbeatsSinceMs: number | null,
  heartbeat: Heartbeat,
  nowMs: number,
): Judged {
  const named = its !== null;
  if (heartbeatsSinceMs === null) return { id, named, silent: null, became: null, dueMs: null };
  const news = its !== null && (was === undefined || isNewer(its.timeMs, was.timeMs)) ? its : null;
  const newUntilMs = Math.max(sinceMs, heartbeatsSinceMs) + NEW_NODE_MS;
  const untilMs = news === null ? newUntilMs : Math.max(news.heardMs + silentAfterMs(heartbeat), newUntilMs);
  if (was !== undefined) {
    const isBack = untilMs > nowMs && news !== null;
    return { id, named, silent: isBack ? null : was, became: isBack ? "back" : null, dueMs: null };
  }
  if (untilMs <= nowMs) {
    const silent = { sinceMs: nowMs, heardMs: its?.heardMs ?? null, timeMs: its?.timeMs ?? null };
    return { id, named, silent, became: "silent", dueMs: null };
  }
  const missesOne = its !== null && nowMs - its.heardMs > heartbeat.everySeconds * 1_000;
  return { id, named, silent: null, became: null, dueMs: missesOne ? untilMs : null };
}

/** Of a redelivered line nothing is new. Without times it is believed. */
const isNewer = (timeMs: number | null, thanMs: number | null): boolean => timeMs === null || thanMs === null || timeMs > thanMs;

/** Without nodes there is nobody to be silent. Signs without one known name: then every node would be called silent, and not one need be. */
function blindness(
  nodes: readonly SensorNode[] | null,
  judged: readonly Judged[],
  anyHeard: boolean,
  heartbeatsSinceMs: number | null,
): Blind | null {
  if (nodes === null) return "unknown-nodes";
  if (nodes.length === 0) return null;
  if (heartbeatsSinceMs === null) return "no-heartbeats";
  return anyHeard && !judged.some(({ named }) => named) ? "no-names" : null;
}

interface Drops {
  readonly dropping: Readonly<Record<string, Dropping>>;
  readonly newly: readonly (Dropping & { readonly id: string })[];
  readonly over: readonly string[];
}

/** By the node's id where it is known, else by what the sensor calls itself: lost events are told either way. */
function judgeDrops(
  before: SensorsState,
  nodes: readonly SensorNode[],
  heard: readonly Heard[],
  find: (node: SensorNode) => Heard | null,
  nowMs: number,
): Drops {
  const ids = new Map(nodes.map((node) => [find(node), node.id]));
  const lasting = Object.entries(before.dropping).filter(([, { lastMs }]) => nowMs - lastMs < DROPS_OVER_MS);
  const dropping = new Map<string, Dropping>(lasting);
  const newly: (Dropping & { readonly id: string })[] = [];
  for (const one of heard) {
    const id = ids.get(one) ?? one.names[0];
    if (one.drops === null || id === undefined || nowMs - one.drops.heardMs >= DROPS_OVER_MS) continue;
    const was = before.dropping[id];
    const now = { sinceMs: was?.sinceMs ?? one.drops.heardMs, lastMs: one.drops.heardMs, rule: one.drops.rule };
    dropping.set(id, now);
    if (was === undefined) newly.push({ id, ...now });
  }
  return { dropping: Object.fromEntries(dropping), newly, over: Object.keys(before.dropping).filter((id) => !dropping.has(id)) };
}
