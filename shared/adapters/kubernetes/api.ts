import { printable } from "#shared/adapters/aws-error.ts";
import type { Answer, Ask } from "#shared/adapters/kubernetes/ask.ts";
import { type Access, address, bearerIdentity } from "#shared/adapters/kubernetes/endpoint.ts";
import { statusError } from "#shared/adapters/kubernetes/errors.ts";
import { collectionPath, objectPath, POD, placed, query, resourceName, selectors } from "#shared/adapters/kubernetes/paths.ts";
import { withRecent } from "#shared/adapters/kubernetes/recent.ts";
import {
  areBudgets,
  asRecord,
  budgetIn,
  isLogless,
  isPatchConflict,
  parsed,
  rejectionIn,
  statusIn,
} from "#shared/adapters/kubernetes/status.ts";
import { transport } from "#shared/adapters/kubernetes/transport.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { At, Deleted, Evicted, Kind, KubeObject, KubernetesApi } from "#shared/ports/kubernetes.ts";

/** The bearer token of now; `fresh` = the one before was refused. */
export type TokenSource = (signal: AbortSignal, fresh?: "fresh") => Promise<string>;

/** `caData`: PEM, base64 as in a kubeconfig. */
export interface Connection {
  readonly cluster: string;
  readonly server: string;
  readonly caData: string;
  readonly token: TokenSource;
}

const PAGE = 250;
const PAGES_MAX = 100;
const LIST_MAX = 64 * 1024 * 1024;

/** The API server at a known address, for whoever brings the token. */
export function kubernetesApi({ cluster, server, caData, token }: Connection): KubernetesApi {
  const at = address(server, caData, `cluster ${cluster}`);
  const endpoint: Access["endpoint"] = async (signal, again) => {
    const bearer = await token(signal, again?.because === "refused" ? "fresh" : undefined);
    return { ...at, identity: bearerIdentity(bearer, `cluster ${cluster}`) };
  };
  const advice = {
    unauthorized: "give it a valid token",
    forbidden: "bind it to the token's user or group",
    certificate: "it does not fit the CA",
    unreachable: "is the server's address right?",
  };
  return openApi(cluster, { endpoint, advice });
}

