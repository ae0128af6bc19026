import type { Kind } from "#shared/ports/kubernetes.ts";

const kind = (group: string, version: string, resource: string, name: string, namespaced = true): Kind => ({
  group,
  version,
  resource,
  kind: name,
  namespaced,
});

export const POD = kind("", "v1", "pods", "Pod");
export const NODE = kind("", "v1", "nodes", "Node", false);
export const NAMESPACE = kind("", "v1", "namespaces", "Namespace", false);
export const EVENT = kind("", "v1", "events", "Event");
export const SECRET = kind("", "v1", "secrets", "Secret");
export const SERVICE_ACCOUNT = kind("", "v1", "serviceaccounts", "ServiceAccount");
export const REPLICA_SET = kind("apps", "v1", "replicasets", "ReplicaSet");
export const DEPLOYMENT = kind("apps", "v1", "deployments", "Deployment");
export const STATEFUL_SET = kind("apps", "v1", "statefulsets", "StatefulSet");
export const DAEMON_SET = kind("apps", "v1", "daemonsets", "DaemonSet");
export const JOB = kind("batch", "v1", "jobs", "Job");
export const CRON_JOB = kind("batch", "v1", "cronjobs", "CronJob");
export const NETWORK_POLICY = kind("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy");
export const POD_DISRUPTION_BUDGET = kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget");
/** https://docs.cilium.io/en/stable/security/policy/ */
export const CILIUM_NETWORK_POLICY = kind("cilium.io", "v2", "ciliumnetworkpolicies", "CiliumNetworkPolicy");
/** As the CRD, without Calico's own API server: https://docs.tigera.io/calico/latest/reference/resources/networkpolicy */
export const CALICO_NETWORK_POLICY = kind("crd.projectcalico.org", "v1", "networkpolicies", "NetworkPolicy");
export const CILIUM_CLUSTERWIDE_NETWORK_POLICY = kind(
  "cilium.io",
  "v2",
  "ciliumclusterwidenetworkpolicies",
  "CiliumClusterwideNetworkPolicy",
  false,
);
/** https://docs.tigera.io/calico/latest/reference/resources/globalnetworkpolicy */
export const CALICO_GLOBAL_NETWORK_POLICY = kind("crd.projectcalico.org", "v1", "globalnetworkpolicies", "GlobalNetworkPolicy", false);
/** https://docs.tigera.io/calico/latest/reference/resources/tier */
export const CALICO_TIER = kind("crd.projectcalico.org", "v1", "tiers", "Tier", false);
export const SERVICE = kind("", "v1", "services", "Service");
export const ENDPOINT_SLICE = kind("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice");
export const RESOURCE_QUOTA = kind("", "v1", "resourcequotas", "ResourceQuota");
export const CONFIG_MAP = kind("", "v1", "configmaps", "ConfigMap");
export const ROLE = kind("rbac.authorization.k8s.io", "v1", "roles", "Role");
export const CLUSTER_ROLE = kind("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false);
export const ROLE_BINDING = kind("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding");
export const CLUSTER_ROLE_BINDING = kind("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", false);
export const INGRESS = kind("networking.k8s.io", "v1", "ingresses", "Ingress");
export const HORIZONTAL_POD_AUTOSCALER = kind("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler");
/** https://keda.sh/docs/latest/reference/scaledobject-spec/ */
export const KEDA_SCALED_OBJECT = kind("keda.sh", "v1alpha1", "scaledobjects", "ScaledObject");
