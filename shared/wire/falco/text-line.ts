/** A line that is no JSON, by what it says. */
export type TextLine =
  | { readonly kind: "ignored"; readonly reason: "falco log line" | "text without an alert" | "empty line" }
  | { readonly kind: "unreadable"; readonly because: string; readonly remedy: string | null };

export const JSON_OUTPUT_OFF = "json_output is off: set `json_output: true` in falco.yaml";

/** `12:18:43.261692148: Error ...` or with an ISO time: how Falco prints an alert without json_output. */
const TEXT_ALERT =
  /^(?:\d{4}-\d\d-\d\dT)?\d\d:\d\d:\d\d\.\d{6,9}(?:Z|[+-]\d{4}|[+-]\d\d:\d\d)?: (?:Emergency|Alert|Critical|Error|Warning|Notice|Informational|Debug) /;
/** `2026-04-06T15:31:32+0000: ` or `Tue Jun  1 10:34:50 2021: `: Falco's own log; `* `: its driver loader; indented: lists and statistics. */
const FALCO_LOG =
  /^(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}: |[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}: |\* | {2,}|\[libs\]|LOAD_ERR_|Driver |Events detected: |Rule counts by severity|Triggered rules by rule name|Syscall event drop)/;
/**
 * Keys of an alert in the middle of a text, plain or as quoted inside another string. It begins with the quote: a run of backslashes, which
 * an attacker may make as long as a line, must not be read once from each of its places.
 */
const ALERT_KEYS = /"(?:rule|output_fields)\\*"\s*:/;

export function readTextLine(line: string): TextLine {
  if (line.trim() === "") return { kind: "ignored", reason: "empty line" };
  if (TEXT_ALERT.test(line))
    return { kind: "unreadable", because: "an alert printed as text: its fields cannot be trusted to be apart", remedy: JSON_OUTPUT_OFF };
  if (ALERT_KEYS.test(line)) {
    return {
      kind: "unreadable",
      because: "parts of an alert's JSON inside other text: such an alert selects nothing",
      remedy: "ship Falco's lines whole: as the message, as `log`, under a merge key, or behind a CRI or syslog header",
    };
  }
  return { kind: "ignored", reason: FALCO_LOG.test(line) ? "falco log line" : "text without an alert" };
}
