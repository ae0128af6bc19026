import { hash } from "node:crypto";

/**
 * 64 hex: SHA-256 over cluster, rule, exact time text and canonical output_fields. Keys that shippers add or overwrite are outside, so the
 * many ways of shipping one line give one id.
 */
export const alertId = (cluster: string | null, rule: string, time: string | null, canonicalFields: string): string =>
  hash("sha256", `${part(cluster)}${part(rule)}${part(time)}${canonicalFields}`, "hex");

/** With its length, so that no part can be shifted into another. */
const part = (text: string | null): string => (text === null ? "-" : `${text.length}:${text}`);
