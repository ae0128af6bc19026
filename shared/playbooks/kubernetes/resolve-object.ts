import type { Alert } from "#shared/domain/alert.ts";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { ObjectWorkload, Resolution } from "#shared/domain/workload.ts";
import { claimed } from "#shared/playbooks/claims.ts";
import {
  CLUSTER_ROLE,
  CLUSTER_ROLE_BINDING,
  CONFIG_MAP,
  CRON_JOB,
  DAEMON_SET,
  DEPLOYMENT,
  INGRESS,
  JOB,
  NETWORK_POLICY,
  REPLICA_SET,
  ROLE,
  ROLE_BINDING,
  SECRET,
  SERVICE,
  SERVICE_ACCOUNT,
  STATEFUL_SET,
} from "#shared/playbooks/kubernetes/kinds.ts";
import type { Needs } from "#shared/playbooks/playbook.ts";
import type { Kind, KubernetesApi } from "#shared/ports/kubernetes.ts";

/** Objects that an audit alert may lead to: Talon's, less namespaces (never a target), and what grants rights or runs code beside them. */
export const OBJECT_KINDS: readonly Kind[] = [
  CONFIG_MAP,
  SECRET,
  SERVICE,
  SERVICE_ACCOUNT,
  DEPLOYMENT,
  DAEMON_SET,
  STATEFUL_SET,
  REPLICA_SET,
  JOB,
  CRON_JOB,
  ROLE,
  CLUSTER_ROLE,
  ROLE_BINDING,
  CLUSTER_ROLE_BINDING,
  INGRESS,
  NETWORK_POLICY,
];

/** Reading a Secret or a ConfigMap is reading what it holds: the rights to do so are asked for with kubernetes:delete only. */
export const resolveObjectNeeds: Needs = {
  iam: [],
  look: [],
  rbac: [...Map.groupBy(OBJECT_KINDS, ({ group }) => group)].map(([group, kinds]) => ({
    apiGroups: [group],
    resources: kinds.map(({ resource }) => resource),
    verbs: ["get"],
  })),
};

export const kindOfObject = ({ resource, apiVersion }: Pick<ObjectWorkload, "resource" | "apiVersion">): Kind | null =>
  OBJECT_KINDS.find((kind) => kind.resource === resource && apiVersionOf(kind) === apiVersion) ?? null;

export const apiVersionOf = ({ group, version }: Kind): string => (group === "" ? version : `${group}/${version}`);

/**
 * Where an audit alert may say the uid: the object as the server answered it, or what the request was about. Falco's own fields have none
 * (https://falco.org/docs/reference/rules/supported-fields/): the rule prints these of the json plugin.
 */
const UID_FIELDS = ["jevt.value[/responseObject/metadata/uid]", "jevt.value[/objectRef/uid]"] as const;
const GROUP_FIELD = "jevt.value[/objectRef/apiGroup]";
const NAME = /^[A-Za-z0-9]([-A-Za-z0-9.:_]{0,251}[A-Za-z0-9])?$/;
const UID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The object that an audit alert is about, when it is there with the very uid that the alert says. A name alone never selects. */
export async function resolveObject({ alert }: QueueEntry, cluster: Cluster, api: KubernetesApi, signal: AbortSignal): Promise<Resolution> {
  const claims = claimsOf(alert);
  if ("because" in claims) return unverified(claims.because);
  return await lookFor(claims, cluster.name, api, signal);
}

/** The object that was resolved before, as it is now. */
export async function lookAtObject(former: ObjectWorkload, cluster: Cluster, api: KubernetesApi, signal: AbortSignal): Promise<Resolution> {
  const kind = kindOfObject(former);
  if (kind === null) return unverified(`${former.resource} is no kind that is a target`);
  const { namespace, name, uid } = former;
  return await lookFor({ kind, namespace, name, uid }, cluster.name, api, signal);
}

interface Claims {
  readonly kind: Kind;
  readonly namespace: string | null;
  readonly name: string;
  readonly uid: string;
}

function claimsOf(alert: Alert): Claims | { readonly because: string } {
  const [resource, name, namespace, uid, group] = [
    claimed(alert, "ka.target.resource"),
    claimed(alert, "ka.target.name"),
    claimed(alert, "ka.target.namespace"),
    claimed(alert, ...UID_FIELDS),
    claimed(alert, GROUP_FIELD),
  ];
  for (const claim of [resource, name, namespace, uid, group])
    if (typeof claim === "object" && claim !== null) return { because: claim.conflict };
  if (resource === "namespaces") return { because: "the alert is about a namespace: a namespace is never a target" };
  const kind = OBJECT_KINDS.find((one) => one.resource === resource);
  if (kind === undefined)
    return { because: `the alert's ka.target.resource is none of ${OBJECT_KINDS.map((one) => one.resource).join(", ")}` };
  if (typeof group === "string" && group !== kind.group)
    return { because: `the alert's object is not of the API group of ${kind.resource}` };
  if (typeof name !== "string" || !NAME.test(name)) return { because: "the alert names no object (ka.target.name)" };
  if (kind.namespaced && (typeof namespace !== "string" || !NAME.test(namespace)))
    return { because: "the alert says no namespace (ka.target.namespace)" };
  if (typeof uid !== "string" || !UID.test(uid))
    return { because: `the alert carries no uid of the object: let the rule print %${UID_FIELDS[0]}` };
  return { kind, namespace: kind.namespaced && typeof namespace === "string" ? namespace : null, name, uid };
}

async function lookFor(
  { kind, namespace, name, uid }: Claims,
  cluster: string,
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<Resolution> {
  const found = await api.get(kind, namespace, name, signal);
  const pretty = `${kind.kind} ${namespace === null ? "" : `${namespace}/`}${name}`;
  if (found === null) return unverified(`there is no ${pretty} now`);
  const { metadata } = found;
  if (metadata.uid !== uid) return unverified(`${pretty} has another uid than the alert's: it is another object of that name`);
  // Metadata only: what a Secret or a ConfigMap holds goes no further.
  const workload: ObjectWorkload = {
    kind: "object",
    cluster,
    uid,
    owner: null,
    container: null,
    apiVersion: apiVersionOf(kind),
    resource: kind.resource,
    namespace,
    name,
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    deleting: metadata.deletionTimestamp !== undefined,
  };
  return workload.deleting
    ? { kind: "gone", workload, because: "the object is already being deleted" }
    : { kind: "found", workload, how: `the ${kind.kind} that the alert names: its uid is the alert's` };
}

const unverified = (because: string): Resolution => ({ kind: "unverified", because });
