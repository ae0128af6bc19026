import type { Threshold } from "#shared/domain/policy.ts";
import { didYouMean } from "./nearest.ts";
import type { Problem } from "./problem.ts";
import { seconds } from "./seconds.ts";
import type { Path, Plain, YamlFile } from "./yaml-file.ts";

type Keyed = { readonly [key: string]: Plain };

/** What alerts may be told apart by, beside the names of output fields (which all have a dot). */
const KNOWN = ["container", "owner", "cluster"];
/** Counts are kept for longer than this, and nobody waits longer for the n-th alert. */
const LONGEST_S = 86_400;

/** Compiles `match.threshold`, which its schema has accepted. */
export function compileThreshold(source: Keyed, path: Path, yaml: YamlFile, report: (problem: Problem) => void): Threshold {
  const windowSeconds = seconds(source["window"]) ?? 0;
  if (windowSeconds > LONGEST_S) report(yaml.problem([...path, "window"], "a window of a threshold is at most 24h", "write 24h or less"));
  const given = source["by"] ?? ["container"];
  const by = (Array.isArray(given) ? (given as readonly Plain[]) : [given]).map(String);
  by.forEach((name, position) => {
    const where = Array.isArray(given) ? [...path, "by", position] : [...path, "by"];
    if (by.indexOf(name) !== position) report(yaml.problem(where, `"${name.slice(0, 80)}" stands here twice`, "keep one"));
    if (KNOWN.includes(name) || (name.includes(".") && name.trim() === name)) return;
    const near = didYouMean(name, KNOWN) ?? `known: ${KNOWN.join(", ")}, or the name of an output field such as fd.rip`;
    report(yaml.problem(where, `alerts cannot be told apart by "${name.slice(0, 80)}"`, near));
  });
  return { count: Number(source["count"]), windowSeconds, by };
}