/** KubernetesApi over one API server, however it is reached. */
export function openApi(cluster: string, access: Access): KubernetesApi {
  const send = transport(cluster, access);
  const failure = (ask: Ask, answer: Answer) => statusError(cluster, ask, answer, statusIn(answer.text).message, access.advice);
  const objectIn = (ask: Ask, { text }: Answer): KubeObject => {
    const value = parsed(text);
    if (isObject(value)) return value;
    throw new PipelineError("kube_rejected", `${ask.verb} ${ask.resource} in cluster ${cluster}: the answer is no object of Kubernetes`);
  };

  const get: KubernetesApi["get"] = async (kind, namespace, name, signal) => {
    const path = objectPath(kind, { namespace: placed(kind, namespace), name });
    if (path === null) return null;
    const ask: Ask = { verb: "get", resource: resourceName(kind), path };
    const answer = await send(ask, signal);
    if (answer.status === 404) return null;
    if (answer.status !== 200) throw failure(ask, answer);
    return objectIn(ask, answer);
  };

  /** Is what has the name now what was meant? The server looks at budgets before it looks at the uid, and a 409 does not say which it is. */
  const meant = async (kind: Kind, at: At & { uid: string }, signal: AbortSignal): Promise<KubeObject | "gone" | "conflict"> => {
    const now = await get(kind, at.namespace, at.name, signal);
    return now === null ? "gone" : now.metadata.uid === at.uid ? now : "conflict";
  };

  return withRecent({
    get,

    async list(kind, where, signal) {
      const path = collectionPath(kind, where.namespace ?? null);
      if (path === null) return [];
      const objects: KubeObject[] = [];
      let more = "";
      let bytes = 0;
      for (let page = 0; page === 0 || more !== ""; page++) {
        const asked = query({ ...selectors(where), limit: PAGE, continue: more || undefined });
        const ask: Ask = { verb: "list", resource: resourceName(kind), path: path + asked };
        const answer = await send(ask, signal);
        if (answer.status === 404) return null;
        if (answer.status !== 200) throw failure(ask, answer);
        const { items, metadata } = asRecord(parsed(answer.text));
        bytes += answer.text.length;
        const wrong = !Array.isArray(items) || !items.every(isObject) ? "the answer is no list of objects" : tooMuch(page, bytes);
        if (wrong !== null) throw new PipelineError("kube_rejected", `list ${ask.resource} in cluster ${cluster}: ${wrong}`);
        objects.push(...(items as KubeObject[]));
        more = String(asRecord(metadata)["continue"] ?? "");
      }
      return objects;
    },

    async create(kind, object, { dryRun }, signal) {
      const path = collectionPath(kind, placed(kind, object.metadata.namespace ?? null));
      if (path === null) return { kind: "gone" };
      // Strict: a key that the server does not know is refused, instead of an object that does less than it should.
      const options = query({ fieldValidation: "Strict", dryRun: dryRun ? "All" : undefined });
      const ask: Ask = { verb: "create", resource: resourceName(kind), path: path + options, body: object };
      const answer = await send(ask, signal);
      if (isSuccess(answer)) return { kind: "created", object: objectIn(ask, dryRun ? versionless(answer) : answer) };
      const status = statusIn(answer.text);
      const because = rejectionIn(answer, status);
      if (because !== null) return { kind: "rejected", because: printable(because) };
      if (answer.status === 404) return { kind: "gone" };
      if (answer.status !== 409) throw failure(ask, answer);
      if (status.reason === "AlreadyExists") return { kind: "exists" };
      // Something that the object needs was written meanwhile, such as the quota's count.
      throw new PipelineError("kube_throttled", `create ${ask.resource} in cluster ${cluster}: lost against another write`);
    },

    async patch(kind, at, operations, { dryRun, subresource }, signal) {
      const path = objectPath(kind, { ...at, namespace: placed(kind, at.namespace) }, ...(subresource === undefined ? [] : [subresource]));
      if (path === null) return { kind: "gone" };
      const options = query({ dryRun: dryRun ? "All" : undefined });
      const ask: Ask = { verb: "patch", resource: resourceName(kind, subresource), path: path + options, body: operations };
      const answer = await send(ask, signal);
      if (isSuccess(answer)) return { kind: "patched", object: objectIn(ask, answer) };
      const status = statusIn(answer.text);
      if (isPatchConflict(answer, status)) return { kind: "conflict" };
      const because = rejectionIn(answer, status);
      if (because !== null) return { kind: "rejected", because: printable(because) };
      if (answer.status === 404) return { kind: "gone" };
      throw failure(ask, answer);
    },

    async delete(kind, at, { dryRun, graceSeconds, resourceVersion, propagation }, signal): Promise<Deleted> {
      const path = objectPath(kind, { ...at, namespace: placed(kind, at.namespace) });
      if (path === null) return { kind: "gone" };
      // Options in the query are not read when there is a body.
      const body = {
        apiVersion: "v1",
        kind: "DeleteOptions",
        preconditions: { uid: at.uid, resourceVersion },
        gracePeriodSeconds: graceSeconds,
        propagationPolicy: propagation,
        dryRun: dryRun ? ["All"] : undefined,
      };
      const ask: Ask = { verb: "delete", resource: resourceName(kind), path, body };
      const answer = await send(ask, signal);
      if (isSuccess(answer)) return { kind: "accepted" };
      const because = rejectionIn(answer, statusIn(answer.text));
      if (because !== null) return { kind: "rejected", because: printable(because) };
      if (answer.status === 404) return { kind: "gone" };
      if (answer.status !== 409) throw failure(ask, answer);
      const now = await meant(kind, at, signal);
      if (typeof now === "string") return { kind: now };
      if (resourceVersion !== undefined && now.metadata.resourceVersion !== resourceVersion) return { kind: "conflict" };
      throw new PipelineError("kube_throttled", `delete ${ask.resource} in cluster ${cluster}: lost against another write`);
    },

    async evict(at, { dryRun, graceSeconds }, signal): Promise<Evicted> {
      const path = objectPath(POD, { ...at, namespace: placed(POD, at.namespace) }, "eviction");
      if (path === null) return { kind: "gone" };
      const body = {
        apiVersion: "policy/v1",
        kind: "Eviction",
        metadata: { name: at.name, namespace: at.namespace },
        deleteOptions: { preconditions: { uid: at.uid }, gracePeriodSeconds: graceSeconds },
      };
      const options = query({ dryRun: dryRun ? "All" : undefined });
      const ask: Ask = { verb: "create", resource: "pods/eviction", path: path + options, body };
      const answer = await send(ask, signal);
      if (isSuccess(answer)) return { kind: "accepted" };
      const status = statusIn(answer.text);
      const because = rejectionIn(answer, status);
      if (because !== null) return { kind: "rejected", because: printable(because) };
      if (answer.status === 404) return { kind: "gone" };
      const budget = budgetIn(answer, status);
      const several = areBudgets(answer, status);
      if (budget === null && !several && answer.status !== 409) throw failure(ask, answer);
      const now = await meant(POD, at, signal);
      if (typeof now === "string") return { kind: now };
      if (budget !== null) return { kind: "budget", because: printable(budget) };
      if (several) return { kind: "budgets", because: printable(status.message) };
      throw new PipelineError("kube_throttled", `evict pods in cluster ${cluster}: lost against another write`);
    },

    async logs(at, { container, previous, tailLines, limitBytes }, signal) {
      const path = objectPath(POD, { ...at, namespace: placed(POD, at.namespace) }, "log");
      if (path === null) return null;
      const options = query({ container, previous: previous ? true : undefined, tailLines, limitBytes });
      // 500 says that the node's kubelet did not answer the server: it will not within a second, and an offender waits for its evidence.
      const ask: Ask = { verb: "get", resource: "pods/log", path: path + options, once: true };
      const answer = await send(ask, signal);
      if (answer.status === 200) return answer.text;
      // 204: the pod is on no node yet.
      if (answer.status === 204 || isLogless(answer, statusIn(answer.text))) return null;
      throw failure(ask, answer);
    },
  });
}

/** What was not stored has no version. */
function versionless(answer: Answer): Answer {
  const object = asRecord(parsed(answer.text));
  return { ...answer, text: JSON.stringify({ ...object, metadata: { resourceVersion: "", ...asRecord(object["metadata"]) } }) };
}

const isSuccess = ({ status }: Answer): boolean => status >= 200 && status < 300;

/** 25,000 objects, or 64 MB of them, do not fit into the function's memory beside everything else. */
const tooMuch = (page: number, bytes: number): string | null =>
  page >= PAGES_MAX ? `more than ${PAGES_MAX} pages` : bytes > LIST_MAX ? "more than 64 MB" : null;

function isObject(value: unknown): value is KubeObject {
  const { name, uid, resourceVersion } = asRecord(asRecord(value)["metadata"]);
  return typeof name === "string" && typeof uid === "string" && typeof resourceVersion === "string";
}
