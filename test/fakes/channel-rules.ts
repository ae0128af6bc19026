import type { OutgoingMessage } from "#shared/ports/channel.ts";

type Sns = Extract<OutgoingMessage, { kind: "sns" }>;

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

const LENGTHS: Record<string, readonly [types: readonly string[], max: number]> = {
  header: [["plain_text"], 150],
  section: [["plain_text", "mrkdwn"], 3_000],
};

function badText(value: unknown, types: readonly string[], max: number): boolean {
  if (!isRecord(value) || typeof value.type !== "string" || !types.includes(value.type)) return true;
  if (typeof value.text !== "string" || value.text.length < 1 || value.text.length > max) return true;
  const allowed = value.type === "mrkdwn" ? ["type", "text", "verbatim"] : ["type", "text", "emoji"];
  return Object.keys(value).some((key) => !allowed.includes(key));
}

function badBlock(block: unknown): boolean {
  if (!isRecord(block) || typeof block.type !== "string") return true;
  if (block.type === "context")
    return (
      !Array.isArray(block.elements) ||
      block.elements.length < 1 ||
      block.elements.length > 10 ||
      block.elements.some((one) => badText(one, ["plain_text", "mrkdwn"], 3_000))
    );
  if (block.type === "actions")
    return !Array.isArray(block.elements) || block.elements.length < 1 || block.elements.length > 25 || block.elements.some(badButton);
  const rule = LENGTHS[block.type];
  return rule === undefined || badText(block.text, rule[0], rule[1]);
}

/** https://docs.slack.dev/reference/block-kit/block-elements/button-element; every button of ours asks again. */
function badButton(button: unknown): boolean {
  if (!isRecord(button) || button.type !== "button" || badText(button.text, ["plain_text"], 75)) return true;
  const { action_id: id, value, style, confirm } = button;
  if (typeof id !== "string" || id === "" || id.length > 255 || typeof value !== "string" || value.length > 2_000) return true;
  if (style !== undefined && style !== "primary" && style !== "danger") return true;
  const lengths = { title: 100, text: 300, confirm: 30, deny: 30 };
  return !isRecord(confirm) || Object.entries(lengths).some(([key, max]) => badText(confirm[key], ["plain_text"], max));
}

/** Slack's error word for a payload, or null: what Block Kit refuses. */
export function slackRefuses(payload: unknown): string | null {
  if (!isRecord(payload)) return "invalid_payload";
  if (typeof payload.text !== "string" || payload.text === "") return "no_text";
  if (payload.text.length > 40_000) return "msg_too_long";
  if (payload.blocks === undefined) return null;
  if (!Array.isArray(payload.blocks) || payload.blocks.length > 50) return "invalid_blocks_format";
  return payload.blocks.some(badBlock) ? "invalid_blocks" : null;
}

/** Why SNS refuses a message, or null. */
export function snsRefuses({ topicArn, subject, text, body, attributes }: Sns): string | null {
  if (!/^arn:aws[\w-]*:sns:[\w-]+:\d{12}:[\w-]{1,256}$/.test(topicArn)) return "Invalid parameter: TopicArn";
  if (!/^[\x21-\x7e][\x20-\x7e]{0,98}$/.test(subject)) return "Invalid parameter: Subject";
  const values = Object.entries(attributes);
  if (values.some(([name, value]) => !/^[\w.-]{1,256}$/.test(name) || value === "")) return "Invalid parameter: MessageAttributes";
  const bytes = Buffer.byteLength(JSON.stringify({ default: body, email: text })) + Buffer.byteLength(values.flat().join(""));
  return bytes > 262_144 ? "Invalid parameter: Message too long" : null;
}

/** Why EventBridge refuses a message, or null: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html */
export function busRefuses({ busArn, events }: Extract<OutgoingMessage, { kind: "bus" }>): string | null {
  if (!/^arn:aws[\w-]*:events:[\w-]+:\d{12}:event-bus\/[\w./-]{1,256}$/.test(busArn)) return "InvalidArgument";
  for (const { detailType, detail } of events) {
    if (detailType === "" || detailType.length > 128) return "InvalidArgument";
    if (!isRecord(parsed(detail))) return "MalformedDetail";
    if (Buffer.byteLength(detail) > 256_000) return "InvalidArgument";
  }
  return null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
