import type { Notice } from "#shared/domain/notice.ts";
import type { Registry } from "#shared/domain/registry.ts";
import { iso, pack, unpack } from "#shared/ledger/items.ts";
import { choreKey, HELD_PK } from "#shared/ledger/keys.ts";
import { noticeWrites } from "#shared/ledger/notices.ts";
import type { Pause, Source } from "#shared/pipeline/switch/pauses.ts";
import type { Item, Table, Write } from "#shared/ports/table.ts";

/** Body of CHORE#switch / <source>: what people were last told. Kept for ever: forgotten, a pause might end unheard. */
interface ToldBody {
  readonly paused: boolean;
  /** Of the pause that was told; as its source said. */
  readonly since: string | null;
  readonly pausedAtMs: number;
  readonly toldAtMs: number;
}

export const SWITCH_CHORE = "switch";
const REMIND_MS = 4 * 3_600_000;

export const toldKey = (source: Source) => choreKey(SWITCH_CHORE, source);

/**
 * What is to be told of this source now, and remembered as told; none: nothing is new. The first write is the memory, with its condition.
 * `was`: what it was a moment ago, for whoever sets it: a pause that nobody was told of yet does not end unheard.
 */
export async function tellingWrites(
  pause: Pause,
  was: Pause | null,
  told: Item | null,
  registry: Registry,
  table: Pick<Table, "query">,
  nowMs: number,
  signal: AbortSignal,
): Promise<readonly Write[]> {
  const known = told === null ? null : unpack<ToldBody>(told, "chore");
  const before = known?.paused !== true && was?.paused === true ? untold(was, nowMs) : known;
  const notice = await newsOf(pause, before, registry, table, nowMs, signal);
  if (notice === null) return [];
  const isSame = pause.paused && isTold(pause, before);
  const body: ToldBody = {
    paused: pause.paused,
    since: pause.since,
    pausedAtMs: isSame && before !== null ? before.pausedAtMs : msOf(pause.since, nowMs),
    toldAtMs: nowMs,
  };
  const item = pack(toldKey(pause.source), "chore", (told?.version ?? 0) + 1, nowMs, body);
  const when = told === null ? ({ kind: "absent" } as const) : ({ kind: "version", version: told.version } as const);
  return [{ op: "put", item, when }, ...noticeWrites(notice, iso(nowMs), registry.notifications.system, nowMs)];
}

const untold = ({ since }: Pause, nowMs: number): ToldBody => ({ paused: true, since, pausedAtMs: msOf(since, nowMs), toldAtMs: 0 });

const msOf = (time: string | null, otherwise: number): number => Math.min(otherwise, time === null ? otherwise : Date.parse(time));

const isTold = ({ since }: Pause, before: ToldBody | null): boolean => before?.paused === true && before.since === since;

async function newsOf(
  pause: Pause,
  before: ToldBody | null,
  registry: Registry,
  table: Pick<Table, "query">,
  nowMs: number,
  signal: AbortSignal,
): Promise<Notice | null> {
  if (!pause.paused) return before?.paused === true ? await resumed(pause, before, table, nowMs, signal) : null;
  if (before === null || !isTold(pause, before)) return paused(pause, registry);
  const untilMs = pause.until === null ? null : Date.parse(pause.until);
  const isOver = untilMs !== null && untilMs <= nowMs && before.toldAtMs < untilMs;
  return isOver || nowMs >= before.toldAtMs + REMIND_MS ? still(pause, before, isOver, registry, nowMs) : null;
}

const whereOf = (source: Source): string =>
  source === "fleet" || source === "parameter" ? "everywhere" : `in ${source.replace("/", " ")}`;

/** How it is ended, by whatever set it. */
function remedyOf(source: Source, { switchParameter, region }: Registry): string {
  if (source === "parameter")
    return `aws ssm put-parameter --region ${region} --name ${switchParameter ?? "<parameter>"} --value run --overwrite`;
  return source === "fleet" ? "npm run responder -- resume" : `npm run responder -- resume --cluster ${source.slice("cluster/".length)}`;
}

const HOLDS = "New actions, approved ones and deletions by time wait. Alerts are still told and evidence is kept; undo and release work.";

const paused = (pause: Pause, registry: Registry): Notice => ({
  kind: "paused",
  subject: pause.source,
  severity: "critical",
  title: `Paused: nothing is acted on ${whereOf(pause.source)}`,
  lines: [
    `${capital(pause.because)}.`,
    HOLDS,
    ...(pause.until === null ? [] : [`Meant until ${pause.until}: you are reminded then. It does not end by itself.`]),
  ],
  remedy: remedyOf(pause.source, registry),
});

const still = (pause: Pause, { pausedAtMs }: ToldBody, isOver: boolean, registry: Registry, nowMs: number): Notice => ({
  kind: "paused",
  subject: pause.source,
  severity: "warning",
  title: isOver
    ? `Still paused ${whereOf(pause.source)}, and the time that was meant for it is over`
    : `Still paused ${whereOf(pause.source)}, for ${Math.max(1, Math.round((nowMs - pausedAtMs) / 3_600_000))} h`,
  lines: [`${capital(pause.because)}.`, HOLDS],
  remedy: remedyOf(pause.source, registry),
});

const MOST_NAMED = 20;
const MOST_HELD = 1_000;

async function resumed(
  pause: Pause,
  { pausedAtMs }: ToldBody,
  table: Pick<Table, "query">,
  nowMs: number,
  signal: AbortSignal,
): Promise<Notice> {
  const held = await heldSince(pause.source, pausedAtMs, table, signal);
  const incidents = [...new Set(held.map(({ incident }) => String(incident)))];
  const named = incidents.slice(0, MOST_NAMED).join(", ");
  const more = incidents.length > MOST_NAMED ? ` and ${incidents.length - MOST_NAMED} more` : "";
  const count = held.length === MOST_HELD ? `at least ${MOST_HELD}` : String(held.length);
  return {
    kind: "resumed",
    subject: pause.source,
    severity: "info",
    title: `Resumed: this pause is over ${whereOf(pause.source)}`,
    lines: [
      `${capital(pause.because)}. It was paused for ${Math.max(1, Math.round((nowMs - pausedAtMs) / 60_000))} min.`,
      held.length === 0
        ? "It held no action."
        : `It held ${count} ${held.length === 1 ? "action" : "actions"}, in incidents ${named}${more}.`,
      ...(held.length === 0
        ? []
        : ["What was held is not made up for: it is acted on when its alert comes again, as long as that is younger than maxAge."]),
    ],
    remedy: held.length === 0 ? null : `npm run responder -- show ${incidents[0] ?? "<incident>"}`,
  };
}

async function heldSince(source: Source, sinceMs: number, table: Pick<Table, "query">, signal: AbortSignal): Promise<readonly Item[]> {
  const since = iso(sinceMs);
  const all = await table.query(HELD_PK, "", signal, MOST_HELD);
  return all.filter(({ at, cluster }) => at >= since && (!source.startsWith("cluster/") || source === `cluster/${String(cluster)}`));
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
