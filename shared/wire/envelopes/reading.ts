import type { Candidate } from "#shared/wire/falco/alert.ts";
import type { JsonObject } from "#shared/wire/record.ts";

/** What one log event holds, by the envelope alone. Only `alert` may become an alert that acts. */
export type Reading =
  | { readonly kind: "alert"; readonly candidate: Candidate; readonly record: JsonObject | null }
  | { readonly kind: "ignored"; readonly reason: string }
  | { readonly kind: "unreadable"; readonly because: string; readonly remedy: string | null }
  | Part;

/** A piece of a line that was split at 16 KB. */
export interface Part {
  readonly kind: "part";
  /** Pieces of one line share it. */
  readonly line: string;
  readonly text: string;
  /** FireLens counts from 1; null where the order of arrival is the order of the pieces. */
  readonly ordinal: number | null;
  readonly last: boolean;
  readonly record: JsonObject | null;
  /** What the piece is when it belongs to no line: the last piece of a CRI line may be a whole line. Null: a fragment. */
  readonly alone: Reading | null;
}

export const unreadable = (because: string, remedy: string | null = null): Reading => ({ kind: "unreadable", because, remedy });
