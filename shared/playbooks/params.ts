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
