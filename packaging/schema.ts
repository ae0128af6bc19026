import { readFileSync } from "node:fs";
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import { didYouMean } from "./nearest.ts";
import type { Problem } from "./problem.ts";
import type { Path, YamlFile } from "./yaml-file.ts";

/** Each is looked up in the file, and nobody reads more. */
const MAX_PROBLEMS = 50;

/** Checks a file against a published schema (infra/schemas). Every mistake at once, each at its place. */
export function checkSchema(name: "config" | "policy", yaml: YamlFile): readonly Problem[] {
  const validate = validatorOf(name);
  if (validate(yaml.value)) return [];
  const problems = (validate.errors ?? [])
    .filter(({ keyword }) => keyword !== "if")
    .slice(0, MAX_PROBLEMS)
    .map((error) => toProblem(error, yaml));
  // Two keywords may say the same of one place.
  return [...new Map(problems.map((problem) => [`${problem.line}:${problem.column}:${problem.message}`, problem])).values()];
}

const validators = new Map<string, ValidateFunction>();

function validatorOf(name: string): ValidateFunction {
  let validate = validators.get(name);
  if (validate === undefined) {
    const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true, verbose: true });
    validate = ajv.compile(JSON.parse(readFileSync(new URL(`../infra/schemas/${name}.json`, import.meta.url), "utf8")) as object);
    validators.set(name, validate);
  }
  return validate;
}

function toProblem(error: ErrorObject, yaml: YamlFile): Problem {
  const path = pathOf(error.instancePath, yaml);
  const params = error.params as Readonly<Record<string, unknown>>;
  switch (error.keyword) {
    case "additionalProperties": {
      const key = String(params["additionalProperty"]);
      const known = Object.keys((error.parentSchema?.["properties"] as object | undefined) ?? {});
      const near = didYouMean(key, known);
      return yaml.problem([...path, key], "this key is not known", near ?? `known: ${known.join(", ")}`, { atKey: true });
    }
    case "required":
      return yaml.problem(path, `"${String(params["missingProperty"])}" is missing`);
    case "enum": {
      const allowed = (params["allowedValues"] as readonly unknown[]).map(String);
      return yaml.problem(path, `${shown(error.data)} is not one of ${allowed.join(", ")}`, didYouMean(String(error.data), allowed));
    }
    case "const":
      return yaml.problem(path, `${shown(error.data)} is not ${shown(params["allowedValue"])}`);
    case "type":
      if (error.data === null) return yaml.problem(path, "this is empty", "give it a value or remove the key");
      return yaml.problem(path, `${shown(error.data)} is not ${[params["type"]].flat().join(" or ")}`);
    case "minItems":
    case "minProperties":
    case "minLength":
      return yaml.problem(path, "this is empty", "give it a value or remove the key: empty does not mean any");
    case "pattern":
      return yaml.problem(
        path,
        `${shown(error.data)} does not have the right form`,
        (error.parentSchema?.["description"] as string) ?? null,
      );
    default:
      return yaml.problem(path, error.message ?? error.keyword);
  }
}

const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
};

/** A JSON pointer as steps; positions in lists are numbers. */
function pathOf(pointer: string, yaml: YamlFile): Path {
  const path: (string | number)[] = [];
  let value: unknown = yaml.value;
  for (const raw of pointer.split("/").slice(1)) {
    const step = raw.replaceAll("~1", "/").replaceAll("~0", "~");
    path.push(Array.isArray(value) ? Number(step) : step);
    value = (value as Readonly<Record<string, unknown>> | null)?.[step];
  }
  return path;
}
