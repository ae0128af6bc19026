import type { Alert } from "#shared/domain/alert.ts";
import type { Match, Policy } from "#shared/domain/policy.ts";
import { type Priority, rank } from "#shared/domain/priority.ts";
import { nameTest, type TextTest } from "#shared/policy/pattern.ts";
import { type ValueTest, valueTest } from "#shared/policy/test-value.ts";

export { type ClusterFacts, matchWorkload, type WorkloadMatch } from "#shared/policy/match-workload.ts";

/**
 * Positions, ascending, of the rules whose clauses about the alert itself all hold (workload clauses are `matchWorkload`'s).
 * What follows from rule, priority, source and tags is remembered: seen again, 10,000 rules cost what 10 do.
 */
export function matchAlert(policy: Policy, alert: Alert): readonly number[] {
  const matcher = matcherOf(policy);
  const { positions, conditional } = candidates(matcher, alert);
  return conditional ? positions.filter((position) => fieldsHold(matcher, position, alert)) : positions;
}

/** How many (rule, priority, source, tags) are remembered. Alerts may be made up: when full, all is forgotten. */
const MAX_REMEMBERED = 4_096;
/** Of one rule name: found by comparing each. */
const MAX_OF_ONE_NAME = 16;
/** Falco's own are far below; what is longer is not kept, so that made-up alerts cannot fill the memory. */
const MAX_NAME = 256;
const MAX_TAGS = 64;

interface Candidates {
  readonly positions: readonly number[];
  /** Some of them have field conditions. */
  readonly conditional: boolean;
}

interface Remembered extends Candidates {
  readonly priority: Priority;
  readonly source: string | null;
  readonly tags: readonly string[];
}

interface Condition {
  readonly field: string;
  readonly test: ValueTest;
}

interface Matcher {
  readonly policy: Policy;
  patterns: readonly { readonly test: TextTest; readonly rules: readonly number[] }[] | null;
  readonly conditions: Map<number, readonly Condition[]>;
  readonly names: Map<string, Name>;
  /** Of all names together. */
  count: number;
}

/** What is remembered of one rule name. */
interface Name {
  /** Rules that name it, exactly or by pattern, and those that name none. */
  readonly rules: readonly number[];
  readonly seen: Remembered[];
}

const matchers = new WeakMap<Policy, Matcher>();

function matcherOf(policy: Policy): Matcher {
  let matcher = matchers.get(policy);
  if (matcher === undefined) {
    matcher = { policy, patterns: null, conditions: new Map(), names: new Map(), count: 0 };
    matchers.set(policy, matcher);
  }
  return matcher;
}

function candidates(matcher: Matcher, alert: Alert): Candidates {
  const name = matcher.names.get(alert.rule);
  const hit = name?.seen.find(
    (entry) => entry.priority === alert.priority && entry.source === alert.source && same(entry.tags, alert.tags),
  );
  if (hit !== undefined) return hit;
  const rules = name?.rules ?? rulesNaming(matcher, alert.rule);
  const found = find(matcher, rules, alert);
  if (isOrdinary(alert)) remember(matcher, rules, alert, found);
  return found;
}

const isOrdinary = ({ rule, source, tags }: Alert): boolean =>
  rule.length <= MAX_NAME && (source?.length ?? 0) <= MAX_NAME && tags.length <= MAX_TAGS && tags.every((tag) => tag.length <= MAX_NAME);

function remember(matcher: Matcher, rules: readonly number[], alert: Alert, found: Candidates): void {
  if (matcher.count >= MAX_REMEMBERED) {
    matcher.names.clear();
    matcher.count = 0;
  }
  const name = matcher.names.get(alert.rule) ?? { rules, seen: [] };
  if (name.seen.length >= MAX_OF_ONE_NAME) name.seen.shift();
  else matcher.count++;
  name.seen.push({ ...found, priority: alert.priority, source: alert.source, tags: alert.tags });
  matcher.names.set(alert.rule, name);
}

function same(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let n = 0; n < a.length; n++) {
    if (a[n] !== b[n]) return false;
  }
  return true;
}

function rulesNaming(matcher: Matcher, rule: string): readonly number[] {
  const { exact, patterns, any } = matcher.policy.index;
  matcher.patterns ??= patterns.map(({ pattern, rules }) => ({ test: nameTest(pattern), rules }));
  // An own key only, here and below: a rule named "constructor" is a rule, and a field of that name is absent where it is not given.
  const named = new Set(Object.hasOwn(exact, rule) ? exact[rule] : []);
  for (const { test, rules } of matcher.patterns) {
    if (test(rule)) for (const position of rules) named.add(position);
  }
  for (const position of any) named.add(position);
  return [...named].sort((a, b) => a - b);
}

function find({ policy }: Matcher, rules: readonly number[], alert: Alert): Candidates {
  const tags = new Set(alert.tags);
  const positions = rules.filter((position) => {
    const match = policy.rules[position]?.match;
    return match !== undefined && priorityHolds(match, alert) && sourceHolds(match, alert) && tagsHold(match, tags);
  });
  return {
    positions: Object.freeze(positions),
    conditional: positions.some((position) => policy.rules[position]?.match.fields !== undefined),
  };
}

function priorityHolds({ priority }: Match, alert: Alert): boolean {
  if (priority === undefined) return true;
  const order = rank(alert.priority) - rank(priority.value);
  switch (priority.op) {
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case "=":
      return order === 0;
    case ">=":
      return order >= 0;
    case ">":
      return order > 0;
  }
}

/** An alert without source is of the system call source, Falco's first and for years only one. */
const sourceHolds = ({ source }: Match, alert: Alert): boolean => source === undefined || source.includes(alert.source ?? "syscall");

const tagsHold = ({ tags }: Match, present: ReadonlySet<string>): boolean =>
  tags === undefined || tags.some((all) => all.length > 0 && all.every((tag) => present.has(tag)));

function fieldsHold(matcher: Matcher, position: number, alert: Alert): boolean {
  let conditions = matcher.conditions.get(position);
  if (conditions === undefined) {
    conditions = (matcher.policy.rules[position]?.match.fields ?? []).map(({ field, test }) => ({ field, test: valueTest(test) }));
    matcher.conditions.set(position, conditions);
  }
  for (const { field, test } of conditions) {
    if (test(Object.hasOwn(alert.fields, field) ? alert.fields[field] : undefined) !== true) return false;
  }
  return true;
}
