import { taskOf } from "#shared/playbooks/ecs/target.ts";
import { serviceOf, workloadOf } from "#shared/playbooks/ecs/workload.ts";
import type { Plan, Reach } from "#shared/playbooks/playbook.ts";
import { few, many } from "#shared/playbooks/words.ts";
import type { ServiceFacts } from "#shared/ports/services.ts";
import type { TaskFacts } from "#shared/ports/tasks.ts";

/** A task that has not stopped yet on the container instance of the offender; the offender itself is one. */
export interface Resident {
  readonly task: TaskFacts;
  readonly offender: boolean;
  /** Null: it stands alone. */
  readonly service: string | null;
  /** What ECS says of its service; null: it stands alone, or ECS does not know the service. */
  readonly facts: ServiceFacts | null;
  readonly daemon: boolean;
}

/** What lives on the instance now: what counts is what ECS describes, not what it lists. */
export async function residentsOf(plan: Plan, instanceArn: string, { cluster, access }: Reach, signal: AbortSignal): Promise<Resident[]> {
  const { taskArn } = taskOf(plan, plan.action);
  const [tasks, services] = await Promise.all([access.tasks(cluster), access.services(cluster)]);
  const arns = await tasks.listOnInstance(instanceArn, signal);
  const described = arns.length === 0 ? [] : (await tasks.describe(arns, signal)).tasks;
  const there = described.filter((task) => task.containerInstanceArn === instanceArn && task.lastStatus !== "STOPPED");
  const names = new Set(there.map(serviceOf).filter((name) => name !== null));
  const known = new Map(await Promise.all([...names].map(async (name) => [name, await services.describe(name, signal)] as const)));
  return there.map((task) => {
    const service = serviceOf(task);
    const facts = service === null ? null : (known.get(service) ?? null);
    return { task, offender: task.taskArn === taskArn, service, facts, daemon: facts?.schedulingStrategy === "DAEMON" };
  });
}

/**
 * Why what is done to the whole instance would hit somebody whom the policy protects; null: it would not. Daemons are left out: every
 * instance has them, Falco's among them, and they are no workload of this one.
 */
export function protectedResidents(residents: readonly Resident[], { cluster, protection }: Reach): string | null {
  const spared = residents.flatMap((resident) => {
    if (resident.offender || resident.daemon) return [];
    // Tags of a service that cannot be read are not "no tags".
    if (resident.service !== null && resident.facts === null) return [`service ${resident.service} cannot be read`];
    const why = protection(workloadOf(resident.task, null, cluster, resident.facts?.tags ?? {}));
    return why === null ? [] : [why];
  });
  if (spared.length === 0) return null;
  return `${many(spared.length, "protected task")} on the same instance would be hit (${few([...new Set(spared)], 3)})`;
}

/** "services web, api": names of the services that some of them belong to; "" for none. */
export function servicesOf(residents: readonly Resident[]): string {
  const names = [...new Set(residents.map(({ service }) => service).filter((name) => name !== null))].sort();
  return names.length === 0 ? "" : ` (${names.length === 1 ? "service" : "services"} ${few(names)})`;
}
