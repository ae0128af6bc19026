/** A parsed JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** A JSON object: neither null nor a list. */
export const isRecord = (value: unknown): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);
