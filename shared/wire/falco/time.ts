const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,12})?(?:Z|[+-]\d\d:?\d\d)$/;

/** ms since the epoch of Falco's `time`; null without a zone or in any other form: an alert without time does not act. */
export function readTimeMs(text: string): number | null {
  if (!ISO.test(text)) return null;
  const zoned = text.endsWith("Z") || text.charAt(text.length - 3) === ":" ? text : `${text.slice(0, -2)}:${text.slice(-2)}`;
  const ms = Date.parse(zoned);
  return Number.isNaN(ms) ? null : ms;
}

/** `time` as exact text: as printed, or from the seconds and nanos of gRPC clients. Null for anything else. */
export function readTime(value: unknown): string | null {
  if (typeof value === "string") return value === "" ? null : value;
  if (typeof value !== "object" || value === null || !("seconds" in value) || !("nanos" in value)) return null;
  const { seconds, nanos } = value;
  if (typeof seconds !== "number" || typeof nanos !== "number" || !Number.isInteger(nanos) || nanos < 0 || nanos > 999_999_999) return null;
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > 253_402_300_799) return null;
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${String(nanos).padStart(9, "0")}Z`;
}
