import type { Alert } from "#shared/domain/alert.ts";
import type { Match, Policy, PolicyRule } from "#shared/domain/policy.ts";
import { PRIORITIES } from "#shared/domain/priority.ts";
import { FALCO_RULES } from "../../packaging/falco-rules.ts";
import { indexRules } from "../../packaging/rule-index.ts";

const at = <T>(list: readonly T[], position: number): T => {
  const item = list[position % list.length];
  if (item === undefined) throw new Error("an empty list");
  return item;
};

/** How many alerts' rule names the generated rules speak of; the other exact names are of rules that never come. */
const SPOKEN = 40;

/**
 * A compiled policy of `count` rules: of every ten, seven name a rule exactly, two by glob or regex, one asks for tags or a priority only.
 * A third of them also ask for an output field. The first ten rules are the same for every count.
 */
export function policyOfSize(count: number): Policy {
  const rules = Array.from(
    { length: count },
    (_, position): PolicyRule => ({
      name: `rule ${position}`,
      match: { ...matchAt(position), ...(position % 3 === 0 ? FIELDS : {}) },
      actions: position % 5 === 0 ? [{ action: "ecs:stop-task", params: {}, mode: "enforce", evidence: "best-effort" }] : [],
      notify: ["team"],
      mode: "enforce",
    }),
  );
  return {
    schema: "falco-responder/policy/1",
    version: "0123456789ab",
    mode: "observe",
    maxAgeSeconds: 900,
    protect: { clusters: [], namespaces: ["kube-system"], services: [], families: ["falco*"], priorityClasses: ["system-*"], labels: {} },
    budgets: { windowSeconds: 600, owner: 3, cluster: 12, fleet: 40 },
    recurrence: { times: 1_000, windowSeconds: 3_600, ladder: [] },
    approvalSeconds: 14_400,
    rules,
    index: indexRules(rules.map(({ match }) => match)),
  };
}

const FIELDS: Pick<Match, "fields"> = {
  fields: [{ field: "proc.name", test: { op: "not", test: { op: "equals", values: ["systemd", "kubelet"] }, orAbsent: false } }],
};

function matchAt(position: number): Match {
  const kind = position % 10;
  if (kind < 7) return { rule: [position < 10 ? at(FALCO_RULES, position * 5) : `Team ${position % 97} rule ${position}`] };
  if (kind === 7) return { rule: [position < 10 ? "glob:* in Container" : `glob:Team ${position % 97} * of service ${position}`] };
  if (kind === 8)
    return { rule: [position < 10 ? "/^(Read|Search) .*(key|password)/i" : `/^Team ${position % 97} (reads|writes) .+ of ${position}$/`] };
  if (position < 10) return { tags: [["mitre_execution", "container"]] };
  return position % 20 === 9
    ? { tags: [[`team_${position}`]] }
    : { tags: [[`unit_${position % 500}`, "container"]], priority: { op: ">=", value: "Warning" } };
}

/** Distinct alerts of `SPOKEN` rules, each rule with its own priority and tags as Falco prints them. */
export const alertsOfBench = (count: number): readonly Alert[] =>
  Array.from(
    { length: count },
    (_, n): Alert => ({
      id: n.toString(16).padStart(64, "0"),
      rule: at(FALCO_RULES, (n % SPOKEN) * 5),
      priority: at(PRIORITIES, (n % SPOKEN) % PRIORITIES.length),
      time: "2026-11-23T12:00:00.000000001Z",
      timeMs: 1_795_435_200_000,
      source: "syscall",
      tags: ["maturity_stable", "container", n % 2 === 0 ? "mitre_execution" : "mitre_persistence", `T${1000 + (n % SPOKEN)}`],
      hostname: "ip-10-0-0-1",
      output: "an alert",
      fields: { "proc.name": at(["bash", "curl", "systemd", "python3"], n), "proc.pid": n, "container.id": "0123456789ab" },
      containerId: "0123456789ab",
      onHost: false,
      internal: false,
    }),
  );
