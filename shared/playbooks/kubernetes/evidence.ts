import { messageOf, PipelineError } from "#shared/domain/error.ts";
import { redact } from "#shared/domain/redact.ts";
import type { PodWorkload } from "#shared/domain/workload.ts";
import { type PodFacts, podFacts, text, whole } from "#shared/playbooks/kubernetes/facts.ts";
import { podNow } from "#shared/playbooks/kubernetes/guarded.ts";
import { EVENT, NETWORK_POLICY, NODE } from "#shared/playbooks/kubernetes/kinds.ts";
import { ownersOf } from "#shared/playbooks/kubernetes/owner.ts";
import { logSources, logTitle, newestOf, type PodLog, readLog } from "#shared/playbooks/kubernetes/pod-logs.ts";
import { selects } from "#shared/playbooks/kubernetes/selectors.ts";
import { withoutSecrets } from "#shared/playbooks/kubernetes/without-secrets.ts";
import type { Needs, Reach } from "#shared/playbooks/playbook.ts";
import { untilAborted } from "#shared/playbooks/until-aborted.ts";
import type { KubeObject, KubernetesApi } from "#shared/ports/kubernetes.ts";

export const podEvidenceNeeds: Needs = {
  iam: [],
  look: [],
  rbac: [
    { apiGroups: [""], resources: ["pods", "pods/log", "nodes"], verbs: ["get"] },
    { apiGroups: ["apps"], resources: ["replicasets", "deployments", "statefulsets", "daemonsets"], verbs: ["get"] },
    { apiGroups: ["batch"], resources: ["jobs", "cronjobs"], verbs: ["get"] },
    { apiGroups: [""], resources: ["events"], verbs: ["list"] },
    { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs: ["list"] },
  ],
};

const TAIL_LINES = 100;
/** Together well below what the pipeline keeps of all evidence: whoever writes long logs or manifests must not make it too large to be kept. */
const MOST_LOG_CHARS = 300_000;
const MOST_OBJECT_CHARS = 100_000;
const MOST_OBJECTS_CHARS = 350_000;
const MOST_EVENTS = 50;
const MOST_EVENT_CHARS = 500;
const MOST_POLICIES = 100;

/** What the API server says of the offender before it is touched; each part by itself, since none may cost the others. */
export interface PodEvidence {
  /** Objects as the server has them, without secrets: `withoutSecrets`. */
  readonly pod: unknown;
  readonly node: unknown;
  /** From the pod's controller up. */
  readonly owners: readonly unknown[];
  /** The newest first. */
  readonly events: readonly Event[];
  /** As the containers wrote them: secrets that they logged are in there. */
  readonly logs: readonly PodLog[];
  readonly serviceAccount: string | null;
  /** Names of the NetworkPolicies of its namespace that select it. */
  readonly networkPolicies: readonly string[];
  /** What could not be had, and why. */
  readonly missing: readonly string[];
}

interface Event {
  readonly type: string | null;
  readonly reason: string | null;
  readonly message: string;
  readonly count: number | null;
  readonly firstAt: string | null;
  readonly lastAt: string | null;
  readonly from: string | null;
}

type Part = <T>(what: string, ask: () => Promise<T>) => Promise<T | null>;

/**
 * Gathers in parallel until `bound` aborts. Calls get the invocation's own signal: what others wait for as well, such as a token, is not called off
 * for one alert's sake. Never throws for the world: what is missing says so.
 */
