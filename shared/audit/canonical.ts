import { hash } from "node:crypto";

/** JSON text of a value with the keys of every object in order: one text, whoever wrote or read it. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) => (isPlain(inner) ? ordered(inner) : inner));

/** SHA-256 of the canonical text, hex. */
export const hashOfValue = (value: unknown): string => sha256(canonical(value));

export const sha256 = (text: string): string => hash("sha256", text, "hex");

const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const ordered = (value: Readonly<Record<string, unknown>>): object =>
  Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
