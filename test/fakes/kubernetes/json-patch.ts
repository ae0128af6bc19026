import { isDeepStrictEqual } from "node:util";
import type { PatchOperation } from "#shared/ports/kubernetes.ts";

type Node = Record<string, unknown>;

/**
 * RFC 6902, as far as the port has it, and as laxly as the server's library: what is not there equals null, and may be replaced. Null: a `test`
 * failed, or a path is not there: nothing is changed.
 */
export function patched<T extends object>(document: T, operations: readonly PatchOperation[]): T | null {
  const copy = structuredClone(document);
  return operations.every((operation) => apply(copy as Node, operation)) ? copy : null;
}

function apply(document: Node, { op, path, value }: PatchOperation): boolean {
  const keys = path
    .split("/")
    .slice(1)
    .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
  const last = keys.pop();
  if (last === undefined) return false;
  let at: unknown = document;
  for (const key of keys) at = isNode(at) ? at[key] : undefined;
  if (!isNode(at)) return false;
  if (op === "test") return isDeepStrictEqual(at[last] ?? null, value ?? null);
  if ((op === "remove" || Array.isArray(at)) && op !== "add" && !Object.hasOwn(at, last)) return false;
  if (op === "remove") {
    if (Array.isArray(at)) at.splice(Number(last), 1);
    else delete at[last];
  } else if (Array.isArray(at)) {
    const position = last === "-" ? at.length : Number(last);
    at.splice(position, op === "add" ? 0 : 1, structuredClone(value));
  } else at[last] = structuredClone(value);
  return true;
}

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null;
