import { redact } from "#shared/domain/redact.ts";

/** Of one text: the rest stands in the ledger, in the evidence or in the log group while these keep it. */
const MOST_CHARS = 2_000;
const MOST_ENTRIES = 500;
const MOST_DEPTH = 20;

/** A copy without secrets, every text bounded. Names of keys help to see that a value is a secret. */
export function cleaned(value: unknown, key = "", depth = 0): unknown {
  if (typeof value === "string") return cleanText(value, key);
  if (typeof value !== "object" || value === null) return value;
  if (depth > MOST_DEPTH) return "[too deep]";
  if (Array.isArray(value)) return value.slice(0, MOST_ENTRIES).map((inner) => cleaned(inner, key, depth + 1));
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, MOST_ENTRIES)
      .map(([name, inner]) => [redact(name, 200), cleaned(inner, name, depth + 1)]),
  );
}

/** As `name=value`: what has a telling name is recognised as a secret. */
export function cleanText(text: string, key = ""): string {
  const said = `${key}=`;
  const clean = redact(said + text, MOST_CHARS + said.length);
  return key !== "" && clean.startsWith(said) ? clean.slice(said.length) : redact(text, MOST_CHARS);
}
