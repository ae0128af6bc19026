import type { Owner } from "#shared/domain/workload.ts";
import { controllerOf, object, text, texts } from "#shared/playbooks/kubernetes/facts.ts";
import { DAEMON_SET, DEPLOYMENT, JOB, NODE, POD, REPLICA_SET, STATEFUL_SET } from "#shared/playbooks/kubernetes/kinds.ts";
import type { Json, Kind, KubeObject } from "#shared/ports/kubernetes.ts";
import { hasEnded, overQuota } from "./admission.ts";
import { recount } from "./budgets.ts";
import { collect, remove } from "./collector.ts";
import { end, start } from "./kubelet.ts";
import type { Cluster, Wanted } from "./parts.ts";
import { apiVersionOf, hex, reference } from "./pod-object.ts";
import { isWithin, matches } from "./selectors.ts";

/** One round of what kubelet, garbage collector and controllers do. */
export function reconcile(cluster: Cluster): void {
  end(cluster);
  start(cluster);
  collect(cluster);
  for (const deployment of cluster.all(DEPLOYMENT)) deploy(cluster, deployment);
  for (const kind of [REPLICA_SET, STATEFUL_SET, DAEMON_SET, JOB])
    for (const owner of cluster.all(kind)) if (owner.metadata.deletionTimestamp === undefined) keep(cluster, kind, owner);
  recount(cluster);
}

/** A Deployment's ReplicaSet is there, and has the count that the Deployment has. */
function deploy(cluster: Cluster, { metadata, spec = {} }: KubeObject): void {
  if (metadata.deletionTimestamp !== undefined) return;
  const { namespace = "", name, uid } = metadata;
  const replicas = spec["replicas"];
  const sets = cluster.all(REPLICA_SET).filter((set) => controllerOf(set)?.uid === uid);
  for (const set of sets) if (set.spec?.["replicas"] !== replicas) cluster.put(REPLICA_SET, { ...set, spec: { ...set.spec, replicas } });
  if (sets.length > 0 || spec["template"] === undefined) return;
  const hash = { "pod-template-hash": hex(JSON.stringify(spec["template"])).slice(0, 10) };
  const template = object(spec["template"]);
  const templateMetadata = object(template["metadata"]);
  const labels = { ...texts(templateMetadata["labels"]), ...hash };
  cluster.put(REPLICA_SET, {
    metadata: {
      namespace,
      name: `${name}-${hash["pod-template-hash"]}`,
      labels,
      ownerReferences: [reference({ kind: "Deployment", name, uid, apiVersion: "apps/v1" })],
    },
    spec: {
      replicas,
      selector: { matchLabels: { ...texts(object(spec["selector"])["matchLabels"]), ...hash } },
      template: { ...template, metadata: { ...templateMetadata, labels } },
    },
  });
}

function keep(cluster: Cluster, kind: Kind, controller: KubeObject): void {
  const { metadata, spec = {} } = controller;
  const owner = { kind: kind.kind, name: metadata.name, uid: metadata.uid, apiVersion: apiVersionOf(kind) };
  claim(cluster, owner, spec, metadata.namespace ?? "");
  const owned = cluster.all(POD).filter((pod) => controllerOf(pod)?.uid === owner.uid && !hasEnded(pod));
  if (kind === DAEMON_SET && spec["replicas"] === undefined) {
    everywhere(cluster, controller, owner, owned);
    return;
  }
  // A StatefulSet's pod must be gone before another may have its name.
  const live = owned.filter((pod) => kind === STATEFUL_SET || pod.metadata.deletionTimestamp === undefined);
  const wanted = spec["suspend"] === true ? 0 : Number(spec[kind === JOB ? "parallelism" : "replicas"] ?? 0);
  for (const pod of live.slice(wanted)) remove(cluster, POD, pod);
  for (let n = live.length; n < wanted; n++) if (!replace(cluster, kind, controller, owner, wanted)) break;
}

