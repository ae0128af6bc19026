import { readHeader } from "#shared/wire/envelopes/header.ts";
import { type Part, type Reading, unreadable } from "#shared/wire/envelopes/reading.ts";
import { resemblesAlert } from "#shared/wire/falco/alert.ts";
import { readTextLine } from "#shared/wire/falco/text-line.ts";
import { isRecord, type JsonObject } from "#shared/wire/record.ts";

/** Keys under which the common Fluent Bit filters put a parsed line. */
const MERGE_KEYS = ["falco", "data", "log_processed"] as const;
/** Docker's json-file cuts lines at 16,384 bytes. */
const DOCKER_PIECE_BYTES = 16_000;

const TORN = unreadable("JSON that is cut off or damaged", "see that the shipper joins split lines (multiline) and cuts none");
const NO_ALERT = unreadable(
  "JSON without an alert where one may stand",
  "when the shipper merges alerts under a key of its own, name it in falco-responder.yml (mergeKeys)",
);

/** Whether earlier pieces of this line wait for more. */
export type Open = (line: string) => boolean;

/**
 * Reads one message. An alert is found in these positions only: the whole message, the whole value of `log` or of a merge key, the whole rest
 * behind a CRI or syslog header of the message or of `log`.
 */
export function readMessage(message: string, mergeKeys: readonly string[], open: Open): Reading {
  if (!startsObject(message)) return readLine(message, null, open);
  const record = parseObject(message);
  return record === null ? TORN : readRecord(record, message, mergeKeys, open);
}

/** What the pieces of a split line are together. Null: no line that could be read, so each piece stands for itself. */
export function readJoined(text: string, record: JsonObject | null): Reading | null {
  if (startsObject(text)) {
    const body = parseObject(text);
    return body !== null && resemblesAlert(body) ? { kind: "alert", candidate: { body, source: text, under: null }, record } : null;
  }
  const line = readTextLine(text);
  return line.kind === "ignored" ? line : null;
}

function readRecord(record: JsonObject, source: string, mergeKeys: readonly string[], open: Open): Reading {
  const { log } = record;
  if (record["partial_message"] !== undefined) return fireLensPart(record);
  // The string is the line as Falco wrote it; beside it the shipper may have overwritten keys.
  if (log === undefined && "rule" in record) return { kind: "alert", candidate: { body: record, source, under: null }, record };
  const line = typeof log === "string" ? readLog(log, record, open) : null;
  if (line?.kind === "alert") return line;
  return underKey(record, source, "log") ?? underAny(record, source, mergeKeys) ?? atRoot(record, source) ?? line ?? NO_ALERT;
}

function underAny(record: JsonObject, source: string, mergeKeys: readonly string[]): Reading | null {
  for (const key of MERGE_KEYS) {
    const reading = underKey(record, source, key);
    if (reading !== null) return reading;
  }
  for (const key of mergeKeys) {
    const reading = underKey(record, source, key);
    if (reading !== null) return reading;
  }
  return null;
}

function underKey(record: JsonObject, source: string, key: string): Reading | null {
  const body = Object.hasOwn(record, key) ? record[key] : undefined;
  return isRecord(body) && resemblesAlert(body) ? { kind: "alert", candidate: { body, source, under: key }, record } : null;
}

const atRoot = (record: JsonObject, source: string): Reading | null =>
  resemblesAlert(record) ? { kind: "alert", candidate: { body: record, source, under: null }, record } : null;

/** A record of a line that Docker split: never an alert by itself. */
function fireLensPart(record: JsonObject): Reading {
  const { log, partial_id: id, partial_ordinal: ordinal, partial_last: last, container_id: container } = record;
  if (typeof log !== "string") return unreadable("a piece of a split line without its text");
  return {
    kind: "part",
    line: `firelens ${String(container)} ${String(id)}`,
    text: log,
    ordinal: Number(ordinal),
    last: last === true || last === "true",
    record,
    alone: null,
  };
}

/** The value of `log`: one line, with or without its end. */
function readLog(log: string, record: JsonObject, open: Open): Reading {
  const ended = log.endsWith("\n");
  const text = ended ? log.slice(0, -1) : log;
  const whole = startsObject(text) ? readObject(text, record) : null;
  if (whole !== null) return whole;
  const { stream, _p: flag } = record;
  if (flag === "P" || flag === "F") return criPiece(text, `_p ${String(stream)}`, flag === "P", record, open);
  if (record["container_id"] === undefined && typeof stream === "string") {
    const line = `docker ${stream}`;
    const cut = !ended && (startsObject(text) || (text.length >= DOCKER_PIECE_BYTES / 4 && Buffer.byteLength(text) >= DOCKER_PIECE_BYTES));
    if (cut || open(line))
      return { kind: "part", line, text, ordinal: null, last: ended, record, alone: cut ? null : readRest(text, record) };
  }
  return readLine(text, record, open);
}

/** A line that is no JSON object. */
function readLine(text: string, record: JsonObject | null, open: Open): Reading {
  const header = readHeader(text);
  if (header === null) return readRest(text, record);
  const { rest } = header;
  // A partial line goes on: what looks whole in it is not.
  const partial = header.kind === "cri" && header.partial;
  const whole = !partial && startsObject(rest) ? readObject(rest, record) : null;
  if (whole !== null) return whole;
  return header.kind === "cri" ? criPiece(rest, `cri ${header.stream}`, partial, record, open) : readRest(rest, null);
}

function criPiece(text: string, line: string, partial: boolean, record: JsonObject | null, open: Open): Reading {
  if (partial) return { kind: "part", line, text, ordinal: null, last: false, record, alone: null };
  const alone = readRest(text, record ?? {});
  return open(line) ? { kind: "part", line, text, ordinal: null, last: true, record, alone } : alone;
}

/** A whole JSON object; null when it cannot be parsed. */
function readObject(text: string, record: JsonObject | null): Reading | null {
  const body = parseObject(text);
  if (body === null) return null;
  return resemblesAlert(body) ? { kind: "alert", candidate: { body, source: text, under: null }, record } : NO_ALERT;
}

/** What is no alert. In a record or behind a runtime's header it may be the end of a line whose beginning went elsewhere. */
function readRest(text: string, record: JsonObject | null): Reading {
  if (startsObject(text)) return TORN;
  const line = readTextLine(text);
  if (record === null || line.kind === "ignored" || !isTail(text)) return line;
  const part: Part = { kind: "part", line: "", text, ordinal: null, last: true, record, alone: null };
  return part;
}

/** The end of an alert's JSON without its beginning: closing braces that nothing opened. */
function isTail(text: string): boolean {
  if (!text.endsWith("}")) return false;
  const start = text.indexOf("{");
  return start === -1 || parseObject(text.slice(start)) === null;
}

const startsObject = (text: string): boolean =>
  text.charCodeAt(0) === 123 || (text.charCodeAt(0) <= 32 && text.trimStart().startsWith("{"));

function parseObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}
