import type { KubernetesObject } from "@kubernetes/client-node";
import type { ObjectWorkload, Resolution } from "#shared/domain/workload.ts";
import { apiVersionOf, lookAtObject, OBJECT_KINDS } from "#shared/playbooks/kubernetes/resolve-object.ts";
import type { Kind } from "#shared/ports/kubernetes.ts";
import { apply } from "../../lab/control-plane/kube.ts";
import { type KubeStage, never } from "./kube-stage.ts";

const IMAGE = "registry.k8s.io/pause:3.10";
const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" };

/** What of each kind there must be beside its metadata; of one that is missing here, nothing. No two select the same pods: they would adopt them. */
function bodyOf(resource: string): object {
  const labels = { app: resource };
  const template = { metadata: { labels }, spec: { containers: [{ name: "app", image: IMAGE }], nodeSelector: { nowhere: "yes" } } };
  const once = { ...template, spec: { ...template.spec, restartPolicy: "Never" } };
  const sets = { selector: { matchLabels: labels }, template };
  const bodies: Readonly<Record<string, object>> = {
    pods: { spec: template.spec },
    services: { spec: { ports: [{ port: 80 }], selector: labels } },
    deployments: { spec: sets },
    daemonsets: { spec: sets },
    statefulsets: { spec: { ...sets, serviceName: "object" } },
    replicasets: { spec: sets },
    jobs: { spec: { template: once } },
    cronjobs: { spec: { schedule: "0 0 1 1 *", jobTemplate: { spec: { template: once } } } },
    rolebindings: { roleRef },
    clusterrolebindings: { roleRef },
    ingresses: { spec: { defaultBackend: { service: { name: "object", port: { number: 80 } } } } },
  };
  return bodies[resource] ?? {};
}

/** An object of every kind that an alert of the audit log may lead to, made and then looked at with the responder's rights. */
export async function objectsIn(namespace: string, stage: KubeStage): Promise<readonly (readonly [Kind, ObjectWorkload])[]> {
  return await Promise.all(OBJECT_KINDS.map(async (kind) => [kind, await objectOf(kind, namespace, stage)] as const));
}

async function objectOf(kind: Kind, namespace: string, { admin, api, cluster, removeLater }: KubeStage): Promise<ObjectWorkload> {
  const metadata = { name: namespace, ...(kind.namespaced ? { namespace } : {}) };
  const object = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata, ...bodyOf(kind.resource) };
  await apply(admin, [object]);
  if (!kind.namespaced) removeLater(object as KubernetesObject);
  const found = await api.get(kind, kind.namespaced ? namespace : null, namespace, never);
  const { resource } = kind;
  const claimed: ObjectWorkload = {
    kind: "object",
    cluster: cluster.name,
    uid: found?.metadata.uid ?? "",
    owner: null,
    container: null,
    apiVersion: apiVersionOf(kind),
    resource,
    namespace: kind.namespaced ? namespace : null,
    name: namespace,
    labels: {},
    annotations: {},
    deleting: false,
  };
  const resolution: Resolution = await lookAtObject(claimed, cluster, api, never);
  if (resolution.kind !== "found" || resolution.workload.kind !== "object") throw new Error(`${resource}: ${resolution.kind}`);
  return resolution.workload;
}
