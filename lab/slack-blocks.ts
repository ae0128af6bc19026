/** Block Kit's limits (https://docs.slack.dev/reference/block-kit/blocks): what Slack answers `invalid_blocks` to, in words; null when sound. */
export function faultOf(blocks: unknown): string | null {
  if (!Array.isArray(blocks)) return "blocks is no array";
  if (blocks.length > 50) return `${blocks.length} blocks, at most 50 are allowed`;
  const ids = blocks.flatMap((block) => (isRecord(block) && typeof block["block_id"] === "string" ? [block["block_id"]] : []));
  if (new Set(ids).size < ids.length) return "two blocks have the same block_id";
  for (const [position, block] of blocks.entries()) {
    const fault = isRecord(block) ? faultOfBlock(block) : "no object";
    if (fault !== null) return `blocks[${position}]: ${fault}`;
  }
  return null;
}

type Fields = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);

function faultOfBlock(block: Fields): string | null {
  switch (block["type"]) {
    case "header":
      return only(block, ["text"]) ?? faultOfText(block["text"], ["plain_text"], 150);
    case "section":
      return only(block, ["text", "fields", "accessory", "expand"]) ?? faultOfSection(block);
    case "context":
      return only(block, ["elements"]) ?? faultOfElements(block["elements"], 10, (e) => faultOfText(e, ["plain_text", "mrkdwn"], 3_000));
    case "actions":
      return only(block, ["elements"]) ?? faultOfElements(block["elements"], 25, faultOfButton);
    case "divider":
      return only(block, []);
    default:
      return `unknown type ${JSON.stringify(block["type"])}`;
  }
}

function faultOfSection(block: Fields): string | null {
  if (block["text"] === undefined && block["fields"] === undefined) return "a section needs text or fields";
  const text = block["text"] === undefined ? null : faultOfText(block["text"], ["plain_text", "mrkdwn"], 3_000);
  if (text !== null || block["fields"] === undefined) return text;
  return faultOfElements(block["fields"], 10, (field) => faultOfText(field, ["plain_text", "mrkdwn"], 2_000));
}

function faultOfElements(elements: unknown, most: number, each: (element: unknown) => string | null): string | null {
  if (!Array.isArray(elements) || elements.length === 0 || elements.length > most) return `needs 1 to ${most} elements`;
  return elements.map(each).find((fault) => fault !== null) ?? null;
}

function faultOfButton(button: unknown): string | null {
  if (!isRecord(button) || button["type"] !== "button") return "only buttons are known here";
  const url = button["url"];
  if (url !== undefined && (typeof url !== "string" || url.length > 3_000 || !/^https?:\/\//.test(url))) return "a button's url";
  return faultOfText(button["text"], ["plain_text"], 75);
}

function faultOfText(text: unknown, types: readonly string[], most: number): string | null {
  if (!isRecord(text)) return "text is no object";
  if (!types.includes(String(text["type"]))) return `text of type ${JSON.stringify(text["type"])}`;
  const content = text["text"];
  if (typeof content !== "string" || content.length === 0) return "empty text";
  if (content.length > most) return `text of ${content.length} characters, at most ${most} are allowed`;
  const known = text["type"] === "plain_text" ? ["type", "text", "emoji"] : ["type", "text", "verbatim"];
  return Object.keys(text).every((key) => known.includes(key)) ? null : `unknown key in text: ${Object.keys(text).join(", ")}`;
}

const only = (block: Fields, known: readonly string[]): string | null => {
  const strange = Object.keys(block).filter((key) => !["type", "block_id", ...known].includes(key));
  return strange.length === 0 ? null : `unknown key ${strange.join(", ")}`;
};
