const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS };

/** `90s`, `30m`, `4h`, `2d`, also `1h30m`, in ms; null: it is none of these. */
export function durationMs(text: string): number | null {
  if (!/^(?:\d{1,6}[smhd])+$/.test(text)) return null;
  return [...text.matchAll(/(\d+)([smhd])/g)].reduce((sum, [, amount, unit]) => sum + Number(amount) * (UNITS[unit ?? ""] ?? 0), 0);
}

/** A duration before now (`2d`), or a time (ISO 8601, with its zone), in ms since the epoch; null: neither. */
export function instantMs(text: string, nowMs: number, direction: "before" | "after"): number | null {
  const duration = durationMs(text);
  if (duration !== null) return direction === "before" ? nowMs - duration : nowMs + duration;
  if (!/^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/.test(text)) return null;
  const ms = Date.parse(text);
  return Number.isFinite(ms) ? ms : null;
}

/** `3 min ago`, `in 4 h`. */
export function age(ms: number, nowMs: number): string {
  const span = Math.abs(nowMs - ms);
  const text =
    span < MINUTE_MS
      ? `${Math.floor(span / 1_000)} s`
      : span < HOUR_MS
        ? `${Math.floor(span / MINUTE_MS)} min`
        : span < 2 * DAY_MS
          ? `${Math.floor(span / HOUR_MS)} h`
          : `${Math.floor(span / DAY_MS)} d`;
  return ms > nowMs ? `in ${text}` : `${text} ago`;
}

/** In the zone of whoever reads (`TZ`), with UTC beside it unless that is the same: `2026-11-28 23:31 CET (22:31 UTC, 3 min ago)`. */
export function moment(ms: number, nowMs: number): string {
  const local = parts(ms);
  const utc = parts(ms, "UTC");
  const day = local.day === utc.day ? "" : `${utc.day} `;
  const beside = local.day === utc.day && local.time === utc.time ? "" : `${day}${utc.time} UTC, `;
  return `${local.day} ${local.time} ${local.zone} (${beside}${age(ms, nowMs)})`;
}

function parts(ms: number, timeZone?: string): { readonly day: string; readonly time: string; readonly zone: string } {
  const format = new Intl.DateTimeFormat("en-GB", {
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    timeZoneName: "short",
    ...(timeZone === undefined ? {} : { timeZone }),
  });
  const found = Object.fromEntries(format.formatToParts(new Date(ms)).map(({ type, value }) => [type, value]));
  return {
    day: `${found["year"]}-${found["month"]}-${found["day"]}`,
    time: `${found["hour"]}:${found["minute"]}`,
    zone: found["timeZoneName"] ?? "",
  };
}
