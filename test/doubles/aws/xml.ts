/** Lists are wrapped in `item` by EC2 and in `member` by the AWS query protocol. */
export function toXml(value: unknown, listTag: "item" | "member"): string {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.map((one) => `<${listTag}>${toXml(one, listTag)}</${listTag}>`).join("");
  if (typeof value !== "object") return escapeXml(String(value));
  return Object.entries(value)
    .map(([tag, inner]) => `<${tag}>${toXml(inner, listTag)}</${tag}>`)
    .join("");
}

export const escapeXml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
