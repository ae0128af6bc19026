import { clusterAccess } from "#shared/adapters/cluster-access.ts";
import { clusterSessions } from "#shared/adapters/cluster-sessions.ts";
import { ecsOpeners } from "#shared/adapters/openers-ecs.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";
import type { Aws } from "../doubles/aws/aws.ts";
import { ecsCluster } from "../playbooks/builders.ts";

/** A task that an alert accuses. */
export interface Offender {
  readonly taskArn: string;
  readonly runtimeId: string;
}

export const CREDENTIALS = { accessKeyId: "bench", secretAccessKey: "bench", sessionToken: "bench" };

const MACHINES = 10;

/**
 * Services on ten machines, each with a definition of its own and tasks that stop as soon as they are told. The tasks in turn: a task of each
 * service, then the next of each.
 */
export function peopled({ world }: Aws, services: number, tasksOfEach: number): readonly Offender[] {
  for (let n = 0; n < MACHINES; n++) world.instance();
  const all = Array.from({ length: services }, (_, n) => {
    const name = `web-${n}`;
    world.service({ name, desired: tasksOfEach, exitsAfterSeconds: 0, tags: { team: "shop" } });
    return world.tasksOf(name).map(({ arn, containers }) => ({ taskArn: arn, runtimeId: containers[0]?.runtimeId ?? "" }));
  });
  return Array.from({ length: tasksOfEach }, (_, nth) => all.flatMap((tasks) => tasks[nth] ?? [])).flat();
}

/** What respond-ecs reaches as deployed, at the double. */
export function accessTo(endpoint: string): ClusterAccess {
  const end = { ...CREDENTIALS, expiration: new Date(Date.now() + 3_600_000) };
  const config = { ...clusterSessions()(ecsCluster), endpoint, credentials: () => Promise.resolve(end) };
  return clusterAccess(ecsOpeners(() => config));
}
