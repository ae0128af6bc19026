import { readFileSync } from "node:fs";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";

const read = (name: string): object => JSON.parse(readFileSync(`infra/schemas/${name}.json`, "utf8")) as object;

/** A published schema as its readers compile it, beside those that it refers to. */
export function published(name: "event" | "notice" | "digest" | "notification"): ValidateFunction {
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, formats: { "date-time": true, uri: true } });
  for (const other of ["notification", "notice"]) if (other !== name) ajv.addSchema(read(other));
  return ajv.compile(read(name));
}
