import type { Params } from "#shared/playbooks/playbook.ts";

export interface Bounds {
  readonly key: string;
  readonly min: number;
  readonly max: number;
  readonly preset: number;
  readonly unit: string;
}

/** A parameter as a whole number within its bounds, or why not. */
export function wholeNumber(params: Params, { key, min, max, preset, unit }: Bounds): number | string {
  const given = params[key] ?? preset;
  const value = typeof given === "string" && /^\d{1,6}$/.test(given) ? Number(given) : given;
  if (typeof value !== "number" || !Number.isInteger(value)) return `${key} must be a whole number of ${unit}`;
  return value < min || value > max ? `${key} must be ${min} to ${max} ${unit}` : value;
}

/** "30m", "24h" as milliseconds; null when it is not given; or why not. */
export function duration(params: Params, key: string, maxHours = 720): number | null | { readonly because: string } {
  const given = params[key];
  if (given === undefined) return null;
  const found = typeof given === "string" ? /^([1-9]\d{0,5})(s|m|h)$/.exec(given) : null;
  if (found === null) return { because: `${key} must be a number of s, m or h, such as 24h` };
  const ms = Number(found[1]) * (found[2] === "s" ? 1_000 : found[2] === "m" ? 60_000 : 3_600_000);
  return ms > maxHours * 3_600_000 ? { because: `${key} must be at most ${maxHours}h` } : ms;
}
