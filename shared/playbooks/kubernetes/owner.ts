import type { Owner } from "#shared/domain/workload.ts";
import { controllerOf } from "#shared/playbooks/kubernetes/facts.ts";
import { CRON_JOB, DAEMON_SET, DEPLOYMENT, JOB, REPLICA_SET, STATEFUL_SET } from "#shared/playbooks/kubernetes/kinds.ts";
import type { Kind, KubeObject, KubernetesReads } from "#shared/ports/kubernetes.ts";

/** Owners that we know how to read. A kind of the same name in another group is foreign. */
const KNOWN: readonly Kind[] = [REPLICA_SET, DEPLOYMENT, STATEFUL_SET, DAEMON_SET, JOB, CRON_JOB];
const HOPS_MAX = 5;

export const kindOfOwner = ({ kind, apiVersion }: Owner): Kind | null =>
  KNOWN.find((known) => known.kind === kind && apiVersion === `${known.group}/${known.version}`) ?? null;

export interface Hop {
  readonly owner: Owner;
  /** Null: the kind is foreign, it is gone, or another one has its name. */
  readonly object: KubeObject | null;
}

/** From a pod's controller up: ReplicaSet then Deployment, Job then CronJob, ... Each hop's uid is checked; it ends at what cannot be read. */
export async function ownersOf(
  controller: Owner | null,
  namespace: string,
  api: KubernetesReads,
  signal: AbortSignal,
): Promise<readonly Hop[]> {
  const hops: Hop[] = [];
  let owner = controller;
  while (owner !== null && hops.length < HOPS_MAX) {
    const kind = kindOfOwner(owner);
    const found: KubeObject | null = kind === null ? null : await api.get(kind, namespace, owner.name, signal);
    const object: KubeObject | null = found?.metadata.uid === owner.uid ? found : null;
    hops.push({ owner, object });
    owner = object === null ? null : controllerOf(object);
  }
  return hops;
}

/** The last of them: what a person calls the workload. Only what can be a middle is read: a Deployment's own owner is asked for by nobody. */
export async function topOwner(
  controller: Owner | null,
  namespace: string,
  api: KubernetesReads,
  signal: AbortSignal,
): Promise<Owner | null> {
  let owner = controller;
  for (let hop = 0; owner !== null && hop < HOPS_MAX; hop++) {
    const kind = kindOfOwner(owner);
    if (kind !== REPLICA_SET && kind !== JOB) return owner;
    const found: KubeObject | null = await api.get(kind, namespace, owner.name, signal);
    const next: Owner | null = found?.metadata.uid === owner.uid ? controllerOf(found) : null;
    if (next === null) return owner;
    owner = next;
  }
  return owner;
}
