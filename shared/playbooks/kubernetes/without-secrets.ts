import { redact } from "#shared/domain/redact.ts";
import type { KubeObject } from "#shared/ports/kubernetes.ts";

const NOT_KEPT = "[not kept]";
const CUT = 2_000;
/** Longer annotations are whole objects of tools (last-applied manifests, Helm's, Rancher's), with all that stands in them. */
const MOST_ANNOTATION = 512;
/** The whole manifest as it was applied, its environment too: https://kubernetes.io/docs/reference/labels-annotations-taints/ */
const MANIFEST = /last-applied|\/applied$|\/original-config/;
const MOST_DEPTH = 30;
/** Lists that are long and say nothing of an offender: the images of a node, who wrote which field. */
const LEFT_OUT = ["managedFields", "images"];

/**
 * The object for evidence: values of environment variables and headers are never kept, only their names and where they come from; command lines and
 * all other texts as redaction leaves them; no manifest that is kept in an annotation. What redaction cannot see: a secret that is
 * an argument without a telling flag, name, shape or entropy (`./run hunter2`).
 */
export const withoutSecrets = (object: KubeObject): unknown => clean(object, "", 0);

function clean(value: unknown, key: string, depth: number): unknown {
  if (typeof value === "string") return cleanText(key, value);
  if (typeof value !== "object" || value === null) return value;
  if (depth > MOST_DEPTH) return NOT_KEPT;
  if (Array.isArray(value)) return cleanList(value, key, depth);
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]) => {
      if (LEFT_OUT.includes(name)) return [];
      return [[name, name === "annotations" ? annotations(inner) : clean(inner, name, depth + 1)]];
    }),
  );
}

function cleanList(values: readonly unknown[], key: string, depth: number): unknown {
  // A flag and its value are two words: only together they tell that the second is a secret.
  if ((key === "command" || key === "args") && values.every((word) => typeof word === "string")) return redact(values.join(" "), CUT);
  if (key === "env" || key === "httpHeaders") return values.map((one) => nameless(one, depth));
  return values.map((one) => clean(one, key, depth + 1));
}

function nameless(one: unknown, depth: number): unknown {
  if (typeof one !== "object" || one === null) return NOT_KEPT;
  const { value, ...rest } = one as Readonly<Record<string, unknown>>;
  return { ...(clean(rest, "", depth + 1) as object), ...(value === undefined ? {} : { value: NOT_KEPT }) };
}

function annotations(given: unknown): unknown {
  if (typeof given !== "object" || given === null) return given;
  return Object.fromEntries(
    Object.entries(given).map(([key, value]) => {
      const text = typeof value === "string" ? value : "";
      if (MANIFEST.test(key) || text.length > MOST_ANNOTATION) return [key, `${NOT_KEPT} (${text.length} characters)`];
      return [key, cleanText(key, text)];
    }),
  );
}

/** Most texts of an object stand in every other one too ("type=Ready", "protocol=TCP"): cleaned once, as long as they are short. */
const known = new Map<string, string>();
const MOST_KNOWN = 4_000;
const SHORT = 64;

function cleanText(key: string, text: string): string {
  if (text.length > SHORT) return cleanedText(key, text);
  const pair = `${key}\n${text}`;
  const before = known.get(pair);
  if (before !== undefined) return before;
  const cleaned = cleanedText(key, text);
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(pair, cleaned);
  return cleaned;
}

/** The name tells whether the value is a secret. */
function cleanedText(key: string, text: string): string {
  const said = `${key}=`;
  const cleaned = redact(said + text, said.length + CUT);
  return cleaned.startsWith(said) ? cleaned.slice(said.length) : NOT_KEPT;
}
