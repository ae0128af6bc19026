import { ACTION_FACTS, actionKey, byOrder, fits, WIDENS } from "#shared/domain/action.ts";
import { type Alert, AUDIT } from "#shared/domain/alert.ts";
import type { Decision } from "#shared/domain/decision.ts";
import type { Mode, Param, Params, PolicyAction, PolicyRule } from "#shared/domain/policy.ts";
import type { Workload } from "#shared/domain/workload.ts";
import { GUARDS, type Question, targetOf } from "#shared/policy/guards.ts";
import { type ClusterFacts, matchWorkload } from "#shared/policy/match-workload.ts";
import { type Modes, modesOf, strictest } from "#shared/policy/modes.ts";
import { remoteOf } from "#shared/policy/remote.ts";

export interface DecideInput extends Question {
  /** From `matchAlert`: the rules whose clauses about the alert hold. Workload clauses are judged here. */
  readonly rules: readonly number[];
}

/**
 * One decision for every action that the matching rules name and that fits the target. Pure and total: the same input gives the same
 * decisions, and any doubt is a hold. One guard's hold stops every action; the strictest mode wins; required evidence wins.
 */
export function decide(input: DecideInput): readonly Decision[] {
  const rules = matchingRules(input);
  const objection = GUARDS.map((guard) => guard(input)).find((because) => because !== null) ?? null;
  return unite(rules, input).map(({ action, modes, rule, rules: names, because }): Decision => {
    const doubt = objection ?? because;
    if (doubt !== null) return { kind: "hold", action: action.action, rule, because: doubt };
    const reason = `${names.length === 1 ? "rule" : "rules"} ${names.map((name) => `"${name}"`).join(", ")}, mode ${modes.mode}`;
    return decided(modes, action, rule, reason);
  });
}

/** The decision that a mode makes of an action which nothing objects to. */
export function decided({ mode, enforcing }: Modes, wanted: PolicyAction, rule: string, because: string): Decision {
  const action = { ...wanted, mode };
  if (mode === "enforce") return { kind: "act", action, rule, because };
  if (mode === "approve") return { kind: "await-approval", action, rule, because };
  if (enforcing === "enforce") return { kind: "would-act", action, rule, because };
  return { kind: "would-act", action, rule, because: `${because}; enforcing, it would ask a person first`, would: "ask" };
}

/**
 * The rules that match alert and workload, in the policy's order: also those that only notify. While no workload of this cluster is
 * verified, a rule with workload clauses stays in (its actions are held): nobody can tell that it does not match.
 */
export function matchingRules(input: Pick<DecideInput, "policy" | "rules" | "resolution" | "cluster">): readonly PolicyRule[] {
  const { cluster } = input;
  const target = targetOf(input.resolution);
  return input.rules
    .map((position) => input.policy.rules[position])
    .filter((rule) => rule !== undefined)
    .filter((rule) => target === null || cluster === null || target.cluster !== cluster.name || matchWorkload(rule, target, cluster).ok);
}

/** Of what kind the target is, as far as alert and cluster tell while nobody has found it. */
function kindMeant({ source }: Alert, { kind }: ClusterFacts): Workload["kind"] {
  if (kind === "ecs") return "task";
  return source === AUDIT ? "object" : "pod";
}

/** With what only the alert can say. */
function aimed(action: PolicyAction, alert: Alert): PolicyAction {
  if (ACTION_FACTS[action.action].subject?.from !== "alert") return action;
  const remote = remoteOf(alert);
  return remote === null ? action : { ...action, params: { ...action.params, remote } };
}

interface United {
  readonly action: PolicyAction;
  readonly modes: Modes;
  /** The first rule that wants it. */
  readonly rule: string;
  readonly rules: readonly string[];
  /** Why it is in doubt although no guard objects. */
  readonly because: string | null;
}

function unite(rules: readonly PolicyRule[], { entry, policy, cluster, resolution }: DecideInput): readonly United[] {
  const kind = targetOf(resolution)?.kind ?? (cluster === null ? null : kindMeant(entry.alert, cluster));
  const united = new Map<string, United>();
  for (const rule of rules) {
    // A policy for many clusters names the action for each kind: those of the other kind are not meant. None that fits is worth telling.
    const fitting = rule.actions.filter(({ action }) => kind === null || fits(action, kind));
    for (const named of fitting.length > 0 ? fitting : rule.actions) {
      const action = aimed(named, entry.alert);
      const modes = modesOf(policy.mode, cluster?.mode, rule.mode, action.mode, mostOf(action));
      const because = fitting.length > 0 ? null : `${action.action} does not fit a ${kind ?? "target of unknown kind"}`;
      const key = actionKey(action.action, action.params);
      united.set(key, merge(united.get(key), { action, modes, rule: rule.name, rules: [rule.name], because }));
    }
  }
  return [...united.values()].sort((a, b) => byOrder(a.action.action, b.action.action));
}

/** Whatever a policy says: what cannot be taken back in any way is done after a person's yes, or never. */
const mostOf = ({ action }: PolicyAction): Mode => (ACTION_FACTS[action].approval === "always" ? "approve" : "enforce");

const EVIDENCE = ["none", "best-effort", "required"] as const;

function merge(first: United | undefined, second: United): United {
  if (first === undefined) return second;
  const evidence = [first.action.evidence, second.action.evidence].map((wish) => EVIDENCE.indexOf(wish));
  return {
    rule: first.rule,
    rules: [...new Set([...first.rules, ...second.rules])],
    because: first.because ?? second.because,
    modes: strictest(first.modes, second.modes),
    action: {
      action: first.action.action,
      params: mergeParams(first.action.params, second.action.params),
      mode: first.action.mode,
      evidence: EVIDENCE[Math.max(...evidence)] ?? "required",
    },
  };
}

/**
 * The first rule's value counts; but a switch that spares somebody is on when it is on in any rule, and one that widens only in all. What any
 * rule lists (to be allowed, to be left out, to be put on) is on the list.
 */
function mergeParams(first: Params, second: Params): Params {
  const on = Object.entries(second).filter(([key, value]) => value === true && !Object.hasOwn(WIDENS, key));
  const disputed = Object.entries(WIDENS)
    .filter(([key, { wide }]) => (first[key] === wide) !== (second[key] === wide))
    .map(([key, { preset }]) => [key, preset] as const);
  const joined = Object.entries(first).flatMap(([key, value]): readonly (readonly [string, Param])[] => {
    const other = second[key];
    if (isList(value) && isList(other)) return [[key, [...new Set([...value, ...other])]]];
    return isMap(value) && isMap(other) ? [[key, { ...other, ...value }]] : [];
  });
  return { ...second, ...first, ...Object.fromEntries(on), ...Object.fromEntries(disputed), ...Object.fromEntries(joined) };
}

const isList = (value: Param | undefined): value is readonly string[] => Array.isArray(value);
const isMap = (value: Param | undefined): value is Readonly<Record<string, string>> => typeof value === "object" && !isList(value);
