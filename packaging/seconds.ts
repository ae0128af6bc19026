import type { Plain } from "./yaml-file.ts";

/** "15m" in seconds; null: no duration, or none given. */
export function seconds(text: Plain | undefined): number | null {
  const found = /^(\d+)(s|m|h)$/.exec(String(text));
  return found === null ? null : Number(found[1]) * (found[2] === "s" ? 1 : found[2] === "m" ? 60 : 3_600);
}
