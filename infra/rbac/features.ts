import { ACTIONS, type ActionName } from "#shared/domain/action.ts";

/** What an operator grants in a cluster, each on its own: docs/kubernetes-rbac.md says why there are five. */
export const FEATURES = ["observe", "terminate", "isolate", "node", "delete"] as const;
export type Feature = (typeof FEATURES)[number];

export type KubernetesAction = Extract<ActionName, `kubernetes:${string}` | `calico:${string}` | `cilium:${string}`>;

/** Whose rights an action's are. A new action does not compile until it stands here. */
export const FEATURE_OF: Readonly<Record<KubernetesAction, Feature>> = {
  "kubernetes:log": "observe",
  "kubernetes:evict": "terminate",
  "kubernetes:terminate": "terminate",
  "kubernetes:label": "isolate",
  "kubernetes:annotation": "isolate",
  "calico:networkpolicy": "isolate",
  "cilium:networkpolicy": "isolate",
  "kubernetes:networkpolicy": "isolate",
  "kubernetes:quarantine": "isolate",
  "kubernetes:revoke-tokens": "isolate",
  "kubernetes:scale-to-zero": "isolate",
  "kubernetes:suspend": "isolate",
  "kubernetes:cordon": "node",
  "kubernetes:drain": "node",
  // Its own, because it is broad: whatever kinds it may delete, all else can be done without.
  "kubernetes:delete": "delete",
};

export const isKubernetes = (action: ActionName): action is KubernetesAction => Object.hasOwn(FEATURE_OF, action);
export const KUBERNETES_ACTIONS: readonly KubernetesAction[] = ACTIONS.filter(isKubernetes);

export const SAYS: Readonly<Record<Feature, string>> = {
  observe:
    "reads: finds the accused, names owners, keeps evidence and logs, looks at what became of actions, and finds what was left behind",
  terminate: "deletes and evicts pods",
  isolate: "labels and annotates pods, makes network policies, scales owners to zero, suspends jobs, and revokes tokens",
  node: "cordons, drains, labels and annotates nodes",
  delete: "deletes the object that an alert of the audit log names, after a person's yes",
};
