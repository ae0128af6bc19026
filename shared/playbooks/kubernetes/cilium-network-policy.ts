import { denyRemote } from "#shared/playbooks/kubernetes/remote-playbook.ts";

/** From Cilium 1.16, which has `enableDefaultDeny`. https://docs.cilium.io/en/stable/security/policy/deny/ */
export const ciliumNetworkPolicy = denyRemote({
  by: "cilium",
  title: "Cilium",
  rbac: [{ apiGroups: ["cilium.io"], resources: ["ciliumnetworkpolicies"], verbs: ["get", "list", "create", "patch", "delete"] }],
});
