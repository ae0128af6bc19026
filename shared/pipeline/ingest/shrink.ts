import type { Alert, FieldValue } from "#shared/domain/alert.ts";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";

/** SQS takes 1 MiB since 2025 and charges by 64 KB; 256 KB is what every consumer and batch was made for. */
const MAX_BODY_BYTES = 240_000;
/** Escaped JSON has at most 6 bytes a character (`\u0000`): shorter messages need no measuring. */
const SURELY_SMALL_CHARS = MAX_BODY_BYTES / 6 - 4_000;

/** Whether an entry made from so long a message may be too large. */
export const mayBeLarge = (messageChars: number): boolean => messageChars > SURELY_SMALL_CHARS;

export const tooLarge = (entry: QueueEntry): boolean => Buffer.byteLength(JSON.stringify(entry)) > MAX_BODY_BYTES;

/** Cuts texts until the body fits. The whole event is under `wholeAt`; what was cut says so. */
export function shrink(entry: QueueEntry, wholeAt: string): QueueEntry {
  for (const chars of [4_000, 500, 60]) {
    const smaller = { ...entry, alert: cutAlert(entry.alert, chars, 1_000), wholeAt };
    if (!tooLarge(smaller)) return smaller;
  }
  // Too many or too long keys: only what says which target and when.
  const { rule, fields } = entry.alert;
  const few = Object.fromEntries(KEPT_FIELDS.filter((key) => key in fields).map((key) => [key, fields[key] ?? null]));
  return { ...entry, alert: cutAlert({ ...entry.alert, rule: cut(rule, 500), fields: few, tags: [] }, 60, 20), wholeAt };
}

const KEPT_FIELDS = [
  "container.id",
  "container.name",
  "container.label[com.amazonaws.ecs.task-arn]",
  "k8s.ns.name",
  "k8s.pod.name",
  "k8s.pod.uid",
];

function cutAlert(alert: Alert, chars: number, tags: number): Alert {
  return {
    ...alert,
    output: alert.output === null ? null : cut(alert.output, chars),
    hostname: alert.hostname === null ? null : cut(alert.hostname, 253),
    time: alert.time === null ? null : cut(alert.time, 100),
    source: alert.source === null ? null : cut(alert.source, 100),
    tags: alert.tags.slice(0, tags).map((tag) => cut(tag, 100)),
    fields: Object.fromEntries(
      Object.entries(alert.fields).map(([key, value]) => [key, cutValue(value, Math.max(chars, IDENTIFYING.test(key) ? 400 : 0))]),
    ),
  };
}

/** Ids, ARNs and names by which a target is found are cut last. */
const IDENTIFYING = /^(?:container\.|k8s\.|evt\.(?:host|type)|static\.)/;

function cutValue(value: FieldValue, chars: number): FieldValue {
  if (typeof value === "string") return cut(value, chars);
  if (typeof value !== "object" || value === null) return value;
  const text = JSON.stringify(value);
  return text.length <= chars ? value : cut(text, chars);
}

const cut = (text: string, chars: number): string =>
  text.length <= chars ? text : `${text.slice(0, chars)} ... (cut: ${text.length} characters)`;
