import { AppsV1Api, BatchV1Api, CoreV1Api, type KubeConfig, type V1Pod, type V1PodTemplateSpec } from "@kubernetes/client-node";
import { waitFor } from "../../lab/wait.ts";
import { TAINT } from "./kube-stage.ts";

/** Who a pod may belong to, as an action meets it. `foreign`: a controller that we do not know. `static`: the API's image of a static pod. */
export const OWNERS = [
  "Deployment",
  "ReplicaSet",
  "StatefulSet",
  "DaemonSet",
  "Job",
  "CronJob",
  "foreign",
  "standalone",
  "static",
] as const;
export type OwnerKind = (typeof OWNERS)[number];

const IMAGE = "registry.k8s.io/pause:3.10";
const PAIRS: readonly OwnerKind[] = ["Deployment", "ReplicaSet", "StatefulSet"];

/** A pod of such an owner, running on the node, in the namespace, which exists. Deployments and their like have two pods: the offender is one. */
export async function podOf(kind: OwnerKind, name: string, namespace: string, node: string, config: KubeConfig): Promise<V1Pod> {
  const apps = config.makeApiClient(AppsV1Api);
  const batch = config.makeApiClient(BatchV1Api);
  const core = config.makeApiClient(CoreV1Api);
  const metadata = { name };
  const spec = {
    nodeSelector: { "kubernetes.io/hostname": node },
    tolerations: [TAINT],
    serviceAccountName: name,
    terminationGracePeriodSeconds: 1,
    containers: [{ name: "app", image: IMAGE }],
  };
  await core.createNamespacedServiceAccount({ namespace, body: { metadata } });
  const selector = { matchLabels: { app: name } };
  const template: V1PodTemplateSpec = { metadata: { labels: { app: name, tier: "web" } }, spec };
  const once: V1PodTemplateSpec = { ...template, spec: { ...spec, restartPolicy: "Never" } };
  const alone = { metadata: { name, labels: { app: name, tier: "web" } }, spec };
  const jobOf = { template: once, backoffLimit: 2 };
  const two = { replicas: 2, selector, template };
  const make: Readonly<Record<OwnerKind, () => Promise<unknown>>> = {
    Deployment: () => apps.createNamespacedDeployment({ namespace, body: { metadata, spec: two } }),
    ReplicaSet: () => apps.createNamespacedReplicaSet({ namespace, body: { metadata, spec: two } }),
    StatefulSet: () =>
      apps.createNamespacedStatefulSet({
        namespace,
        body: { metadata, spec: { ...two, serviceName: name, podManagementPolicy: "Parallel" } },
      }),
    DaemonSet: () => apps.createNamespacedDaemonSet({ namespace, body: { metadata, spec: { selector, template } } }),
    Job: () => batch.createNamespacedJob({ namespace, body: { metadata, spec: jobOf } }),
    CronJob: async () => {
      // Its controller would make the first Job in January: this one is made by hand, as `kubectl create job --from` does.
      const body = { metadata, spec: { schedule: "0 0 1 1 *", jobTemplate: { spec: jobOf } } };
      const { metadata: cron } = await batch.createNamespacedCronJob({ namespace, body });
      const owner = { apiVersion: "batch/v1", kind: "CronJob", name, uid: cron?.uid ?? "", controller: true };
      await batch.createNamespacedJob({ namespace, body: { metadata: { name: `${name}-1`, ownerReferences: [owner] }, spec: jobOf } });
    },
    foreign: async () => {
      const { metadata: owner } = await core.createNamespacedConfigMap({ namespace, body: { metadata } });
      const ownerReferences = [{ apiVersion: "v1", kind: "ConfigMap", name, uid: owner?.uid ?? "", controller: true }];
      await core.createNamespacedPod({ namespace, body: { ...alone, metadata: { ...alone.metadata, ownerReferences } } });
    },
    standalone: () => core.createNamespacedPod({ namespace, body: alone }),
    // As a kubelet makes it: https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/
    static: async () => {
      const { metadata: owner } = await core.readNode({ name: node });
      const ownerReferences = [{ apiVersion: "v1", kind: "Node", name: node, uid: owner?.uid ?? "", controller: true }];
      const annotations = { "kubernetes.io/config.mirror": "0123456789abcdef" };
      await core.createNamespacedPod({
        namespace,
        body: {
          metadata: { name, labels: alone.metadata.labels, annotations, ownerReferences },
          spec: { nodeName: node, containers: spec.containers },
        },
      });
    },
  };
  await make[kind]();
  return await waitFor(`a pod of ${kind} ${name} runs`, async () => {
    const { items } = await core.listNamespacedPod({ namespace, labelSelector: `app=${name}` });
    const up = items.filter(({ status }) => status?.phase === "Running" && status.containerStatuses?.[0]?.containerID);
    return up.length >= (PAIRS.includes(kind) ? 2 : 1) ? up[0] : null;
  });
}
