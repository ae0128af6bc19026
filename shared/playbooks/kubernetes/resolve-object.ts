import type { Alert } from "#shared/domain/alert.ts";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { ObjectWorkload, Resolution } from "#shared/domain/workload.ts";
import { claimed } from "#shared/playbooks/claims.ts";
import { controllerOf, text } from "#shared/playbooks/kubernetes/facts.ts";
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
import { topOwner } from "#shared/playbooks/kubernetes/owner.ts";
import type { Needs } from "#shared/playbooks/playbook.ts";
import type { Kind, KubernetesApi } from "#shared/ports/kubernetes.ts";

/**
 * Objects that an audit alert may lead to: Talon's, what grants rights or runs code beside them, and pods. Less namespaces, never a target, and
 * Secrets: to see a uid is to read all that they hold, and whoever may read Secrets has the rights of everybody whose token lies there. Network
 * policies are not among them: without one more is allowed, and the admission policy lets only our own be deleted.
 */
export const OBJECT_KINDS: readonly Kind[] = [
  POD,
  CONFIG_MAP,
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
];

/** Jobs and ReplicaSets are read on the way to an owner, too. */
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

/** Falco's spellings of a value of the audit event: https://github.com/falcosecurity/plugins/tree/main/plugins/json */
const inEvent = (pointer: string): readonly string[] => [`jevt.value[${pointer}]`, `json.value[${pointer}]`];

/**
 * None of Falco's own fields has the uid (https://github.com/falcosecurity/plugins/tree/main/plugins/k8saudit): the rule prints a value of the
 * event. The object as the server answered it says it best, and is there from audit level RequestResponse on; objectRef has what the client
 * sent, at any level, where the request held the object with its uid (an update, never a create or a delete).
 */
const UID_OF_ANSWER = inEvent("/responseObject/metadata/uid");
const UID_OF_REQUEST = inEvent("/objectRef/uid");
/** A version is no part of an object's identity: every one of them leads to the same object. */
const GROUP = inEvent("/objectRef/apiGroup");
/** `generateName` gives a name in the answer only. */
const NAMES = ["ka.target.name", "ka.resp.name", ...inEvent("/objectRef/name"), ...inEvent("/responseObject/metadata/name")];
const NAMESPACES = ["ka.target.namespace", ...inEvent("/objectRef/namespace")];
const CODES = ["ka.response.code", ...inEvent("/responseStatus/code")];
const NAME = /^[A-Za-z0-9]([-A-Za-z0-9.:_]{0,251}[A-Za-z0-9])?$/;
const NAMESPACE_NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
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
  const said = {
    resource: claimed(alert, "ka.target.resource", ...inEvent("/objectRef/resource")),
    group: claimed(alert, ...GROUP),
    name: claimed(alert, ...NAMES),
    namespace: claimed(alert, ...NAMESPACES),
    // A client may write any uid into what it creates: the server's word stands above.
    uid: claimed(alert, ...UID_OF_ANSWER) ?? claimed(alert, ...UID_OF_REQUEST),
    verb: claimed(alert, "ka.verb", ...inEvent("/verb")),
    code: claimed(alert, ...CODES),
  };
  for (const claim of Object.values(said)) if (claim !== null && typeof claim === "object") return { because: claim.conflict };
  const { resource, group, name, namespace, uid, verb, code } = said as Readonly<Record<keyof typeof said, string | null>>;
  const kind = kindMeant(resource, group);
  if ("because" in kind) return kind;
  const because = placeOf(kind, namespace, name) ?? requestOf(verb, code);
  if (because !== null) return { because };
  if (uid === null || !UID.test(uid))
    return { because: `the alert carries no uid of the object: let the rule print %${UID_OF_ANSWER[0]} (audit level RequestResponse)` };
  return { kind, namespace, name: name ?? "", uid };
}

/** The resource is of the alert, and not shown. */
function kindMeant(resource: string | null, group: string | null): Kind | { readonly because: string } {
  if (resource === null) return { because: "the alert does not say what it is about: let the rule print %ka.target.resource" };
  if (resource === "namespaces") return { because: "the alert is about a namespace: a namespace is never a target" };
  if (resource === "secrets")
    return { because: "the alert is about a Secret: the responder may not read Secrets, and deletes none; rotate what it holds by hand" };
  const kind = OBJECT_KINDS.find((one) => one.resource === resource);
  if (kind === undefined)
    return { because: `the alert's ka.target.resource is none of ${OBJECT_KINDS.map((one) => one.resource).join(", ")}` };
  return group === null || group === kind.group ? kind : { because: `the alert's object is not of the API group of ${kind.resource}` };
}

/** What is wrong with it; null: nothing. */
function placeOf({ namespaced, resource }: Kind, namespace: string | null, name: string | null): string | null {
  if (name === null || !NAME.test(name)) return "the alert names no object: let the rule print %ka.target.name";
  if (namespaced && (namespace === null || !NAMESPACE_NAME.test(namespace)))
    return "the alert says no namespace: let the rule print %ka.target.namespace";
  return namespaced || namespace === null ? null : `the alert says a namespace, and ${resource} are in none`;
}

/** What did not come to pass accuses no object that is there; null: it may have. */
function requestOf(verb: string | null, code: string | null): string | null {
  if (code !== null && !/^2\d\d$/.test(code)) return "the API server refused the request that the alert is about: nothing came of it";
  return verb === "delete" || verb === "deletecollection" ? "the request that the alert is about was to delete it" : null;
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
  // Metadata only: what a ConfigMap holds goes no further.
  const workload: ObjectWorkload = {
    kind: "object",
    cluster,
    uid,
    owner: namespace === null ? null : await topOwner(controllerOf(found), namespace, api, signal),
    container: null,
    apiVersion: apiVersionOf(kind),
    resource: kind.resource,
    namespace,
    name,
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    deleting: metadata.deletionTimestamp !== undefined,
    ...(kind === POD ? { priorityClass: text(found.spec?.["priorityClassName"]) } : {}),
  };
  return workload.deleting
    ? { kind: "gone", workload, because: "the object is already being deleted" }
    : { kind: "found", workload, how: `the ${kind.kind} that the alert names: its uid is the alert's` };
}

const unverified = (because: string): Resolution => ({ kind: "unverified", because });