export async function podEvidence(pod: PodWorkload, reach: Reach, signal: AbortSignal, bound: AbortSignal): Promise<PodEvidence> {
  const missing: string[] = [];
  const part: Part = async (what, ask) => {
    try {
      bound.throwIfAborted();
      return await untilAborted(ask(), bound);
    } catch (thrown) {
      if (!(thrown instanceof PipelineError) && !signal.aborted && !bound.aborted) throw thrown;
      missing.push(`${what}: ${messageOf(thrown)}`);
      return null;
    }
  };
  const nothing = {
    pod: null,
    node: null,
    owners: [],
    events: [],
    logs: [],
    serviceAccount: pod.serviceAccount,
    networkPolicies: [],
    missing,
  };
  const api = await part("API server", () => reach.access.kubernetes(reach.cluster));
  const found = api === null ? null : await part("pod", () => podNow(pod, api.recent, signal));
  if (api === null || found === null) {
    if (missing.length === 0) missing.push("pod: it is gone");
    return nothing;
  }
  let left = MOST_OBJECTS_CHARS;
  const kept = (what: string, object: KubeObject): unknown => {
    const one = withoutSecrets(object);
    const { length } = JSON.stringify(one);
    const most = Math.min(MOST_OBJECT_CHARS, left);
    if (length > most) missing.push(`${what}: ${length} characters, more than ${most}`);
    left -= length > most ? 0 : length;
    return length > most ? named(object) : one;
  };
  const facts = podFacts(found);
  const [node, owners, events, networkPolicies, logs] = await Promise.all([
    part("node", async () => (facts.node === null ? null : await api.recent.get(NODE, null, facts.node, signal))),
    part("owners", () => ownersOf(facts.controller, facts.namespace, api.recent, signal)),
    part("events", () => eventsOf(facts, api, signal)),
    part("network policies", () => policiesOf(facts, api, signal)),
    logsOf(pod, found, api, part, missing, signal),
  ]);
  return {
    pod: kept("pod", found),
    node: node === null ? null : kept("node", node),
    owners: (owners ?? []).map(({ owner, object }) => (object === null ? owner : kept(`${owner.kind} ${owner.name}`, object))),
    events: events ?? [],
    logs,
    serviceAccount: facts.serviceAccount,
    networkPolicies: networkPolicies ?? [],
    missing,
  };
}

function named({ metadata }: KubeObject): unknown {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata;
  return { metadata: { name, namespace, uid, resourceVersion, creationTimestamp } };
}

/** Those of a former pod of the name have another uid. https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ */
async function eventsOf({ namespace, uid }: PodFacts, api: KubernetesApi, signal: AbortSignal): Promise<readonly Event[]> {
  const found = (await api.list(EVENT, { namespace, fields: `involvedObject.uid=${uid}` }, signal)) ?? [];
  return found
    .map((event) => ({
      type: short(event["type"]),
      reason: short(event["reason"]),
      message: redact(text(event["message"]) ?? "", MOST_EVENT_CHARS),
      count: whole(event["count"]),
      firstAt: short(event["firstTimestamp"] ?? event["eventTime"]),
      lastAt: short(event["lastTimestamp"] ?? event["eventTime"]),
      from: short(event["reportingComponent"]),
    }))
    .sort((a, b) => (b.lastAt ?? "").localeCompare(a.lastAt ?? ""))
    .slice(0, MOST_EVENTS);
}

async function policiesOf({ namespace, labels }: PodFacts, api: KubernetesApi, signal: AbortSignal): Promise<readonly string[]> {
  const found = (await api.recent.list(NETWORK_POLICY, { namespace }, signal)) ?? [];
  return found
    .filter(({ spec }) => selects(spec?.["podSelector"], labels))
    .map(({ metadata }) => metadata.name)
    .slice(0, MOST_POLICIES);
}

async function logsOf(
  pod: PodWorkload,
  found: KubeObject,
  api: KubernetesApi,
  part: Part,
  missing: string[],
  signal: AbortSignal,
): Promise<readonly PodLog[]> {
  const sources = logSources(found, pod.container.name);
  const mostBytes = Math.floor(MOST_LOG_CHARS / Math.max(1, sources.length));
  const logs: PodLog[] = [];
  for (const source of sources) {
    const before = missing.length;
    const log = await part(logTitle(source), () => readLog(pod, source, { tailLines: TAIL_LINES, mostBytes }, api, signal));
    if (log !== null) logs.push(newestOf(log, mostBytes));
    else if (missing.length === before) missing.push(`${logTitle(source)}: nothing is there`);
  }
  // Logs are read by name: a successor of that name may have answered.
  if (logs.length === 0) return logs;
  const before = missing.length;
  const now = await part("whether the logs are of this pod, or of a successor of its name", () => podNow(pod, api, signal));
  if (now !== null || missing.length > before) return logs;
  missing.push("logs: the pod went while they were read");
  return [];
}

const short = (value: unknown): string | null => text(value)?.slice(0, MOST_EVENT_CHARS) ?? null;
