import { readFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf, PipelineError } from "#shared/domain/error.ts";
import type { Policy } from "#shared/domain/policy.ts";
import type { Registry } from "#shared/domain/registry.ts";
import { loadPolicy } from "#shared/policy/load.ts";

/** Every bundle carries the files here; a function runs in the bundle's root. `COMPILED_DIR` names another folder. */
const FOLDER = join(".build", "compiled");

/** The user's files as packaging validated and compiled them. Throws `config_invalid` when one is missing or of another version. */
export function readCompiled(folder: string = process.env["COMPILED_DIR"] ?? FOLDER): {
  readonly policy: Policy;
  readonly registry: Registry;
} {
  return { policy: loadPolicy(text(join(folder, "policy.json"))), registry: readRegistry(join(folder, "registry.json")) };
}

/** The registry alone: for functions that decide nothing by the policy. Throws as `readCompiled` does. */
export const readCompiledRegistry = (folder: string = process.env["COMPILED_DIR"] ?? FOLDER): Registry =>
  readRegistry(join(folder, "registry.json"));

function readRegistry(path: string): Registry {
  let content: Partial<Registry> | null;
  try {
    content = JSON.parse(text(path)) as Partial<Registry> | null;
  } catch (thrown) {
    if (thrown instanceof PipelineError) throw thrown;
    throw new PipelineError("config_invalid", `${path} is no JSON; package the service again`, { cause: thrown });
  }
  // Its shape was checked when it was packaged: here only that it is that file.
  if (content?.schema !== SCHEMA) throw new PipelineError("config_invalid", `${path} is no ${SCHEMA}; package the service again`);
  return content as Registry;
}

const SCHEMA: Registry["schema"] = "falco-responder/registry/1";

function text(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    throw new PipelineError("config_invalid", `${path} cannot be read: ${messageOf(thrown)}; package the service again`, { cause: thrown });
  }
}
