import type { Cluster } from "#shared/domain/registry.ts";
import type { Heartbeat, SensorNode } from "#shared/domain/sensor.ts";
import { NODE } from "#shared/playbooks/kubernetes/kinds.ts";
import type { Needs } from "#shared/playbooks/playbook.ts";
import { globTest } from "#shared/policy/pattern.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";
import type { Json, KubeObject } from "#shared/ports/kubernetes.ts";

/** What asking a cluster for its nodes takes. */
export const sensorNeeds: Needs = {
  iam: [],
  look: [
    { actions: ["ecs:ListContainerInstances"], on: "cluster" },
    { actions: ["ecs:DescribeContainerInstances"], on: "container-instance" },
    // Of those whose sensor went silent: a machine that is stopping takes its sensor with it.
    { actions: ["ec2:DescribeInstances"], on: "container-instance" },
  ],
  rbac: [{ apiGroups: [""], resources: ["nodes"], verbs: ["list"] }],
};

/** The nodes on which a sensor should run now, as the cluster itself says. Throws PipelineError where it cannot be asked. */
export async function nodesOf(
  cluster: Cluster,
  { except }: Heartbeat,
  access: ClusterAccess,
  signal: AbortSignal,
): Promise<readonly SensorNode[]> {
  const excepted = except.map(globTest);
  const all = cluster.kind === "ecs" ? await ofEcs(cluster, access, signal) : await ofKubernetes(cluster, access, signal);
  return all.filter(({ id }) => !excepted.some((isExcepted) => isExcepted(id)));
}

async function ofEcs(cluster: Cluster, access: ClusterAccess, signal: AbortSignal): Promise<readonly SensorNode[]> {
  const instances = await (await access.instances(cluster)).list(signal);
  return instances.map(({ machine, registeredAtMs }) => ({ id: machine, names: [], sinceMs: registeredAtMs }));
}

async function ofKubernetes(cluster: Cluster, access: ClusterAccess, signal: AbortSignal): Promise<readonly SensorNode[]> {
  const nodes = (await (await access.kubernetes(cluster)).list(NODE, {}, signal)) ?? [];
  return nodes.flatMap((node) => {
    const readySinceMs = readySince(node);
    if (readySinceMs === null || node.metadata.deletionTimestamp !== undefined || !runsDaemons(node)) return [];
    const createdMs = Date.parse(node.metadata.creationTimestamp ?? "");
    const sinceMs = Number.isNaN(createdMs) ? readySinceMs : Math.max(createdMs, readySinceMs);
    return [{ id: node.metadata.name, names: hostnamesOf(node), sinceMs }];
  });
}

/** Null: not Ready: Kubernetes says so itself, and what runs there cannot be told from here. */
function readySince({ status }: KubeObject): number | null {
  const conditions = list(status?.["conditions"]);
  const ready = conditions.find(({ type }) => type === "Ready");
  if (ready?.["status"] !== "True") return null;
  const sinceMs = Date.parse(String(ready["lastTransitionTime"]));
  return Number.isNaN(sinceMs) ? 0 : sinceMs;
}

/** Falco is a DaemonSet on Linux: neither a Fargate node of EKS nor a virtual kubelet nor Windows has one. */
function runsDaemons({ metadata: { labels = {} } }: KubeObject): boolean {
  return (
    labels["eks.amazonaws.com/compute-type"] !== "fargate" &&
    labels["type"] !== "virtual-kubelet" &&
    labels["kubernetes.io/os"] !== "windows"
  );
}

const hostnamesOf = ({ metadata, status }: KubeObject): readonly string[] => {
  const addresses = list(status?.["addresses"]).filter(({ type }) => type === "Hostname" || type === "InternalDNS");
  const names = [metadata.labels?.["kubernetes.io/hostname"], ...addresses.map(({ address }) => address)];
  return [...new Set(names.filter((name) => typeof name === "string"))];
};

const list = (value: unknown): readonly Json[] =>
  Array.isArray(value) ? value.filter((one): one is Json => typeof one === "object" && one !== null) : [];
