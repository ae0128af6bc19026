import type { EscalationStep } from "#shared/domain/policy.ts";
import type { Problem } from "./problem.ts";
import type { Path, Plain, YamlFile } from "./yaml-file.ts";

type Keyed = { readonly [key: string]: Plain };

/** `escalation` of the policy or of a rule: each step later than the one before. Channels are checked by `reportNames`. */
export function escalationOf(
  given: Plain | undefined,
  path: Path,
  yaml: YamlFile,
  report: (problem: Problem) => void,
  reportNames: (names: readonly string[], path: Path) => void,
): readonly EscalationStep[] {
  const steps = ((given ?? []) as readonly Keyed[]).map((step, position): EscalationStep => {
    const notify = (step["notify"] as readonly Plain[]).map(String);
    reportNames(notify, [...path, position, "notify"]);
    return { afterSeconds: seconds(String(step["after"])), notify: [...new Set(notify)] };
  });
  steps.forEach(({ afterSeconds }, position) => {
    if (position > 0 && afterSeconds <= (steps[position - 1]?.afterSeconds ?? 0))
      report(yaml.problem([...path, position, "after"], "a step is not later than the one before it", "order the steps by after"));
  });
  return steps;
}

const seconds = (text: string): number => Number(text.slice(0, -1)) * (text.endsWith("s") ? 1 : text.endsWith("m") ? 60 : 3_600);
