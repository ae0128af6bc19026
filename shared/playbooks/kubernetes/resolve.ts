import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { PodWorkload, Resolution } from "#shared/domain/workload.ts";
import { claimed, isContainerId, sameContainer } from "#shared/playbooks/claims.ts";
import { type ContainerFacts, isMirror, type PodFacts, podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { topOwner } from "#shared/playbooks/kubernetes/owner.ts";
import { type Look, lookAgain } from "#shared/playbooks/look-again.ts";
import type { Needs } from "#shared/playbooks/playbook.ts";
import type { Clock } from "#shared/ports/clock.ts";
import type { KubernetesApi } from "#shared/ports/kubernetes.ts";

export const resolvePodNeeds: Needs = {
  iam: [],
  look: [],
  rbac: [
    { apiGroups: [""], resources: ["pods"], verbs: ["get", "list"] },
    { apiGroups: ["apps"], resources: ["replicasets"], verbs: ["get"] },
    { apiGroups: ["batch"], resources: ["jobs"], verbs: ["get"] },
  ],
};

/** To see again a pod that was found before (infra/rbac/declared.ts). @public */
export const lookAtPodNeeds: Needs = {
  ...resolvePodNeeds,
  rbac: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }, ...resolvePodNeeds.rbac.slice(1)],
};

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ */
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** What the alert says of its pod. Each claim that is made must be true of the pod that is found. */
interface Claims {
  readonly id: string;
  readonly namespace: string | null;
  readonly name: string | null;
  readonly uid: string | null;
  /** The sensor's node, where the accused pod must be; null when neither its hostname nor its pod tells. */
  readonly node: string | null;
}

/**
 * The pod with a current container whose id begins with the alert's: the one that the alert names or, unnamed, the only one on the alert's
 * node; with the alert's uid and on the sensor's node whenever the alert says them. A name alone never selects: StatefulSets reuse theirs.
 */
export async function resolvePod(
  entry: QueueEntry,
  cluster: Cluster,
  api: KubernetesApi,
  clock: Clock,
  signal: AbortSignal,
): Promise<Resolution> {
  const claims = claimsOf(entry);
  if ("because" in claims) return unverified(claims.because);
  const node = claims.node ?? (await nodeOfSensor(entry.sensor.pod, api, signal));
  return await lookAgain(entry.alert, clock, signal, () => look({ ...claims, node }, cluster, api, signal));
}

function claimsOf({ alert, sensor }: QueueEntry): Claims | { readonly because: string } {
  const id = alert.containerId;
  if (id === null || !isContainerId(id)) return { because: "the alert names no container id" };
  const namespace = claimed(alert, "k8s.ns.name");
  const name = claimed(alert, "k8s.pod.name");
  const uid = claimed(alert, "k8s.pod.uid", "k8s.pod.id");
  const sandbox = claimed(alert, "k8s.pod.sandbox_id", "k8s.pod.full_sandbox_id");
  if (typeof sandbox === "string" && isSame(id, sandbox)) return { because: SANDBOX };
  for (const claim of [namespace, name, uid]) if (typeof claim === "object" && claim !== null) return { because: claim.conflict };
  if (typeof namespace === "string" && !LABEL.test(namespace)) return { because: "the alert's k8s.ns.name is no namespace name" };
  if (typeof name === "string" && !SUBDOMAIN.test(name)) return { because: "the alert's k8s.pod.name is no pod name" };
  const text = (claim: typeof name): string | null => (typeof claim === "string" ? claim : null);
  return { id, namespace: text(namespace), name: text(name), uid: text(uid), node: nodeOf(alert.hostname, sensor.pod) };
}

const SANDBOX = "the alert's container id is its pod's sandbox (k8s.pod.sandbox_id), which is no container";
/** Falco gives sandboxes by 12 hex digits or whole, as it does containers. */
const isSame = (a: string, b: string): boolean => sameContainer(a, b) || sameContainer(b, a);

