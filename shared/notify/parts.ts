import type { FieldValue } from "#shared/domain/alert.ts";
import type { DecisionKind } from "#shared/domain/decision.ts";
import type { Outcome } from "#shared/domain/receipt.ts";
import { redact } from "#shared/domain/redact.ts";
import { bare, clean, cut, inert } from "#shared/notify/text.ts";

/** Our own words as they are; `said`: words from elsewhere, shown so that they can do nothing; `command`: to be copied; `link`: made by us. */
export type Part = string | { readonly said: string } | { readonly command: string } | { readonly link: string; readonly label: string };
export type Line = readonly Part[];

/** What a story says, in one word each: for filters and colours. */
export interface Status {
  readonly decision: DecisionKind | "tell";
  readonly outcome: Outcome | "none";
}

/** The longest text of others that is shown in one piece. */
const LONGEST_SAID = 1_500;

/** A text of others: without secrets and hidden characters, at most `max` characters. Escaping is left to the form. */
export function said(text: string, max: number = LONGEST_SAID): { readonly said: string } {
  // Read more than is shown, because redaction shortens; not much more, because the text may be made to be slow.
  const read = 2 * max + 512;
  const shown = clean(text, read);
  return { said: shown === "" ? "(empty)" : cut(shown, max) };
}

/** A field of an alert, redacted with its name: `proc.env[DB_PASSWORD]` tells by its name alone. `read`: as for redact. */
export function fieldText(name: string, value: FieldValue, read?: number): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const key =
    inert(bare(name.slice(0, 256)))
      .replace(/\]$/, "")
      .split(/[[\s]/)
      .at(-1) ?? "";
  const both = redact(`${key}=${text}`, read);
  return both.startsWith(`${key}=`) ? both.slice(key.length + 1) : redact(text, read);
}
