import { PipelineError } from "#shared/domain/error.ts";
import { MODES, type Policy, type PolicyRule } from "#shared/domain/policy.ts";

/**
 * Reads a compiled policy (`.build/compiled/policy.json`). Packaging has validated it: here only its shape is looked at. As packaging
 * writes it, each rule stands on a line of its own and is parsed when it is first looked at. Throws `config_invalid`.
 */
export function loadPolicy(json: string): Policy {
  const start = json.indexOf(RULES_BEGIN);
  const byLine = start >= 0 && json.endsWith(RULES_END);
  const read = parse(byLine ? `${json.slice(0, start)}}` : json) as Partial<Policy> | null;
  if (read === null || typeof read !== "object") throw invalid("it is not an object");
  const rules = byLine ? lazily(json.slice(start + RULES_BEGIN.length, -RULES_END.length)) : read.rules;
  if (read.schema !== "falco-responder/policy/1") throw invalid("its schema is not falco-responder/policy/1: package again");
  if (read.mode === undefined || !MODES.includes(read.mode)) throw invalid("it has no mode");
  if (typeof read.version !== "string" || typeof read.maxAgeSeconds !== "number") throw invalid("its version or maxAgeSeconds is missing");
  if (!Array.isArray(rules) || typeof read.index !== "object") throw invalid("its rules or their index are missing");
  if (typeof read.protect !== "object" || typeof read.budgets !== "object") throw invalid("protect or budgets is missing");
  return { ...read, rules } as Policy;
}

// JSON text never has a line feed inside a string, so these are found between members only.
const RULES_BEGIN = ',"rules":[\n';
const BETWEEN_RULES = ",\n";
const RULES_END = "\n]}";

/** The text that `loadPolicy` reads fastest. */
export function policyText({ rules, ...rest }: Policy): string {
  const lines = rules.map((rule) => JSON.stringify(rule)).join(BETWEEN_RULES);
  return `${JSON.stringify(rest).slice(0, -1)}${RULES_BEGIN}${lines}${RULES_END}`;
}

/** A cold start with 10,000 rules would spend most of its time on rules that no alert asks for. */
function lazily(text: string): readonly PolicyRule[] {
  const lines = text === "" ? [] : text.split(BETWEEN_RULES);
  return new Proxy<PolicyRule[]>([], {
    get(target, key) {
      if (key === "length") return lines.length;
      const position = typeof key === "string" ? Number(key) : Number.NaN;
      const line = lines[position];
      if (line === undefined) return Reflect.get(target, key);
      target[position] ??= parse(line) as PolicyRule;
      return target[position];
    },
    has: (target, key) => (typeof key === "string" && lines[Number(key)] !== undefined) || Reflect.has(target, key),
    set: () => false,
  });
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new PipelineError("config_invalid", "the compiled policy is not JSON", { cause });
  }
}

const invalid = (because: string): PipelineError => new PipelineError("config_invalid", `the compiled policy cannot be used: ${because}`);
