import {
  ApiException,
  AppsV1Api,
  BatchV1Api,
  type ConfigurationOptions,
  CoreV1Api,
  IsomorphicFetchHttpLibrary,
  KubeConfig,
  type RequestContext,
  type V1ContainerStatus,
  type V1ObjectMeta,
  type V1Pod,
  wrapHttpLibrary,
} from "@kubernetes/client-node";
import { kubeConnectionError, kubeStatusError } from "#shared/adapters/kube-error.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Owner } from "#shared/domain/workload.ts";
import type { PodFacts, Pods } from "#shared/ports/pods.ts";

/** The bearer token of now; `fresh` = the one before was refused. */
export type TokenSource = (signal: AbortSignal, fresh?: "fresh") => Promise<string>;

/** PEM, base64 as in a kubeconfig. */
export interface ApiServer {
  readonly cluster: string;
  readonly server: string;
  readonly caData: string;
}

const REQUEST_MS = 5_000;
const PAGE = 250;
const PAGES_MAX = 100;
const HOPS_MAX = 5;

/** Pods of one API server. The server's certificate is always verified against `caData`, and connections are kept open. */
export function kubernetesPods(api: ApiServer, token: TokenSource): Pods {
  // A token sent in clear or to whoever answers would be everybody's.
  if (!api.server.startsWith("https://") || !Buffer.from(api.caData, "base64").includes("-----BEGIN CERTIFICATE-----"))
    throw new PipelineError(
      "config_invalid",
      `cluster ${api.cluster}: access.server must begin with https://, and access.caData must be a PEM certificate in base64`,
    );
  const config = new KubeConfig();
  const cluster = { name: api.cluster, server: api.server.replace(/\/+$/, ""), caData: api.caData, skipTLSVerify: false };
  config.loadFromClusterAndUser(cluster, { name: "falco-responder" });
  const core = config.makeApiClient(CoreV1Api);
  const apps = config.makeApiClient(AppsV1Api);
  const batch = config.makeApiClient(BatchV1Api);
  const ask = asking(api.cluster, token);

  const get: Pods["get"] = async (namespace, name, signal) => {
    const pod = await ask("get pod", signal, [404], (options) => core.readNamespacedPod({ namespace, name }, options));
    return typeof pod === "number" ? null : factsOf(pod);
  };

  const parents: Readonly<
    Record<string, (namespace: string, name: string, o: ConfigurationOptions) => Promise<{ metadata?: V1ObjectMeta }>>
  > = {
    ReplicaSet: (namespace, name, options) => apps.readNamespacedReplicaSet({ namespace, name }, options),
    Job: (namespace, name, options) => batch.readNamespacedJob({ namespace, name }, options),
  };

  return {
    get,

    async onNode(node, signal) {
      const pods: PodFacts[] = [];
      let _continue = "";
      for (let page = 0; page === 0 || _continue !== ""; page++) {
        if (page >= PAGES_MAX) throw new PipelineError("kube_rejected", `list pods in cluster ${api.cluster}: no end of pages`);
        const query = { fieldSelector: `spec.nodeName=${node}`, limit: PAGE, ...(_continue === "" ? {} : { _continue }) };
        const list = await ask("list pods of a node", signal, [], (options) => core.listPodForAllNamespaces(query, options));
        if (typeof list === "number") break;
        pods.push(...list.items.map(factsOf));
        _continue = list.metadata?._continue ?? "";
      }
      return pods;
    },

    async owner(pod, signal) {
      let owner = pod.controller;
      for (let hop = 0; owner !== null && hop < HOPS_MAX; hop++) {
        const { kind, name, uid } = owner;
        const read = parents[kind];
        if (read === undefined) return owner;
        const parent = await ask(`get ${kind}`, signal, [404], (options) => read(pod.namespace, name, options));
        // Gone, or another of that name (or a foreign kind that is called the same): what the pod itself says is all that is known.
        if (typeof parent === "number" || parent.metadata?.uid !== uid) return owner;
        const next = controllerOf(parent.metadata);
        if (next === null) return owner;
        owner = next;
      }
      return owner;
    },

    async delete({ namespace, name, uid }, gracePeriodSeconds, signal) {
      const body = { gracePeriodSeconds, preconditions: { uid } };
      const answer = await ask("delete pod", signal, [404, 409], (options) => core.deleteNamespacedPod({ namespace, name, body }, options));
      if (answer === 404) return "gone";
      if (answer !== 409) return "accepted";
      // 409 is the failed precondition, but also a write that lost against another one.
      const now = await get(namespace, name, signal);
      if (now?.uid === uid) throw new PipelineError("kube_throttled", `delete pod in cluster ${api.cluster}: it changed meanwhile`);
      return "conflict";
    },
  };
}

