import type { Alert } from "#shared/domain/alert.ts";

/** The spellings in which Falco says that it has no value. */
const ABSENT: readonly string[] = ["", "<NA>"];

/** What the alert claims in one of several spellings of a field: a text, null (no claim), or `conflict` when two spellings disagree. */
export function claimed(alert: Alert, ...keys: readonly string[]): string | null | { readonly conflict: string } {
  const said = new Set<string>();
  for (const key of keys) {
    const value = Object.hasOwn(alert.fields, key) ? alert.fields[key] : undefined;
    if (value === undefined || value === null) continue;
    if (typeof value !== "string") return { conflict: `the alert's ${key} is not a text` };
    if (!ABSENT.includes(value)) said.add(value);
  }
  if (said.size > 1) return { conflict: `the alert's ${keys.join(" and ")} disagree` };
  return [...said][0] ?? null;
}

/** `<task id>-<9 or 10 digits>`, as Fargate writes it; complete, so it is compared whole. */
const FARGATE = /^[0-9a-f]{32}-\d{1,12}$/;
const HEX = /^[0-9a-f]{12,64}$/;

export const isContainerId = (id: string): boolean => HEX.test(id) || FARGATE.test(id);

/** Falco gives the first 12 (or more) hex digits of the id that the runtime uses. */
export function sameContainer(alertId: string, runtimeId: string | null): boolean {
  if (runtimeId === null) return false;
  const whole = runtimeId.toLowerCase();
  return FARGATE.test(alertId) ? whole === alertId : HEX.test(alertId) && whole.startsWith(alertId);
}
