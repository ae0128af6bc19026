import { denyRemote } from "#shared/playbooks/kubernetes/remote-playbook.ts";

/** https://docs.tigera.io/calico/latest/reference/resources/networkpolicy */
export const calicoNetworkPolicy = denyRemote({
  by: "calico",
  title: "Calico",
  rbac: [
    { apiGroups: ["crd.projectcalico.org"], resources: ["networkpolicies"], verbs: ["get", "list", "create", "patch", "delete"] },
    { apiGroups: ["crd.projectcalico.org"], resources: ["globalnetworkpolicies"], verbs: ["list"] },
    { apiGroups: ["crd.projectcalico.org"], resources: ["tiers"], verbs: ["get"] },
    { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs: ["list"] },
  ],
});
