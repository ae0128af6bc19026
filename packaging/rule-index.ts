import type { Match, RuleIndex } from "#shared/domain/policy.ts";
import { isPattern } from "#shared/policy/pattern.ts";

/** Where matching looks for the rules of an alert by its Falco rule name. Each rule stands under every name it gives, or under `any`. */
export function indexRules(matches: readonly Match[]): RuleIndex {
  const exact = new Map<string, number[]>();
  const patterns = new Map<string, number[]>();
  const any: number[] = [];
  matches.forEach(({ rule }, position) => {
    if (rule === undefined) any.push(position);
    for (const name of new Set(rule)) {
      const where = isPattern(name) ? patterns : exact;
      const positions = where.get(name);
      if (positions === undefined) where.set(name, [position]);
      else positions.push(position);
    }
  });
  const counting = matches.flatMap(({ threshold }, position) => (threshold === undefined ? [] : [position]));
  return {
    exact: Object.fromEntries(exact),
    patterns: [...patterns].map(([pattern, rules]) => ({ pattern, rules })),
    any,
    ...(counting.length === 0 ? {} : { counting }),
  };
}
