import { CALICO_NETWORK_POLICY, CILIUM_NETWORK_POLICY, NETWORK_POLICY, NODE, POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { CORDONED, INCIDENT, MANAGED_BY, QUARANTINE, TARGET } from "#shared/playbooks/kubernetes/marks.ts";
import type { Needs } from "#shared/playbooks/playbook.ts";
import type { Kind, KubeObject, KubernetesApi } from "#shared/ports/kubernetes.ts";

/** Granted to who looks for them (infra/rbac/declared.ts). @public */
export const leftoverNeeds: Needs = {
  iam: [],
  look: [],
  rbac: [
    { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs: ["list"] },
    { apiGroups: ["cilium.io"], resources: ["ciliumnetworkpolicies"], verbs: ["list"] },
    { apiGroups: ["crd.projectcalico.org"], resources: ["networkpolicies"], verbs: ["list"] },
    { apiGroups: [""], resources: ["pods"], verbs: ["get", "list"] },
    { apiGroups: [""], resources: ["nodes"], verbs: ["list"] },
  ],
};

/** Something in a cluster that bears our mark. */
export interface Ours {
  /** "networkpolicies.networking.k8s.io" */
  readonly resource: string;
  readonly namespace: string | null;
  readonly name: string;
  readonly atMs: number | null;
  /** Uid of the pod that it was done for; null: it does not say. */
  readonly target: string | null;
  /** 16 hex; null: it does not say, or something that is none. */
  readonly incident: string | null;
  /** The pod that it was made for is gone, and it is still there. */
  readonly orphaned: boolean;
}

/** Everything in the cluster that bears our marks: policies that we made, pods that we isolated, nodes that we cordoned. */
export async function oursIn(api: KubernetesApi, signal: AbortSignal): Promise<readonly Ours[]> {
  const made = `${MANAGED_BY.key}=${MANAGED_BY.value}`;
  const found: Ours[] = [];
  for (const kind of [NETWORK_POLICY, CILIUM_NETWORK_POLICY, CALICO_NETWORK_POLICY])
    for (const policy of (await api.list(kind, { labels: made }, signal)) ?? [])
      found.push({ ...ours(kind, policy, policy.metadata.labels?.[TARGET]), orphaned: !(await hasOwner(policy, api, signal)) });
  for (const pod of (await api.list(POD, { labels: QUARANTINE }, signal)) ?? []) found.push(ours(POD, pod, pod.metadata.uid));
  for (const node of (await api.list(NODE, {}, signal)) ?? [])
    if (Object.hasOwn(node.metadata.annotations ?? {}, CORDONED))
      found.push(ours(NODE, node, undefined, node.metadata.annotations?.[CORDONED]));
  return found;
}

function ours(kind: Kind, { metadata }: KubeObject, target: string | undefined, incident?: string): Ours {
  const said = incident ?? metadata.labels?.[INCIDENT] ?? metadata.annotations?.[INCIDENT];
  return {
    resource: kind.group === "" ? kind.resource : `${kind.resource}.${kind.group}`,
    namespace: metadata.namespace ?? null,
    name: metadata.name,
    atMs: metadata.creationTimestamp === undefined ? null : Date.parse(metadata.creationTimestamp),
    target: target !== undefined && UID.test(target) ? target : null,
    incident: said !== undefined && INCIDENT_ID.test(said) ? said : null,
    orphaned: false,
  };
}

/** Whoever may label objects there may write anything: only what can be a key of ours is looked for. */
const UID = /^[0-9a-f-]{1,64}$/;
const INCIDENT_ID = /^[0-9a-f]{16}$/;

/** Garbage collection takes what belongs to a pod with the pod; when that is off, it stays. */
async function hasOwner({ metadata }: KubeObject, api: KubernetesApi, signal: AbortSignal): Promise<boolean> {
  const pod = metadata.ownerReferences?.find(({ kind }) => kind === POD.kind);
  if (pod === undefined || metadata.namespace === undefined) return true;
  return (await api.get(POD, metadata.namespace, pod.name, signal))?.metadata.uid === pod.uid;
}