/** Pods that the selector no longer has are let go, and those without a controller that it has are taken. */
function claim(cluster: Cluster, owner: Owner, { selector }: Json, namespace: string): void {
  if (selector === undefined) return;
  for (const pod of cluster.all(POD)) {
    const { metadata } = pod;
    const references = metadata.ownerReferences ?? [];
    if (metadata.namespace !== namespace || metadata.deletionTimestamp !== undefined) continue;
    const isOurs = controllerOf(pod)?.uid === owner.uid;
    const isSelected = matches(selector, metadata.labels);
    if (isOurs && !isSelected)
      cluster.put(POD, { ...pod, metadata: { ...metadata, ownerReferences: references.filter((one) => one.uid !== owner.uid) } });
    if (!isOurs && isSelected && controllerOf(pod) === null)
      cluster.put(POD, { ...pod, metadata: { ...metadata, ownerReferences: [...references, reference(owner)] } });
  }
}

/** A DaemonSet's pod on each node that it is for, cordoned or not. */
function everywhere(cluster: Cluster, daemonSet: KubeObject, owner: Owner, owned: readonly KubeObject[]): void {
  const { labels, spec } = templateOf(daemonSet);
  for (const node of cluster.all(NODE)) {
    const isThere = owned.some((pod) => pod.spec?.["nodeName"] === node.metadata.name && pod.metadata.deletionTimestamp === undefined);
    if (isThere || !isWithin(spec["nodeSelector"], node.metadata.labels)) continue;
    born(cluster, daemonSet, { labels, controller: owner, spec, node: node.metadata.name });
  }
}

/** From the template; a StatefulSet's has the same name again. False: not now. */
function replace(cluster: Cluster, kind: Kind, controller: KubeObject, owner: Owner, wanted: number): boolean {
  const { labels, spec } = templateOf(controller);
  const taken = new Set(cluster.all(POD).map((pod) => pod.metadata.name));
  const members = cluster.members.get(controller.metadata.uid) ?? [];
  const lost = members.findIndex((member) => !taken.has(member.name));
  const was = members[lost];
  const ordinals = Array.from({ length: members.length < wanted ? wanted : 0 }, (_, n) => `${owner.name}-${n}`);
  const name = was?.name ?? ordinals.find((one) => !taken.has(one));
  // A released pod keeps its name: there is nobody to take a StatefulSet's place under it.
  if (kind === STATEFUL_SET && name === undefined) return false;
  const node = placed(cluster, kind, was?.node ?? text(spec["nodeName"]));
  const made = born(cluster, controller, {
    labels,
    controller: owner,
    spec,
    ...(kind === STATEFUL_SET && name !== undefined ? { name } : {}),
    ...(node === null ? {} : { node }),
  });
  if (made && lost !== -1) members.splice(lost, 1);
  return made;
}

function born(cluster: Cluster, { metadata }: KubeObject, pod: Wanted): boolean {
  const namespace = metadata.namespace ?? "";
  if (overQuota(cluster, POD, namespace, metadata.name) !== null) return false;
  cluster.born({ ...pod, namespace });
  return true;
}

/** Where it was, or, when that node is cordoned, on one that is not; a DaemonSet's pod comes back all the same. */
function placed(cluster: Cluster, kind: Kind, was: string | null): string | null {
  const isCordoned = (name: string): boolean => cluster.object(NODE, null, name)?.spec?.["unschedulable"] === true;
  if (kind === DAEMON_SET || !isCordoned(was ?? "node-1")) return was;
  return cluster.all(NODE).find(({ metadata }) => !isCordoned(metadata.name))?.metadata.name ?? was;
}

function templateOf({ spec = {} }: KubeObject): { readonly labels: Readonly<Record<string, string>>; readonly spec: Json } {
  const template = object(spec["template"]);
  return { labels: texts(object(template["metadata"])["labels"]), spec: object(template["spec"]) };
}
