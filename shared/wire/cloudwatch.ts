import { hash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { isRecord } from "#shared/wire/record.ts";

/** One event of a subscription. `timestamp` is CloudWatch's, ms since the epoch. */
export interface LogEvent {
  readonly id: string;
  readonly timestamp: number;
  readonly message: string;
}

/** What one invocation carries: events of one stream, in order. */
export interface LogBatch {
  readonly kind: "data";
  /** AWS account that owns the log group. */
  readonly account: string;
  readonly logGroup: string;
  readonly logStream: string;
  readonly events: readonly unknown[];
}

export type Decoded =
  | LogBatch
  /** CloudWatch asks whether the destination is reachable. */
  | { readonly kind: "control" }
  | { readonly kind: "unreadable"; readonly because: string };

/** A subscription carries at most 1 MB compressed and 1 MB per event; what unpacks to more than this is a bomb. */
export const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;

/**
 * Decodes `awslogs.data`: base64, gzip, JSON. Never throws: what cannot be decoded comes back with the reason.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
 */
export function decodeDocument(data: string): Decoded {
  let document: unknown;
  try {
    const packed = Buffer.from(data, "base64");
    document = JSON.parse(
      gunzipSync(packed, { maxOutputLength: MAX_DOCUMENT_BYTES, chunkSize: outputSize(packed) }).toString("utf8"),
    ) as unknown;
  } catch (thrown) {
    return unreadable(whyNot(thrown));
  }
  if (!isRecord(document)) return unreadable("the document is no JSON object");
  const { messageType, owner, logGroup, logStream, logEvents } = document;
  if (messageType === "CONTROL_MESSAGE") return { kind: "control" };
  if (messageType !== "DATA_MESSAGE") return unreadable("messageType is neither DATA_MESSAGE nor CONTROL_MESSAGE");
  if (typeof owner !== "string" || typeof logGroup !== "string" || typeof logStream !== "string")
    return unreadable("owner, logGroup or logStream is missing");
  if (!Array.isArray(logEvents)) return unreadable("logEvents is no list");
  return { kind: "data", account: owner, logGroup, logStream, events: logEvents };
}

/** Whether an element of `logEvents` has the shape of an event. */
export const isLogEvent = (value: unknown): value is LogEvent =>
  isRecord(value) && typeof value["message"] === "string" && typeof value["id"] === "string" && typeof value["timestamp"] === "number";

/** 32 hex: the same whenever CloudWatch or Lambda delivers these events together again, whatever the compression. */
export function batchId(batch: LogBatch): string {
  let text = `${batch.account}\n${batch.logGroup}\n${batch.logStream}\n`;
  for (const event of batch.events) text += `${isLogEvent(event) ? event.id : JSON.stringify(event)}\n`;
  return hash("sha256", text, "hex").slice(0, 32);
}

const unreadable = (because: string): Decoded => ({ kind: "unreadable", because });

/** gzip ends with the unpacked size (RFC 1952, 2.3.1): unpacking into one piece costs less. A lie only costs the usual growth. */
function outputSize(packed: Buffer): number {
  const claimed = packed.length >= 4 ? packed.readUInt32LE(packed.length - 4) : 0;
  // At most a thousand times the input (deflate reaches 1032): a claim beyond that is no reason to allocate.
  return Math.max(1024, Math.min(claimed + 64, packed.length * 1000, MAX_DOCUMENT_BYTES));
}

function whyNot(thrown: unknown): string {
  const code = thrown instanceof Error && "code" in thrown ? thrown.code : null;
  if (code === "ERR_BUFFER_TOO_LARGE") return `unpacks to more than ${MAX_DOCUMENT_BYTES / 1024 / 1024} MB`;
  if (typeof code === "string" && code.startsWith("Z_")) return `gzip is damaged (${code})`;
  if (thrown instanceof SyntaxError) return "the unpacked document is no JSON";
  return thrown instanceof Error ? `cannot be decoded (${thrown.name})` : "cannot be decoded";
}
