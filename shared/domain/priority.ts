/** Falco's priorities, least urgent first (https://falco.org/docs/concepts/rules/basic-elements/#priority). */
export const PRIORITIES = ["Debug", "Informational", "Notice", "Warning", "Error", "Critical", "Alert", "Emergency"] as const;

export type Priority = (typeof PRIORITIES)[number];

const RANK = new Map<string, number>(PRIORITIES.map((name, rank) => [name, rank]));
const BY_LOWER_NAME = new Map<string, Priority>([
  ...PRIORITIES.map((name) => [name.toLowerCase(), name] as const),
  ["info", "Informational"],
]);

/** 0 (Debug) to 7 (Emergency). */
export const rank = (priority: Priority): number => RANK.get(priority) ?? 0;

/**
 * Reads a priority as Falco prints it, in any case, `INFO`, or as the syslog number of gRPC clients (0 = Emergency to 7 = Debug).
 * Returns null for anything else.
 */
export function readPriority(value: unknown): Priority | null {
  if (typeof value === "string") return RANK.has(value) ? (value as Priority) : (BY_LOWER_NAME.get(value.toLowerCase()) ?? null);
  if (typeof value === "number" && Number.isInteger(value)) return PRIORITIES[7 - value] ?? null;
  return null;
}
