import { PipelineError } from "#shared/domain/error.ts";
import { readPriority } from "#shared/domain/priority.ts";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import { isRecord } from "#shared/wire/record.ts";

/**
 * Body of a message of the alert queues (infra/schemas/queue-entry.json). SQS refuses U+FFFE and U+FFFF, the only characters that JSON leaves
 * as they are and SQS does not take: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
 */
export function encodeEntry(entry: QueueEntry): string {
  const body = JSON.stringify(entry);
  return REFUSED.test(body) ? body.replaceAll("\uFFFE", "\\ufffe").replaceAll("\uFFFF", "\\uffff") : body;
}

const REFUSED = /[\uFFFE\uFFFF]/;

const SCHEMA: QueueEntry["schema"] = "falco-responder/queue-entry/1";

/** Reads a body back. Throws PipelineError `message_invalid` (never retried) that names what is wrong, without the body's text. */
export function decodeEntry(body: string): QueueEntry {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (cause) {
    throw invalid("is no JSON", { cause });
  }
  if (!isRecord(value)) throw invalid("is no JSON object");
  if (value["schema"] !== SCHEMA) throw invalid(`has not the schema ${SCHEMA}`);
  if (!isEntry(value)) throw invalid(`has a wrong or missing ${ENTRY.find(([key, holds]) => !holds(value[key]))?.[0] ?? "key"}`);
  return value;
}

const isEntry = (value: object): value is QueueEntry => shape(ENTRY)(value);

const invalid = (what: string, options?: ErrorOptions): PipelineError =>
  new PipelineError("message_invalid", `the queue entry ${what}`, options);

type Holds = (value: unknown) => boolean;
const text: Holds = (value) => typeof value === "string";
const flag: Holds = (value) => typeof value === "boolean";
const number: Holds = (value) => typeof value === "number" && Number.isFinite(value);
const texts: Holds = (value) => Array.isArray(value) && value.every(text);
const orNull =
  (holds: Holds): Holds =>
  (value) =>
    value === null || holds(value);
const shape =
  (members: readonly (readonly [string, Holds])[]): Holds =>
  (value) =>
    isRecord(value) && members.every(([key, holds]) => holds(value[key]));

const ALERT: readonly (readonly [string, Holds])[] = [
  ["id", (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value)],
  ["rule", text],
  ["priority", (value) => typeof value === "string" && readPriority(value) === value],
  ["time", orNull(text)],
  ["timeMs", orNull(number)],
  ["source", orNull(text)],
  ["tags", texts],
  ["hostname", orNull(text)],
  ["output", orNull(text)],
  ["fields", isRecord],
  ["containerId", orNull(text)],
  ["onHost", flag],
  ["internal", flag],
];
const ACCUSER: readonly (readonly [string, Holds])[] = [
  ["account", text],
  ["logGroup", text],
  ["logStream", text],
  ["eventId", text],
  ["eventTimeMs", (value) => value === undefined || number(value)],
  ["verified", flag],
  ["because", orNull(text)],
];
const SENSOR: readonly (readonly [string, Holds])[] = [
  ["taskArn", orNull(text)],
  ["ecsCluster", orNull(text)],
  ["ec2InstanceId", orNull(text)],
  ["pod", orNull(text)],
];
const ENTRY: readonly (readonly [string, Holds])[] = [
  ["alert", shape(ALERT)],
  ["cluster", orNull(text)],
  ["accuser", shape(ACCUSER)],
  ["sensor", shape(SENSOR)],
  ["rules", texts],
  ["policyVersion", text],
  ["count", (value) => Number.isSafeInteger(value) && Number(value) >= 1],
  ["times", (value) => value === undefined || (Array.isArray(value) && value.length > 0 && value.every(number))],
  ["similar", (value) => value === undefined || text(value)],
  ["batch", text],
  ["receivedMs", number],
  ["tell", orNull(text)],
  ["wholeAt", orNull(text)],
];
