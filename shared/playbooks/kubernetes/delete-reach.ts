import { object, type PodFacts, podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { isOver, podsOf } from "#shared/playbooks/kubernetes/family.ts";
import {
  CLUSTER_ROLE,
  CLUSTER_ROLE_BINDING,
  CONFIG_MAP,
  CRON_JOB,
  DAEMON_SET,
  DEPLOYMENT,
  INGRESS,
  JOB,
  POD,
  REPLICA_SET,
  ROLE,
  ROLE_BINDING,
  SERVICE,
  SERVICE_ACCOUNT,
  STATEFUL_SET,
} from "#shared/playbooks/kubernetes/kinds.ts";
import { many } from "#shared/playbooks/words.ts";
import type { Kind, KubeObject, KubernetesApi } from "#shared/ports/kubernetes.ts";

const RUN_PODS: readonly Kind[] = [DEPLOYMENT, STATEFUL_SET, DAEMON_SET, REPLICA_SET, JOB, CRON_JOB];

/** What follows for others. */
const FOLLOWS: readonly (readonly [readonly Kind[], string])[] = [
  [
    [ROLE, CLUSTER_ROLE],
    "Whoever is bound to it loses what it allows; the bindings stay, and give their rights to the next one of its name.",
  ],
  [[ROLE_BINDING, CLUSTER_ROLE_BINDING], "Those whom it names lose what it gave them, and nobody else."],
  [[SERVICE], "Its address, and the load balancer that it may have, are given up: clients no longer reach its pods by it."],
  [[INGRESS], "What it led in from outside is no longer led in."],
  [[CONFIG_MAP], "Pods that use it run on with what they have read, and cannot start anew."],
];

export interface Taken {
  /** Pods that go with it. */
  readonly pods: readonly PodFacts[];
  readonly remarks: readonly string[];
}

/** What a delete takes with it or cuts off. */
export async function takesWith(kind: Kind, found: KubeObject, api: KubernetesApi, signal: AbortSignal): Promise<Taken> {
  const follows = FOLLOWS.filter(([kinds]) => kinds.includes(kind)).map(([, text]) => text);
  if (RUN_PODS.includes(kind)) {
    const pods = (await podsOf(kind, found, api, signal)).filter((pod) => !isOver(pod));
    return {
      pods,
      remarks: [
        `${many(pods.length, "pod")} of it ${pods.length === 1 ? "goes" : "go"} with it, each within its own grace period.`,
        ...(kind === STATEFUL_SET ? [claimsOf(found)] : []),
      ],
    };
  }
  if (kind === POD) return { pods: [podFacts(found)], remarks: [] };
  if (kind !== SERVICE_ACCOUNT) return { pods: [], remarks: follows };
  const users = await usersOf(found.metadata.namespace ?? "", found.metadata.name, api, signal);
  return {
    pods: [],
    remarks: [
      `All its tokens are refused then: ${many(users.length, "pod")} that run${users.length === 1 ? "s" : ""} as it lose${users.length === 1 ? "s" : ""} the API, and none can start until there is one of this name again.`,
    ],
  };
}

/** https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#persistentvolumeclaim-retention */
const claimsOf = ({ spec = {} }: KubeObject): string =>
  object(spec["persistentVolumeClaimRetentionPolicy"])["whenDeleted"] === "Delete"
    ? "Its volume claims are DELETED with it (persistentVolumeClaimRetentionPolicy), and what lies on the volumes may be lost."
    : "Its volume claims stay.";

/** Pods that run, or are to run, as a ServiceAccount. */
export async function usersOf(namespace: string, name: string, api: KubernetesApi, signal: AbortSignal): Promise<readonly PodFacts[]> {
  const listed = (await api.list(POD, { namespace, fields: `spec.serviceAccountName=${name}` }, signal)) ?? [];
  return listed.map(podFacts).filter((pod) => pod.serviceAccount === name && !isOver(pod));
}
