import { AppsV1Api, CoreV1Api, type KubeConfig, type V1Pod, Watch } from "@kubernetes/client-node";
import { waitFor } from "./wait.ts";

/** A pod as the lab follows it. */
export interface LabPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  /** 64 hex; empty before the container runs. */
  readonly containerId: string;
  readonly phase: string;
  readonly deleting: boolean;
}

/** A Deployment with `count` pods running, in a namespace that is made when it is missing. */
export async function createDeployment(
  config: KubeConfig,
  namespace: string,
  name: string,
  options: { readonly count: number; readonly labels?: Readonly<Record<string, string>>; readonly finalizers?: readonly string[] },
): Promise<readonly LabPod[]> {
  const core = config.makeApiClient(CoreV1Api);
  await core.createNamespace({ body: { metadata: { name: namespace } } }).catch((thrown: unknown) => {
    if ((thrown as { code?: number }).code !== 409) throw thrown;
  });
  await waitFor(`namespace ${namespace} takes pods`, () => core.readNamespacedServiceAccount({ name: "default", namespace }));
  const labels = { app: name, ...options.labels };
  await config.makeApiClient(AppsV1Api).createNamespacedDeployment({
    namespace,
    body: {
      metadata: { name },
      spec: {
        replicas: options.count,
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels, ...(options.finalizers ? { finalizers: [...options.finalizers] } : {}) },
          spec: { containers: [{ name, image: "registry.k8s.io/pause:3.10" }], automountServiceAccountToken: false },
        },
      },
    },
  });
  return await waitFor(`${options.count} pods of ${name} run`, async () => {
    const pods = await podsOf(config, namespace, name);
    return pods.length === options.count && pods.every(isUp) ? pods : null;
  });
}

export const isUp = (pod: LabPod): boolean => pod.phase === "Running" && pod.containerId !== "" && !pod.deleting;

/** Pods of a Deployment, those that are going included. */
export async function podsOf(config: KubeConfig, namespace: string, name: string): Promise<readonly LabPod[]> {
  const { items } = await config.makeApiClient(CoreV1Api).listNamespacedPod({ namespace, labelSelector: `app=${name}` });
  return items.map(labPod);
}

/** Pods of a namespace as they are told to go, from now on. */
export interface Going {
  /** In the order in which they were told, each once, replacements included. */
  readonly uids: readonly string[];
  /** Why nothing more is seen; null: it still watches. */
  ended(): string | null;
  stop(): void;
}

export async function watchGoing(config: KubeConfig, namespace: string): Promise<Going> {
  const { metadata, items } = await config.makeApiClient(CoreV1Api).listNamespacedPod({ namespace });
  const known = new Set(items.filter((pod) => labPod(pod).deleting).map((pod) => labPod(pod).uid));
  const uids: string[] = [];
  let end: string | null = null;
  const onEvent = (_phase: string, pod: V1Pod): void => {
    const { uid, deleting } = labPod(pod);
    if (!deleting || known.has(uid)) return;
    known.add(uid);
    uids.push(uid);
  };
  const from = { resourceVersion: metadata?.resourceVersion ?? "" };
  const watch = await new Watch(config).watch(`/api/v1/namespaces/${namespace}/pods`, from, onEvent, (error: unknown) => {
    end ??= String(error ?? "the server ended the watch");
  });
  return { uids, ended: () => end, stop: () => watch.abort() };
}

const labPod = (pod: V1Pod): LabPod => ({
  namespace: pod.metadata?.namespace ?? "",
  name: pod.metadata?.name ?? "",
  uid: pod.metadata?.uid ?? "",
  node: pod.spec?.nodeName ?? "",
  containerId: pod.status?.containerStatuses?.[0]?.containerID?.replace("containerd://", "") ?? "",
  phase: pod.status?.phase ?? "",
  deleting: pod.metadata?.deletionTimestamp !== undefined,
});
