import { hash } from "node:crypto";
import type { Fields, FieldValue } from "#shared/domain/alert.ts";

/**
 * 64 hex: SHA-256 over cluster, rule, exact time text and output_fields with sorted keys. Keys that shippers add or overwrite are outside.
 * `sorted`: the keys of `fields` already ascend at every level (Falco writes them so).
 */
export function alertId(cluster: string | null, rule: string, time: string | null, fields: Fields, sorted: boolean): string {
  return hash("sha256", JSON.stringify([cluster, rule, time, sorted ? fields : inKeyOrder(fields)]), "hex");
}

function inKeyOrder(value: FieldValue): FieldValue {
  if (isList(value)) return value.map(inKeyOrder);
  if (typeof value !== "object" || value === null) return value;
  // fromEntries defines own keys: "__proto__" stays a key.
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, inKeyOrder(value[key] ?? null)]),
  );
}

const isList = (value: FieldValue): value is readonly FieldValue[] => Array.isArray(value);
