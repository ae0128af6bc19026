import { PipelineError } from "#shared/domain/error.ts";
import { MODES, type Policy } from "#shared/domain/policy.ts";

/**
 * Reads a compiled policy (`.build/compiled/policy.json`). Packaging has validated it: here only its shape is looked at, at a cost that
 * does not grow with the rules. Throws `config_invalid`.
 */
export function loadPolicy(json: string): Policy {
  const read = parse(json) as Partial<Policy> | null;
  if (read === null || typeof read !== "object") throw invalid("it is not an object");
  if (read.schema !== "falco-responder/policy/1") throw invalid("its schema is not falco-responder/policy/1: package again");
  if (read.mode === undefined || !MODES.includes(read.mode)) throw invalid("it has no mode");
  if (typeof read.version !== "string" || typeof read.maxAgeSeconds !== "number") throw invalid("its version or maxAgeSeconds is missing");
  if (!Array.isArray(read.rules) || typeof read.index !== "object") throw invalid("its rules or their index are missing");
  if (typeof read.protect !== "object" || typeof read.budgets !== "object") throw invalid("protect or budgets is missing");
  return read as Policy;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new PipelineError("config_invalid", "the compiled policy is not JSON", { cause });
  }
}

const invalid = (because: string): PipelineError => new PipelineError("config_invalid", `the compiled policy cannot be used: ${because}`);
