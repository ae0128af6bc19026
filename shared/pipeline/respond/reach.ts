import type { ClaimPorts } from "#shared/pipeline/respond/ports.ts";
import type { Reach } from "#shared/playbooks/playbook.ts";
import { protectionOf } from "#shared/policy/guards.ts";

/** Where a cluster of the registry is reached; null: it is no longer registered. */
export function reachOf(name: string, { registry, access, policy, clock }: ClaimPorts): Reach | null {
  const cluster = registry.clusters.find((one) => one.name === name);
  return cluster === undefined
    ? null
    : { cluster, access, protection: (workload) => protectionOf(policy, workload), nowMs: () => clock.now() };
}
