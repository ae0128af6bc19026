import type { Owner } from "#shared/domain/workload.ts";
import { type PodFacts, podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { DAEMON_SET, DEPLOYMENT, JOB, NODE, POD, REPLICA_SET, STATEFUL_SET } from "#shared/playbooks/kubernetes/kinds.ts";
import type { Kind, KubeObject } from "#shared/ports/kubernetes.ts";
import { matches } from "./selectors.ts";

/** What of the cluster the controllers work on. */
export interface Cluster {
  readonly objects: Map<string, { readonly kind: Kind; object: KubeObject; ticksLeft: number }>;
  readonly members: Map<string, { readonly name: string; readonly node: string | null }[]>;
  all(kind: Kind): readonly KubeObject[];
  object(kind: Kind, namespace: string | null, name: string): KubeObject | null;
  put(kind: Kind, object: KubeObject): KubeObject;
  born(wanted: Partial<PodFacts> & { readonly spec?: NonNullable<KubeObject["spec"]> }): PodFacts;
}

export const reference = ({ kind, name, uid: id, apiVersion = "v1" }: Owner) => ({
  apiVersion,
  kind,
  name,
  uid: id ?? "",
  controller: true,
});

/** One round of what kubelet, garbage collector and controllers do. */
export function reconcile(cluster: Cluster): void {
  end(cluster);
  collect(cluster);
  for (const deployment of cluster.all(DEPLOYMENT)) deploy(cluster, deployment);
  for (const kind of [REPLICA_SET, STATEFUL_SET, DAEMON_SET, JOB]) for (const owner of cluster.all(kind)) keep(cluster, kind, owner);
}

/** Pods that terminate, and what only finalizers held. */
function end(cluster: Cluster): void {
  for (const [id, entry] of [...cluster.objects]) {
    const { deletionTimestamp, finalizers = [] } = entry.object.metadata;
    if (deletionTimestamp === undefined) continue;
    if (--entry.ticksLeft <= 0 && finalizers.length === 0) cluster.objects.delete(id);
  }
}

/** Whose owners are all gone goes, too. */
function collect(cluster: Cluster): void {
  const uids = new Set([...cluster.objects.values()].map(({ object }) => object.metadata.uid));
  for (const [id, { kind, object }] of [...cluster.objects]) {
    const owners = object.metadata.ownerReferences ?? [];
    if (kind === POD || owners.length === 0 || owners.some(({ uid }) => uids.has(uid))) continue;
    cluster.objects.delete(id);
  }
}

/** A Deployment's ReplicaSet has the count that the Deployment has. */
function deploy(cluster: Cluster, { metadata, spec }: KubeObject): void {
  for (const set of cluster.all(REPLICA_SET))
    if (set.metadata.ownerReferences?.some(({ uid }) => uid === metadata.uid) && set.spec?.["replicas"] !== spec?.["replicas"])
      cluster.put(REPLICA_SET, { ...set, spec: { ...set.spec, replicas: spec?.["replicas"] } });
}

function keep(cluster: Cluster, kind: Kind, owner: KubeObject): void {
  const { metadata, spec = {} } = owner;
  const { namespace = "", name, uid } = metadata;
  const owned = cluster.all(POD).filter((pod) => pod.metadata.ownerReferences?.some((one) => one.controller === true && one.uid === uid));
  const isOurs = (pod: KubeObject): boolean => spec["selector"] === undefined || matches(spec["selector"], pod.metadata.labels);
  for (const pod of owned) {
    if (isOurs(pod) || pod.metadata.deletionTimestamp !== undefined) continue;
    cluster.put(POD, { ...pod, metadata: { ...pod.metadata, ownerReferences: [] } });
  }
  for (const pod of cluster.all(POD))
    if (
      spec["selector"] !== undefined &&
      isOurs(pod) &&
      pod.metadata.namespace === namespace &&
      (pod.metadata.ownerReferences ?? []).length === 0
    )
      cluster.put(POD, {
        ...pod,
        metadata: {
          ...pod.metadata,
          ownerReferences: [reference({ kind: kind.kind, name, uid, apiVersion: `${kind.group}/${kind.version}` })],
        },
      });
  const live = cluster
    .all(POD)
    .filter(
      (pod) =>
        pod.metadata.ownerReferences?.some((one) => one.uid === uid) &&
        (kind === STATEFUL_SET || pod.metadata.deletionTimestamp === undefined),
    )
    .map(podFacts);
  const wanted = spec["suspend"] === true ? 0 : Number(spec[kind === JOB ? "parallelism" : "replicas"] ?? 0);
  for (const pod of live.slice(wanted)) terminate(cluster, pod);
  for (let n = live.length; n < wanted; n++) if (!replace(cluster, kind, owner)) break;
}

function terminate(
  cluster: Cluster,
  { namespace, name, deletionTimestamp }: { readonly namespace: string; readonly name: string; readonly deletionTimestamp: string | null },
): void {
  const pod = cluster.object(POD, namespace, name);
  if (pod !== null && deletionTimestamp === null)
    cluster.put(POD, { ...pod, metadata: { ...pod.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } });
}

/** From the template; a StatefulSet's has the same name again, a DaemonSet's the same node. False: the name is still taken. */
function replace(cluster: Cluster, kind: Kind, { metadata, spec = {} }: KubeObject): boolean {
  const { namespace = "", name, uid } = metadata;
  const { metadata: { labels = {} } = {}, spec: podSpec = {} } = (spec["template"] ?? {}) as Template;
  const taken = new Set(cluster.all(POD).map((pod) => pod.metadata.name));
  const owner = { kind: kind.kind, name, uid, apiVersion: `${kind.group}/${kind.version}` };
  const members = cluster.members.get(uid) ?? [];
  const lost = members.findIndex((member) => !taken.has(member.name));
  // A released pod keeps its name: there is nobody to take a StatefulSet's place under it.
  if (kind === STATEFUL_SET && lost === -1) return false;
  const [was] = lost === -1 ? [] : members.splice(lost, 1);
  const again = kind === STATEFUL_SET && was !== undefined ? { name: was.name } : {};
  const node = placed(cluster, kind, was?.node ?? null);
  cluster.born({ namespace, labels, controller: owner, spec: podSpec, ...again, ...(node === null ? {} : { node }) });
  return true;
}

/** Where it was, or, when that node is cordoned, on one that is not; a DaemonSet's pod comes back all the same. */
function placed(cluster: Cluster, kind: Kind, was: string | null): string | null {
  const isCordoned = (name: string): boolean => cluster.object(NODE, null, name)?.spec?.["unschedulable"] === true;
  if (kind === DAEMON_SET || !isCordoned(was ?? "node-1")) return was;
  return cluster.all(NODE).find(({ metadata }) => !isCordoned(metadata.name))?.metadata.name ?? was;
}

interface Template {
  readonly metadata?: { readonly labels?: Readonly<Record<string, string>> };
  readonly spec?: NonNullable<KubeObject["spec"]>;
}
