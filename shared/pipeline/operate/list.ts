import { type OpenedBody, readOpened } from "#shared/ledger/day.ts";
import type { IncidentBody } from "#shared/ledger/incident.ts";
import { iso, unpack } from "#shared/ledger/items.ts";
import { dayPk, incidentPk, metaKey } from "#shared/ledger/keys.ts";
import { readOrder } from "#shared/ledger/order.ts";
import { type Answer, type IncidentRow, refused } from "#shared/pipeline/operate/answer.ts";
import type { FleetPorts } from "#shared/pipeline/operate/ports.ts";
import { factsOf } from "#shared/pipeline/operate/summary.ts";
import type { ListRequest } from "#shared/wire/operate.ts";

const DAY_MS = 86_400_000;
/** How far back without `sinceMs`; an incident is kept longer than the ledger's 400 days only while it is open. */
const USUAL_DAYS = 30;
const MOST_DAYS = 400;
/** Work of one call: days read at once and in all, incidents looked at at once and in all. */
const DAYS_AT_ONCE = 10;
const DAYS_PER_CALL = 100;
const LOOKS_AT_ONCE = 10;
const LOOKS_PER_CALL = 300;

const CURSOR = /^\d{4}-\d\d-\d\d(?:T[\d:.]{12}Z#[0-9a-f]{16})?$/;

/**
 * Incidents, the newest first, from the items that were written when they were opened (`DAY#`): no scan. What must be read of each is read
 * now, so a row is as true as the ledger. A page may be short and not the last: `next` says so.
 */
export async function list(request: ListRequest, ports: FleetPorts, signal: AbortSignal): Promise<Answer> {
  const { cursor } = request;
  if (cursor !== null && !CURSOR.test(cursor)) return refused("this cursor is none that a list has given: begin again without it");
  const nowMs = ports.clock.now();
  const sinceMs = Math.max(request.sinceMs ?? nowMs - USUAL_DAYS * DAY_MS, nowMs - MOST_DAYS * DAY_MS);
  const page: Page = { rows: [], looks: 0 };
  const upTo = (next: string | null): Answer => ({ kind: "listed", incidents: page.rows, next, sinceMs });
  let before = cursor ?? iso(nowMs + DAY_MS);
  for (let days = DAYS_AT_ONCE; ; days += DAYS_AT_ONCE) {
    const chunk = daysFrom(before, sinceMs);
    const oldest = chunk.at(-1);
    if (oldest === undefined) return upTo(null);
    const opened = (await openedIn(chunk, ports, signal)).filter(
      ({ sk, body }) => sk < before && body.openedAtMs >= sinceMs && isMeant(body, request),
    );
    const full = await fill(page, opened, request, ports, signal);
    if (full !== null) return upTo(full);
    if (days >= DAYS_PER_CALL) return upTo(oldest);
    before = oldest;
  }
}

interface Page {
  readonly rows: IncidentRow[];
  looks: number;
}

interface Found {
  readonly sk: string;
  readonly body: OpenedBody;
}

/** The cursor behind the last incident that was looked at, when the page is full or the work of a call is done; null: all were looked at. */
async function fill(
  page: Page,
  opened: readonly Found[],
  request: ListRequest,
  ports: FleetPorts,
  signal: AbortSignal,
): Promise<string | null> {
  const nowMs = ports.clock.now();
  for (let at = 0; at < opened.length; at += LOOKS_AT_ONCE) {
    const some = opened.slice(at, at + LOOKS_AT_ONCE);
    const rows = await Promise.all(some.map(({ body }) => rowOf(body.incident, nowMs, ports, signal)));
    for (const [nth, { sk }] of some.entries()) {
      const row = rows[nth] ?? null;
      page.looks++;
      if (row !== null && isWanted(row, request)) page.rows.push(row);
      if (page.rows.length === request.most || page.looks >= LOOKS_PER_CALL) return sk;
    }
  }
  return null;
}

/** Days (`2026-11-28`) at or before `before`, the newest first. A bare day has been read whole. */
function daysFrom(before: string, sinceMs: number): readonly string[] {
  const isRead = before.length === "2026-11-28".length;
  const first = Date.parse(before.slice(0, 10)) - (isRead ? DAY_MS : 0);
  return Array.from({ length: DAYS_AT_ONCE }, (_, nth) => iso(first - nth * DAY_MS).slice(0, 10)).filter(
    (day) => day >= iso(sinceMs).slice(0, 10),
  );
}

async function openedIn(days: readonly string[], { table }: FleetPorts, signal: AbortSignal): Promise<readonly Found[]> {
  const items = (await Promise.all(days.map((day) => table.query(dayPk(day), "", signal)))).flat();
  return items.map((item) => ({ sk: item.sk, body: readOpened(item) })).sort((a, b) => (a.sk < b.sk ? 1 : -1));
}

const isMeant = ({ cluster, rule }: OpenedBody, wanted: ListRequest): boolean =>
  (wanted.cluster === null || cluster === wanted.cluster) && (wanted.rule === null || rule === wanted.rule);

const isWanted = (row: IncidentRow, { state, waiting }: ListRequest): boolean =>
  (state === "all" || row.state === state) && (!waiting || row.waiting > 0);

async function rowOf(incident: string, nowMs: number, { table }: FleetPorts, signal: AbortSignal): Promise<IncidentRow | null> {
  const [meta, orders] = await Promise.all([
    table.get(metaKey(incident), signal),
    table.query(incidentPk(incident), "ORDER#approve#", signal),
  ]);
  if (meta === null) return null;
  const waiting = orders.map(readOrder).filter(({ state, atMs }) => state === "awaiting" && atMs > nowMs).length;
  return { ...factsOf(unpack<IncidentBody>(meta, "incident")), waiting };
}
