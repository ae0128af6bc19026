import type { Payload } from "./payloads/text.ts";
import type { Outcome } from "./play-out.ts";

/** A way out of the system. */
export interface Route {
  readonly name: string;
  /** What went out by it, as its readers read it. */
  readonly of: (outcome: Outcome) => unknown;
  /** `wrong`: what else differs from the twin than the text in its place, or what that text may not hold. `slots`: how often the twin's stands there. */
  readonly check: (twin: unknown, hostile: unknown, payload: Payload) => { readonly wrong: string | null; readonly slots: number };
  /** Nothing of others may go out by it at all. */
  readonly closed?: true;
}

/** Ids and hashes follow from the text: they may differ, as ids. */
export const ids = (value: unknown): unknown => {
  if (typeof value === "string")
    return value
      .replace(/\b[0-9a-f]{64}\b/g, "#64")
      .replace(/\b[0-9a-f]{32}\b/g, "#32")
      .replace(/\b[0-9a-f]{16}\b/g, "#16");
  if (Array.isArray(value)) return value.map(ids);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, ids(one)]));
};

/** A harmless text must have come whole. */
export const exactly = ({ whole, text }: Payload, found: string): string | null =>
  whole === true && found !== text ? `not the whole text "${text}"` : null;
