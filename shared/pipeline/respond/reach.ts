import { createHash } from "node:crypto";
import type { ClaimPorts } from "#shared/pipeline/respond/ports.ts";
import type { Reach } from "#shared/playbooks/playbook.ts";
import { nodeProtectionOf, protectionOf } from "#shared/policy/guards.ts";

/** Where a cluster of the registry is reached; null: it is no longer registered. */
export function reachOf(name: string, { registry, access, policy, clock, evidence }: ClaimPorts): Reach | null {
  const cluster = registry.clusters.find((one) => one.name === name);
  if (cluster === undefined) return null;
  return {
    cluster,
    access,
    protection: (workload) => protectionOf(policy, workload),
    nodeProtection: (node, marks) => nodeProtectionOf(policy, node, marks),
    nowMs: () => clock.now(),
    async keep(folder, body, contentType, signal) {
      if (evidence === undefined) throw new Error("this function keeps no evidence");
      const digest = createHash("sha256").update(body).digest("hex");
      const key = `evidence/${folder}-${digest.slice(0, 16)}`;
      return { key, ...(await evidence.put(key, body, contentType, signal)) };
    },
  };
}
