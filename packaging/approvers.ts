import { ACTION_FACTS, fits, quorumOf } from "#shared/domain/action.ts";
import type { Person } from "#shared/domain/person.ts";
import { type Policy, type PolicyAction, stricter } from "#shared/domain/policy.ts";
import type { Cluster, ClusterKind, Registry } from "#shared/domain/registry.ts";
import type { Workload } from "#shared/domain/workload.ts";
import { mayApprove } from "#shared/policy/people.ts";
import { reportUnknown } from "./people.ts";
import type { Problem } from "./problem.ts";
import type { YamlFile } from "./yaml-file.ts";

const KINDS: Readonly<Record<ClusterKind, readonly Workload["kind"][]>> = {
  ecs: ["task"],
  eks: ["pod", "object"],
  kubernetes: ["pod", "object"],
};

/** What `people` and the policy say of each other: rules that nobody has, and questions that too few may answer. */
export function reportPeople({ people = [], clusters }: Registry, policy: Policy, yaml: YamlFile): readonly Problem[] {
  const problems: Problem[] = [];
  const rules = policy.rules.map(({ name }) => name);
  people.forEach((person, position) => {
    reportUnknown(person.rules ?? [], rules, "rule of the policy", ["people", position, "rules"], yaml, (problem) =>
      problems.push(problem),
    );
  });
  const told = new Set<string>();
  for (const { rule, action } of questions(policy)) {
    const wanted = quorumOf(action);
    const { name } = rule;
    if (people.length === 0) {
      if (wanted < 2 || told.has(action.action)) continue;
      told.add(action.action);
      problems.push(lonely(action, wanted, yaml));
      continue;
    }
    const able = clusters
      .filter(({ kind }) => KINDS[kind].some((one) => fits(action.action, one)))
      .map((cluster) => ({ cluster, count: approvers(people, cluster, name, action).length }));
    const least = able.toSorted((a, b) => a.count - b.count)[0];
    if (least === undefined || least.count >= wanted || told.has(action.action)) continue;
    told.add(action.action);
    const nobody = able.every(({ count }) => count < wanted);
    const message = `${action.action} of policy rule "${name}" needs ${wanted === 1 ? "a person" : `${wanted} people`}, and ${least.count === 0 ? "nobody" : `only ${least.count}`} of people may approve it in cluster ${least.cluster.name}`;
    const severity = nobody ? {} : ({ severity: "warning" } as const);
    problems.push(
      yaml.problem(
        ["people"],
        message,
        `let more people approve it${ACTION_FACTS[action.action].quorum > 1 ? " (may, widest: true)" : ""}`,
        severity,
      ),
    );
  }
  return problems;
}

const approvers = (people: readonly Person[], cluster: Cluster, rule: string, { action }: PolicyAction): readonly Person[] =>
  people.filter((person) => mayApprove(person, { cluster: cluster.name, rule, action }));

/** IAM cannot tell whether two principals are one human. */
function lonely({ action, quorum }: PolicyAction, wanted: number, yaml: YamlFile): Problem {
  const asks = quorum !== undefined && quorum > ACTION_FACTS[action].quorum;
  return yaml.problem(
    ["people"],
    `${action} needs ${wanted} people, and without people one principal's yes is enough`,
    "name people (docs/chatops.md)",
    asks ? {} : { severity: "warning" },
  );
}

/** Every action about which a person may be asked. An owner that nothing stops climbs no ladder. */
function* questions({ mode, rules, recurrence }: Policy) {
  for (const rule of rules) {
    const steps = rule.actions.length === 0 ? [] : (rule.recurrence ?? recurrence).ladder.flatMap((step) => step ?? []);
    for (const action of [...rule.actions, ...steps])
      if (stricter(stricter(mode, rule.mode), action.mode) === "approve") yield { rule, action };
  }
}