/** One place for token, deadline and errors of every request. Statuses in `answers` come back as numbers. */
function asking(cluster: string, token: TokenSource) {
  const http = new IsomorphicFetchHttpLibrary();
  // The client makes a dispatcher, that is a connection pool, for every request; all but the first are dropped unused, for keep-alive.
  let pool: ReturnType<RequestContext["getDispatcher"]>;
  return async <T>(
    verb: string,
    signal: AbortSignal,
    answers: readonly number[],
    call: (options: ConfigurationOptions) => Promise<T>,
  ): Promise<T | number> => {
    const what = `${verb} in cluster ${cluster}`;
    const once = async (bearer: string): Promise<T> => {
      const httpApi = wrapHttpLibrary({
        send: (request) => {
          request.setHeaderParam("Authorization", `Bearer ${bearer}`);
          pool ??= request.getDispatcher();
          if (pool !== undefined) request.setDispatcher(pool);
          request.setSignal(AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS)]));
          return http.send(request).toPromise();
        },
      });
      return await call({ httpApi });
    };
    const refused = (thrown: unknown): thrown is ApiException<unknown> => thrown instanceof ApiException && thrown.code === 401;
    try {
      return await once(await token(signal)).catch(async (thrown: unknown) => {
        if (!refused(thrown)) throw thrown;
        return once(await token(signal, "fresh"));
      });
    } catch (thrown) {
      if (!(thrown instanceof ApiException)) throw kubeConnectionError(thrown, what, signal);
      if (answers.includes(thrown.code)) return thrown.code;
      throw kubeStatusError(thrown.code, thrown.body, what, thrown);
    }
  };
}

function factsOf(pod: V1Pod): PodFacts {
  const { metadata, spec, status } = pod;
  if (!metadata?.name || !metadata.namespace || !metadata.uid)
    throw new PipelineError("kube_rejected", "the API server described a pod without name, namespace or uid");
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    uid: metadata.uid,
    node: spec?.nodeName || null,
    phase: status?.phase ?? "Unknown",
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    controller: controllerOf(metadata),
    serviceAccount: spec?.serviceAccountName ?? null,
    priorityClass: spec?.priorityClassName || null,
    hostNetwork: spec?.hostNetwork ?? false,
    deletionTimestamp: metadata.deletionTimestamp?.toISOString() ?? null,
    containers: [status?.containerStatuses, status?.initContainerStatuses, status?.ephemeralContainerStatuses].flatMap((statuses) =>
      (statuses ?? []).map(containerOf),
    ),
  };
}

/** `containerID` is `<runtime>://<id>`, absent before the start. `lastState` is of a container that is no more: never read. */
function containerOf(status: V1ContainerStatus): PodFacts["containers"][number] {
  const id = status.containerID?.replace(/^[a-z0-9.+-]*:\/\//, "") ?? "";
  return { name: status.name, id: id === "" ? null : id, image: status.image || null, running: status.state?.running !== undefined };
}

function controllerOf(metadata: V1ObjectMeta): Owner | null {
  const reference = metadata.ownerReferences?.find(({ controller }) => controller === true);
  return reference === undefined ? null : { kind: reference.kind, name: reference.name, uid: reference.uid };
}
