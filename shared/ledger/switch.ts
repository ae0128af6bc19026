import { expiry, iso, KEEP_HELPER_S } from "#shared/ledger/items.ts";
import { heldKey } from "#shared/ledger/keys.ts";
import type { Item, Json, Key, Table, Write } from "#shared/ports/table.ts";

/** What a pause is about: everything, or what belongs to one registered cluster. */
export type SwitchScope = "fleet" | `cluster/${string}`;

export const scopeOfCluster = (name: string): SwitchScope => `cluster/${name}`;

export const SWITCH_PK = "SWITCH";

export const switchKey = (scope: SwitchScope): Key => ({
  pk: SWITCH_PK,
  sk: scope === "fleet" ? "FLEET" : `CLUSTER#${scope.slice("cluster/".length)}`,
});

/**
 * One item of the switch as people set it, by us or by plain AWS means. Only an absent item or `paused` exactly false lets a claim pass.
 * `until` is when whoever paused means to be done: people are reminded then, and it stays paused. A pause never ends by itself.
 */
export interface SwitchState {
  readonly scope: SwitchScope;
  readonly paused: boolean;
  /** There, and `paused` is no boolean. */
  readonly unreadable: boolean;
  readonly who: string | null;
  readonly why: string | null;
  /** ISO; null: whoever wrote it did not say. */
  readonly since: string | null;
  readonly until: string | null;
}

const MOST_CHARS = 300;

const textIn = (value: Json | undefined): string | null =>
  typeof value === "string" && value.trim() !== "" ? value.trim().slice(0, MOST_CHARS) : null;

const timeIn = (value: Json | undefined): string | null => {
  const ms = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isFinite(ms) ? iso(ms) : null;
};

/** Whatever stands in the item: people write it by hand at night. Null: no item, so not paused. */
export function readSwitch(scope: SwitchScope, item: Item | null): SwitchState {
  const paused = item !== null && item["paused"] !== false;
  return {
    scope,
    paused,
    unreadable: paused && item["paused"] !== true,
    who: textIn(item?.["who"]),
    why: textIn(item?.["why"]),
    since: timeIn(item?.["since"]) ?? timeIn(item?.at),
    until: timeIn(item?.["until"]),
  };
}

/** Every item of the switch that is there; an unknown one beside them stops nothing, since no claim looks at it. */
export async function readSwitches(table: Pick<Table, "query">, signal: AbortSignal): Promise<readonly SwitchState[]> {
  const items = await table.query(SWITCH_PK, "", signal);
  return items.flatMap((item) => {
    const scope = scopeIn(item.sk);
    return scope === null ? [] : [readSwitch(scope, item)];
  });
}

function scopeIn(sk: string): SwitchScope | null {
  if (sk === "FLEET") return "fleet";
  return sk.startsWith("CLUSTER#") ? scopeOfCluster(sk.slice("CLUSTER#".length)) : null;
}

/** Conditions of a claim: neither everything nor its cluster is paused. */
export const switchChecks = (cluster: string): readonly Write[] =>
  (["fleet", scopeOfCluster(cluster)] as const).map((scope) => ({ op: "check", key: switchKey(scope), when: { kind: "not-paused" } }));

/** The pause in words, as a reason; begins with "the kill switch is on". */
export function pauseWords({ scope, unreadable, who, why, since }: SwitchState): string {
  const where = scope === "fleet" ? "" : ` for ${scope.replace("/", " ")}`;
  if (unreadable) return `the kill switch is on${where}: its item in the ledger cannot be read, which counts as paused`;
  const told = [since === null ? "" : ` since ${since}`, who === null ? "" : ` by ${who}`].join("");
  return `the kill switch is on${where}${told === "" ? "" : `, paused${told}`}${why === null ? "" : `: ${why}`}`;
}

/** What somebody makes of the switch. */
export interface SwitchChange {
  readonly scope: SwitchScope;
  readonly paused: boolean;
  /** Who says so, as text for people: an ARN, a person of falco-responder.yml. */
  readonly who: string;
  readonly why: string | null;
  /** Pausing: when people are to be reminded; null: every four hours only. */
  readonly untilMs: number | null;
}

/**
 * The write of a change to the item that was read (null: none). Pausing is unconditional: two who pause at once both succeed. Resuming needs
 * the version that was read, so that it never ends a pause that nobody looked at.
 */
export function switchWrite({ scope, paused, who, why, untilMs }: SwitchChange, found: Item | null, nowMs: number): Write {
  const item: Item = {
    ...switchKey(scope),
    type: "switch",
    version: versionOf(found) + 1,
    at: iso(nowMs),
    schema: "falco-responder/switch/1",
    paused,
    who: who.slice(0, MOST_CHARS),
    why: why === null ? null : why.slice(0, MOST_CHARS),
    since: paused ? (standing(scope, found) ?? iso(nowMs)) : iso(nowMs),
    until: untilMs === null ? null : iso(untilMs),
  };
  if (paused) return { op: "put", item, when: null };
  return { op: "put", item, when: found === null ? { kind: "absent" } : { kind: "version", version: versionOf(found) } };
}

/** A pause that is paused once more is the same pause. */
function standing(scope: SwitchScope, found: Item | null): string | null {
  const state = readSwitch(scope, found);
  return state.paused ? state.since : null;
}

/** What a pause holds, so that whoever resumes is told of it: once for each target and action, however many alerts come. */
export function heldWrite(
  about: { readonly incident: string; readonly cluster: string | null; readonly target: string; readonly key: string },
  nowMs: number,
): Write {
  const { incident, cluster, target, key } = about;
  const item = { ...heldKey(incident, target, key), type: "held", version: 1, at: iso(nowMs), expires: expiry(nowMs, KEEP_HELPER_S) };
  return { op: "put", item: { ...item, incident, cluster, key }, when: null };
}

/** Written by hand, an item may have none: it cannot be a condition then (`hasVersion`). */
const versionOf = (item: Item | null): number => (item !== null && hasVersion(item) ? item.version : 0);

export const hasVersion = ({ version }: Item): boolean => Number.isSafeInteger(version);
