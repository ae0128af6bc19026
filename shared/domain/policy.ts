import type { ActionName } from "#shared/domain/action.ts";
import type { Priority } from "#shared/domain/priority.ts";

/** observe: decide and tell, touch nothing. approve: a person must say yes. enforce: act. */
export const MODES = ["observe", "approve", "enforce"] as const;
export type Mode = (typeof MODES)[number];

/** The stricter of two modes: observe < approve < enforce. */
export const stricter = (a: Mode, b: Mode): Mode => (MODES.indexOf(a) <= MODES.indexOf(b) ? a : b);

/** The policy as compiled at package time: no YAML in a bundle. `version` is 12 hex of the SHA-256 of the compiled content. */
export interface Policy {
  readonly schema: "falco-responder/policy/1";
  readonly version: string;
  readonly mode: Mode;
  /** An alert older than this does not act. Default 900. */
  readonly maxAgeSeconds: number;
  readonly protect: Protect;
  readonly budgets: Budgets;
  readonly recurrence: Recurrence;
  /** An approval that nobody gives is over after this. */
  readonly approvalSeconds: number;
  readonly rules: readonly PolicyRule[];
  readonly index: RuleIndex;
}

/** What is never a target, whatever a rule says. Globs (`*`) are allowed in every list but `labels`. */
export interface Protect {
  readonly clusters: readonly string[];
  readonly namespaces: readonly string[];
  readonly services: readonly string[];
  readonly families: readonly string[];
  readonly priorityClasses: readonly string[];
  /** Names of Kubernetes nodes: never cordoned, drained or marked. */
  readonly nodes?: readonly string[];
  /** label or tag key -> value ("*" = any). */
  readonly labels: Readonly<Record<string, string>>;
}

export interface Budgets {
  readonly windowSeconds: number;
  readonly cluster: number;
  readonly fleet: number;
  readonly owner: number;
  /** Percent of an owner's replicas that may be acted on within the window; absent: not asked. */
  readonly replicasPercent?: number;
}

/** An owner whose replacement offends again and again: stopping it once more does not help. */
export interface Recurrence {
  /** Stops of one owner for one rule within the window; the next offence climbs the ladder instead. */
  readonly times: number;
  readonly windowSeconds: number;
  /** One step up with every new target, or five minutes after the last step. `null`: only tell. The last step stays. */
  readonly ladder: readonly (PolicyAction | null)[];
}

export interface PolicyRule {
  readonly name: string;
  readonly match: Match;
  readonly actions: readonly PolicyAction[];
  /** Names of channels in falco-responder.yml. */
  readonly notify: readonly string[];
  readonly mode: Mode;
  /** In place of the policy's. */
  readonly recurrence?: Recurrence;
}

/** All clauses that are present must hold; an absent clause is no condition. */
export interface Match {
  /** Falco rule names: exact, `glob:a*b`, or `/regex/`; any one suffices. */
  readonly rule?: readonly string[];
  readonly priority?: { readonly op: "<" | "<=" | "=" | ">=" | ">"; readonly value: Priority };
  /** OR of ANDs. */
  readonly tags?: readonly (readonly string[])[];
  readonly source?: readonly string[];
  readonly fields?: readonly FieldCondition[];
  readonly workload?: readonly WorkloadCondition[];
  readonly threshold?: Threshold;
}

/** Holds once so many alerts for which all other clauses hold are there within the window, of those that `by` does not tell apart. */
export interface Threshold {
  /** 2 to 100. */
  readonly count: number;
  readonly windowSeconds: number;
  /** container, owner, cluster, or the name of an output field. */
  readonly by: readonly string[];
}

/**
 * A question to one value. A list holds when any of its elements does. Absent (missing, null, "" or "<NA>") answers every question but
 * `exists: false` and `not` with `orAbsent` with no; a value that the question cannot be put to (a CIDR to a name) answers neither yes nor no.
 */
export type Test =
  | { readonly op: "equals" | "glob" | "regex" | "cidr"; readonly values: readonly string[] }
  | { readonly op: "exists"; readonly value: boolean }
  /** Exact: `value` is decimal text. */
  | { readonly op: "<" | "<=" | ">" | ">="; readonly value: string }
  | { readonly op: "not"; readonly test: Test; readonly orAbsent: boolean }
  | { readonly op: "all"; readonly tests: readonly Test[] };

export interface FieldCondition {
  readonly field: string;
  readonly test: Test;
}

export interface WorkloadCondition {
  /** cluster, account, region, kind, namespace, owner, service, family, image, container, or `label.<key>`. */
  readonly fact: string;
  readonly test: Test;
}

/** Lists and maps only where the action's own documentation says so (addresses, labels). */
export type Param = string | number | boolean | readonly string[] | Readonly<Record<string, string>>;
export type Params = Readonly<Record<string, Param>>;

export interface PolicyAction {
  readonly action: ActionName;
  readonly params: Params;
  readonly mode: Mode;
  /** required: no evidence, no action. best-effort: its failure stands on the receipt. */
  readonly evidence: "required" | "best-effort" | "none";
}

/** Where to look for the rules of an alert without trying each. Positions into `rules`. */
export interface RuleIndex {
  readonly exact: Readonly<Record<string, readonly number[]>>;
  readonly patterns: readonly { readonly pattern: string; readonly rules: readonly number[] }[];
  readonly any: readonly number[];
  /** Those that count alerts (`match.threshold`); absent: none does. */
  readonly counting?: readonly number[];
}
