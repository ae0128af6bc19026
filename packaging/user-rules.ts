import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { parseAllDocuments } from "yaml";
import { messageOf } from "#shared/domain/error.ts";
import type { Problem } from "./problem.ts";
import type { YamlFile } from "./yaml-file.ts";

const MAX_BYTES = 10_000_000;

/** Names of the rules in the Falco rules files that the user lists. Only `- rule: NAME` is read: the files are Falco's to check. */
export function readUserRules(
  files: readonly string[],
  folder: string,
  config: YamlFile,
): { readonly names: readonly string[]; readonly problems: readonly Problem[] } {
  const names: string[] = [];
  const problems: Problem[] = [];
  files.forEach((file, position) => {
    try {
      const path = resolve(folder, file);
      if (statSync(path).size > MAX_BYTES) throw new RangeError(`it is larger than ${MAX_BYTES} bytes`);
      names.push(...namesIn(readFileSync(path, "utf8")));
    } catch (error) {
      const remedy = "paths are relative to this file";
      problems.push(config.problem(["falcoRules", position], `the rules file cannot be read: ${messageOf(error).split("\n")[0]}`, remedy));
    }
  });
  return { names, problems };
}

function namesIn(text: string): readonly string[] {
  const documents = parseAllDocuments(text, { uniqueKeys: false });
  const items = Array.isArray(documents) ? documents.flatMap((document) => document.toJS({ maxAliasCount: 100 }) as unknown) : [];
  return items.flatMap((item) => {
    const rule = item !== null && typeof item === "object" && "rule" in item ? item.rule : null;
    return typeof rule === "string" ? [rule] : [];
  });
}