/** The chart sets Falco's hostname to spec.nodeName. Falco's own pod name, its hostname without that setting, says nothing of the node. */
function nodeOf(hostname: string | null, sensorPod: string | null): string | null {
  if (hostname === null || hostname === "") return null;
  return sensorPod !== null && sensorPod.slice(sensorPod.lastIndexOf("/") + 1) === hostname ? null : hostname.toLowerCase();
}

/** Where Falco's own pod runs, when the shipper names it as `namespace/name`; the accused pod must be there, too. Null: it is not known. */
async function nodeOfSensor(sensorPod: string | null, api: KubernetesApi, signal: AbortSignal): Promise<string | null> {
  const [namespace, name, ...more] = sensorPod?.split("/") ?? [];
  if (!namespace || !name || more.length > 0 || !LABEL.test(namespace) || !SUBDOMAIN.test(name)) return null;
  return (await podAt(namespace, name, api, signal))?.node ?? null;
}

async function podAt(namespace: string, name: string, api: KubernetesApi, signal: AbortSignal): Promise<PodFacts | null> {
  const found = await api.get(POD, namespace, name, signal);
  return found === null ? null : podFacts(found);
}

/** The pod that was resolved before, as it is now: found only with its uid and the very container that was accused. */
export async function lookAtPod(former: PodWorkload, cluster: Cluster, api: KubernetesApi, signal: AbortSignal): Promise<Resolution> {
  const { namespace, name, uid } = former;
  const pod = await podAt(namespace, name, api, signal);
  if (pod === null || pod.uid !== uid) return unverified("the pod is gone");
  const claims: Claims = { id: former.container.id, namespace, name, uid, node: null };
  return (await judge([pod], claims, cluster, api, signal, "the pod that was accused")).resolution;
}

async function look(claims: Claims, cluster: Cluster, api: KubernetesApi, signal: AbortSignal): Promise<Look> {
  const { namespace, name, node } = claims;
  if (namespace !== null && name !== null) {
    const pod = await podAt(namespace, name, api, signal);
    if (pod === null) return sure(unverified(`there is no pod ${namespace}/${name} now`));
    return judge([pod], claims, cluster, api, signal, "the pod that the alert names");
  }
  if (node === null) return sure(unverified("the alert names neither its pod nor its node"));
  if (!SUBDOMAIN.test(node)) return sure(unverified("the alert's hostname is no node name"));
  const there = (await api.list(POD, { fields: `spec.nodeName=${node}` }, signal)) ?? [];
  return judge(there.map(podFacts), claims, cluster, api, signal, "exactly one pod on the alert's node");
}

async function judge(
  candidates: readonly PodFacts[],
  claims: Claims,
  cluster: Cluster,
  api: KubernetesApi,
  signal: AbortSignal,
  who: string,
): Promise<Look> {
  const matches = candidates.flatMap((pod) => pod.containers.flatMap((container) => matchOf(pod, container, claims)));
  const [match, second] = matches;
  if (match === undefined) return { resolution: unverified(noMatch(candidates, claims)), lagging: candidates.some(awaitsIds) };
  if (second !== undefined) return sure(unverified(`more than one container begins with ${claims.id}`));
  const { pod, container, id, isFormer } = match;
  const contradiction = contradicts(pod, claims);
  if (contradiction !== null) return sure(unverified(contradiction));
  // Another pod may have had a container of that id only by the alert's word; the same pod, by its uid, is who was accused.
  if (isFormer && claims.uid === null)
    return sure(
      unverified(
        `${pretty(pod)} had container ${claims.id} before its restart, and the alert says no uid (let the rule print %k8s.pod.uid)`,
      ),
    );
  const workload = await workloadOf(pod, { name: container.name, id, image: container.image }, cluster, api, signal);
  const ending = endingOf(pod);
  if (ending !== null) return sure({ kind: "gone", workload, because: ending });
  const also = claims.uid === null ? "" : ", and so does its uid";
  const how = isFormer
    ? `${who}: the uid is the alert's; the container has restarted since`
    : `${who}: its containerID begins with the alert's container id${also}`;
  return sure({ kind: "found", workload, how });
}

