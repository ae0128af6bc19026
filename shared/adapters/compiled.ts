import { readFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf, PipelineError } from "#shared/domain/error.ts";
import type { Policy } from "#shared/domain/policy.ts";
import type { Registry } from "#shared/domain/registry.ts";

/** Every bundle carries the files here; a function runs in the bundle's root. `COMPILED_DIR` names another folder. */
const FOLDER = join(".build", "compiled");

/** The user's files as packaging validated and compiled them. Throws `config_invalid` when one is missing or of another version. */
export function readCompiled(folder: string = process.env["COMPILED_DIR"] ?? FOLDER): {
  readonly policy: Policy;
  readonly registry: Registry;
} {
  return {
    policy: read<Policy>(join(folder, "policy.json"), "falco-responder/policy/1"),
    registry: read<Registry>(join(folder, "registry.json"), "falco-responder/registry/1"),
  };
}

/** Its shape was checked when it was packaged: here only that it is that file. */
function read<T extends { readonly schema: string }>(path: string, schema: T["schema"]): T {
  let content: T;
  try {
    content = JSON.parse(readFileSync(path, "utf8")) as T;
  } catch (thrown) {
    throw new PipelineError("config_invalid", `${path} cannot be read: ${messageOf(thrown)}; package the service again`, { cause: thrown });
  }
  if (content?.schema !== schema) throw new PipelineError("config_invalid", `${path} is no ${schema}; package the service again`);
  return content;
}
