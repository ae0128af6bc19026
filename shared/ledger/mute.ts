import { expiry, KEEP_HELPER_S, pack, unpack } from "#shared/ledger/items.ts";
import { MUTES_PK, muteId, muteKey } from "#shared/ledger/keys.ts";
import type { Item, Table, Write } from "#shared/ports/table.ts";

/** Body of MUTE: alerts of one policy rule about one owner or workload are recorded and counted, and neither acted on nor told. */
export interface MuteBody {
  readonly cluster: string;
  readonly rule: string;
  /** Owner or workload, as the incident names it. */
  readonly who: string;
  readonly reason: string;
  readonly by: string;
  readonly sinceMs: number;
  /** Over from this moment on, by itself; ending it sets this. */
  readonly untilMs: number;
  /** Who ended it before; null: nobody. */
  readonly endedBy: string | null;
}

/** unreadable: there, and this version cannot read what it says. */
export type Mute =
  | { readonly kind: "mute"; readonly id: string; readonly mute: MuteBody }
  | { readonly kind: "unreadable"; readonly id: string };

/** `id`: other than its own names say, where it ends one that cannot be read. */
export function muteWrite(
  mute: MuteBody,
  found: Item | null,
  nowMs: number,
  id: string = muteId(mute.cluster, mute.rule, mute.who),
): Write {
  const item = pack(muteKey(id), "mute", (found?.version ?? 0) + 1, nowMs, mute, { expires: expiry(mute.untilMs, KEEP_HELPER_S) });
  return { op: "put", item, when: found === null ? { kind: "absent" } : { kind: "version", version: found.version } };
}

export function readMute(item: Item): Mute {
  try {
    const mute = unpack<MuteBody>(item, "mute");
    const isWhole =
      Number.isFinite(mute.untilMs) && [mute.cluster, mute.rule, mute.who, mute.reason, mute.by].every((text) => typeof text === "string");
    return isWhole ? { kind: "mute", id: item.sk, mute } : { kind: "unreadable", id: item.sk };
  } catch {
    // Not lost: whoever asks for the mutes sees it, and what it is about is held and told.
    return { kind: "unreadable", id: item.sk };
  }
}

export const readMutes = async (table: Pick<Table, "query">, signal: AbortSignal): Promise<readonly Mute[]> =>
  (await table.query(MUTES_PK, "", signal)).map(readMute);

export const isActive = ({ untilMs }: MuteBody, nowMs: number): boolean => nowMs < untilMs;
