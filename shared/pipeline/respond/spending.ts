import { ACTION_FACTS, type ActionName } from "#shared/domain/action.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Workload } from "#shared/domain/workload.ts";
import type { Spending } from "#shared/pipeline/respond/budgets.ts";
import { clusterOf } from "#shared/pipeline/respond/cluster-of.ts";
import type { RespondPorts } from "#shared/pipeline/respond/ports.ts";
import type { Recorded } from "#shared/pipeline/respond/record.ts";
import type { Plan } from "#shared/playbooks/playbook.ts";
import { replicasOf } from "#shared/playbooks/replicas.ts";

/** Takes the offender itself out of service: other actions hit its machine, role or owner as a whole, and a person is asked for them. */
export const takesReplica = (action: ActionName): boolean => !ACTION_FACTS[action].marks && !ACTION_FACTS[action].outlives;

/** All that the budgets look at, before the turn: what is read of the world here goes out for several alerts at once. */
export async function spendingOf(
  { action, workload }: Pick<Plan, "action" | "workload">,
  { body, subject, rule }: Pick<Recorded, "subject" | "rule"> & { readonly body: Pick<Recorded["body"], "alert"> },
  ports: Pick<RespondPorts, "policy" | "registry" | "access">,
  signal: AbortSignal,
): Promise<Spending | { readonly because: string }> {
  const spending = { action, workload, alert: body.alert, subject, rule };
  if (ports.policy.budgets.replicasPercent === undefined || !takesReplica(action)) return spending;
  const counted = await count(workload, ports, signal);
  if (counted === null) return spending;
  if ("because" in counted) return { because: `the policy bounds the share of an owner's replicas, and ${counted.because}` };
  return { ...spending, replicas: counted };
}

async function count(workload: Workload, ports: Pick<RespondPorts, "registry" | "access">, signal: AbortSignal) {
  const cluster = clusterOf(workload, ports);
  if (cluster === null) return { because: `cluster ${workload.cluster} is no longer in falco-responder.yml` };
  try {
    return await replicasOf(workload, cluster, ports.access, signal);
  } catch (thrown) {
    if (!(thrown instanceof PipelineError) || thrown.retryable) throw thrown;
    return { because: `they cannot be counted (${thrown.code}): ${thrown.message}` };
  }
}
