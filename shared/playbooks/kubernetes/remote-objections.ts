import { list, object, text } from "#shared/playbooks/kubernetes/facts.ts";
import { ENDPOINT_SLICE, NODE, POD, SERVICE } from "#shared/playbooks/kubernetes/kinds.ts";
import type { Needs } from "#shared/playbooks/playbook.ts";
import { canonical } from "#shared/policy/remote.ts";
import type { KubeObject, KubernetesApi } from "#shared/ports/kubernetes.ts";

export const remoteNeeds: Needs["rbac"] = [
  { apiGroups: [""], resources: ["pods", "nodes", "services"], verbs: ["list"] },
  { apiGroups: [""], resources: ["services"], verbs: ["get"] },
  { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list"] },
];

const DNS_LABEL = "k8s-app=kube-dns";
const INSTEAD = "next best: kubernetes:quarantine, or kubernetes:terminate";

/**
 * Why this address is not denied: what would be cut is the cluster's own, or the deny would do nothing. A policy sees what stands behind a
 * Service, not its address, and Cilium knows pods and nodes by identity, not by address. https://docs.cilium.io/en/stable/security/policy/language/
 */
export async function objectionToRemote(
  remote: string,
  pod: KubeObject,
  by: "cilium" | "calico",
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<string | null> {
  if (podIps(pod).includes(remote)) return "the alert's remote address is the pod's own: there is nothing to deny";
  const [nodes, ofService, kubernetes, dns, behindApi, behindDns, ofPod] = await Promise.all([
    api.list(NODE, {}, signal),
    api.list(SERVICE, { fields: `spec.clusterIP=${remote}` }, signal),
    api.get(SERVICE, "default", "kubernetes", signal),
    api.list(SERVICE, { namespace: "kube-system", labels: DNS_LABEL }, signal),
    api.list(ENDPOINT_SLICE, { namespace: "default", labels: "kubernetes.io/service-name=kubernetes" }, signal),
    api.list(ENDPOINT_SLICE, { namespace: "kube-system", labels: DNS_LABEL }, signal),
    api.list(POD, { fields: `status.podIP=${remote}` }, signal),
  ]);
  const is = (addresses: readonly unknown[]): boolean => addresses.some((one) => typeof one === "string" && same(one, remote));
  if (is([...(kubernetes === null ? [] : serviceIps(kubernetes)), ...endpointIps(behindApi)]))
    return `the alert's remote address is the cluster's API server, which the pod may need and others see: it is not denied; ${INSTEAD}`;
  if (is([...(dns ?? []).flatMap(serviceIps), ...endpointIps(behindDns)]))
    return `the alert's remote address is the cluster's DNS: without it the pod fails in all it does; ${INSTEAD}`;
  const node = nodes?.find((one) => is(list(one.status?.["addresses"]).map(({ address }) => address)));
  if (node !== undefined)
    return `the alert's remote address is node ${node.metadata.name}: denying it would cut health checks and what comes through it; ${INSTEAD}`;
  const [service] = ofService ?? [];
  if (service !== undefined)
    return `the alert's remote address is Service ${service.metadata.namespace}/${service.metadata.name}: policies see the pods behind it, so a deny would do nothing; ${INSTEAD}`;
  const [other] = ofPod ?? [];
  return other !== undefined && by === "cilium"
    ? `the alert's remote address is pod ${other.metadata.namespace}/${other.metadata.name}: Cilium knows pods by their labels, so a deny would do nothing; ${INSTEAD}`
    : null;
}

const same = (address: string, remote: string): boolean => address === remote || canonical(address) === remote;

const podIps = ({ status = {} }: KubeObject): readonly unknown[] => [
  status["podIP"],
  ...list(status["podIPs"]).flatMap(({ ip }) => (typeof ip === "string" ? [canonical(ip)] : [])),
];
const serviceIps = ({ spec = {} }: KubeObject): readonly unknown[] => [
  text(spec["clusterIP"]),
  ...(Array.isArray(spec["clusterIPs"]) ? spec["clusterIPs"] : []),
];
const endpointIps = (slices: readonly KubeObject[] | null): readonly unknown[] =>
  (slices ?? []).flatMap((slice) =>
    list(slice["endpoints"]).flatMap((endpoint) => {
      const { addresses } = object(endpoint);
      return Array.isArray(addresses) ? addresses : [];
    }),
  );
