import * as kinds from "#shared/playbooks/kubernetes/kinds.ts";
import type { Kind, KubeObject } from "#shared/ports/kubernetes.ts";
import type { Cluster } from "./parts.ts";
import { apiVersionOf, BEGAN } from "./pod-object.ts";

/** Holds an owner until those whom it owned are gone. */
export const FOREGROUND = "foregroundDeletion";
const KNOWN = new Set(Object.values(kinds).map((kind) => `${apiVersionOf(kind)} ${kind.kind}`));

/** What the garbage collector does: whose owners are all gone goes, too. Owners of a kind that nobody knows are never missed. */
export function collect(cluster: Cluster): void {
  const all = [...cluster.objects.values()];
  const uids = new Set(all.map(({ object }) => object.metadata.uid));
  const going = new Set(
    all.filter(({ object }) => object.metadata.finalizers?.includes(FOREGROUND)).map(({ object }) => object.metadata.uid),
  );
  for (const { kind, object } of all) {
    const owners = object.metadata.ownerReferences ?? [];
    const isMissed = ({ apiVersion, kind: name, uid }: (typeof owners)[number]): boolean =>
      going.has(uid) || (KNOWN.has(`${apiVersion} ${name}`) && !uids.has(uid));
    if (owners.length > 0 && owners.every(isMissed)) remove(cluster, kind, object);
  }
  for (const { kind, object } of all)
    if (going.has(object.metadata.uid) && ownedBy(cluster, object.metadata.uid).length === 0) {
      const finalizers = object.metadata.finalizers?.filter((one) => one !== FOREGROUND) ?? [];
      if (finalizers.length > 0) cluster.put(kind, { ...object, metadata: { ...object.metadata, finalizers } });
      else cluster.drop(kind, object);
    }
}

/** Pods terminate, and whatever has a finalizer waits; all else is gone at once. */
export function remove(cluster: Cluster, kind: Kind, object: KubeObject, finalizers = object.metadata.finalizers ?? []): void {
  const { deletionTimestamp } = object.metadata;
  if (deletionTimestamp !== undefined) return;
  const isPodOnNode = kind === kinds.POD && object.spec?.["nodeName"] !== undefined && !ENDED.includes(String(object.status?.["phase"]));
  if (!isPodOnNode && finalizers.length === 0) cluster.drop(kind, object);
  else cluster.put(kind, { ...object, metadata: { ...object.metadata, finalizers, deletionTimestamp: BEGAN } });
}
const ENDED = ["Succeeded", "Failed"];

/** Those whom it owned are nobody's from now on. */
export function orphan(cluster: Cluster, uid: string): void {
  for (const { kind, object } of ownedBy(cluster, uid)) {
    const ownerReferences = object.metadata.ownerReferences?.filter((one) => one.uid !== uid) ?? [];
    cluster.put(kind, { ...object, metadata: { ...object.metadata, ownerReferences } });
  }
}

const ownedBy = (cluster: Cluster, uid: string) =>
  [...cluster.objects.values()].filter(({ object }) => object.metadata.ownerReferences?.some((one) => one.uid === uid));