/** A container as the alert means it: the one that runs, or the one before its last restart. */
interface Match {
  readonly pod: PodFacts;
  readonly container: ContainerFacts;
  readonly id: string;
  readonly isFormer: boolean;
}

function matchOf(pod: PodFacts, container: ContainerFacts, claims: Claims): readonly Match[] {
  const { id, lastId } = container;
  if (id !== null && sameContainer(claims.id, id)) return [{ pod, container, id, isFormer: false }];
  return lastId !== null && sameContainer(claims.id, lastId) ? [{ pod, container, id: lastId, isFormer: true }] : [];
}

/** The pod as whoever decides about it sees it. */
export async function workloadOf(
  pod: PodFacts,
  container: PodWorkload["container"],
  cluster: Pick<Cluster, "name">,
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<PodWorkload> {
  return {
    kind: "pod",
    cluster: cluster.name,
    uid: pod.uid,
    owner: await topOwner(pod.controller, pod.namespace, api.recent, signal),
    container,
    labels: pod.labels,
    namespace: pod.namespace,
    name: pod.name,
    node: pod.node,
    phase: pod.phase,
    annotations: pod.annotations,
    serviceAccount: pod.serviceAccount,
    priorityClass: pod.priorityClass,
    hostNetwork: pod.hostNetwork,
    mirror: isMirror(pod),
    deleting: pod.deletionTimestamp !== null,
  };
}

const pretty = ({ namespace, name }: PodFacts): string => `pod ${namespace}/${name}`;

function noMatch([only, ...others]: readonly PodFacts[], { id, name, uid }: Claims): string {
  if (only === undefined || others.length > 0 || name === null) return `no pod on the alert's node has a container ${id} now`;
  if (uid !== null && uid !== only.uid) return `pod ${only.namespace}/${only.name} is another one now: its uid is not the alert's`;
  return `pod ${only.namespace}/${only.name} has no container ${id} now: a successor of that name, a restarted container or a sandbox`;
}

function contradicts(pod: PodFacts, { namespace, name, uid, node }: Claims): string | null {
  // Falco knows a static pod by the uid that its kubelet gave it, and the API by another one.
  if (uid !== null && uid !== pod.uid && isMirror(pod))
    return `${pretty(pod)} mirrors a static pod, which the API cannot control: remove its manifest on its node`;
  if (uid !== null && uid !== pod.uid) return `${pretty(pod)} has another uid than the alert's`;
  if (namespace !== null && namespace !== pod.namespace) return `${pretty(pod)} is in another namespace than the alert's`;
  if (name !== null && name !== pod.name) return `${pretty(pod)} has another name than the alert's`;
  if (pod.node === null) return `${pretty(pod)} is on no node`;
  if (node !== null && !sameHost(node, pod.node))
    return `${pretty(pod)} is on node ${pod.node}, not where the alert's sensor is (Falco's hostname must be the node's name: FALCO_HOSTNAME)`;
  return null;
}

/** A host may call itself by the first label of the node's full name, or the other way round. */
function sameHost(a: string, b: string): boolean {
  const other = b.toLowerCase();
  return a === other || other.startsWith(`${a}.`) || a.startsWith(`${other}.`);
}

const awaitsIds = (pod: PodFacts): boolean => endingOf(pod) === null && pod.containers.some(({ id }) => id === null);

function endingOf(pod: PodFacts): string | null {
  if (pod.deletionTimestamp !== null) return "the pod is already being deleted";
  return pod.phase === "Succeeded" || pod.phase === "Failed" ? `the pod has ended (${pod.phase})` : null;
}

const sure = (resolution: Resolution): Look => ({ resolution, lagging: false });
const unverified = (because: string): Resolution => ({ kind: "unverified", because });
