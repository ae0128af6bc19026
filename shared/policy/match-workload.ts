import type { PolicyRule, WorkloadCondition } from "#shared/domain/policy.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { Workload } from "#shared/domain/workload.ts";
import { type ValueTest, valueTest } from "#shared/policy/test-value.ts";

/** What the registry knows of the workload's cluster. */
export type ClusterFacts = Pick<Cluster, "name" | "kind" | "account" | "region"> & Partial<Pick<Cluster, "roleArn" | "mode">>;

export type WorkloadMatch = { readonly ok: true } | { readonly ok: false; readonly because: string };

/** The facts that `match.workload` may name, beside `label.<key>`. */
export const FACTS = ["cluster", "account", "region", "kind", "namespace", "owner", "service", "family", "image", "container"] as const;

/** string: known. null: known to be absent (no owner, no such label). undefined: not known, or no such thing for this kind: never matches. */
type Fact = string | null | undefined;

/** Do the rule's workload clauses hold? A fact that is not known, or that this kind of workload does not have, never matches. */
export function matchWorkload(rule: PolicyRule, workload: Workload, cluster: ClusterFacts): WorkloadMatch {
  if (workload.cluster !== cluster.name)
    return { ok: false, because: `the workload is of cluster ${workload.cluster}, not ${cluster.name}` };
  for (const condition of rule.match.workload ?? []) {
    const fact = factOf(condition.fact, workload, cluster);
    if (fact === undefined) return { ok: false, because: `${condition.fact} is not known of this ${workload.kind}` };
    if (compiled(condition)(fact) !== true) return { ok: false, because: `${condition.fact} is not as rule "${rule.name}" wants it` };
  }
  return { ok: true };
}

function factOf(name: string, workload: Workload, cluster: ClusterFacts): Fact {
  if (name.startsWith("label.")) {
    const key = name.slice("label.".length);
    return Object.hasOwn(workload.labels, key) ? workload.labels[key] : null;
  }
  switch (name) {
    case "cluster":
      return cluster.name;
    case "account":
      return cluster.account;
    case "region":
      return cluster.region;
    case "kind":
      return workload.kind;
    case "container":
      return workload.container?.name;
    case "image":
      return workload.container?.image ?? undefined;
    case "owner":
      return workload.owner === null ? null : `${workload.owner.kind}/${workload.owner.name}`;
    case "namespace":
      return workload.kind === "task" ? undefined : workload.namespace;
    case "service":
      return workload.kind === "task" ? workload.service : undefined;
    case "family":
      return workload.kind === "task" ? workload.family : undefined;
    default:
      return undefined;
  }
}

const tests = new WeakMap<WorkloadCondition, ValueTest>();

function compiled(condition: WorkloadCondition): ValueTest {
  let test = tests.get(condition);
  if (test === undefined) {
    test = valueTest(condition.test);
    tests.set(condition, test);
  }
  return test;
}
