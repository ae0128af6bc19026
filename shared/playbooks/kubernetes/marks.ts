/** Keys that we set on objects of a cluster. What bears one of them is ours to undo and to remove. */
export const PREFIX = "falco-responder.io/";
/** On a quarantined pod, with its own uid as value: what our policies select by. */
export const QUARANTINE = `${PREFIX}quarantine`;
/** On everything that we create or change: the incident that it was for. */
export const INCIDENT = `${PREFIX}incident`;
/** On objects that we create. */
export const MANAGED_BY = { key: "app.kubernetes.io/managed-by", value: "falco-responder" } as const;
/** On what we create for a pod: its uid. */
export const TARGET = `${PREFIX}target`;
/** Annotation on a node that we made unschedulable: the incident that it was for. */
export const CORDONED = `${PREFIX}cordoned`;
/** On a pod whose traffic is held to a list, with its own uid as value: what kubernetes:networkpolicy selects by. */
export const RESTRICTED = `${PREFIX}restricted`;
/** On a pod that is denied remote addresses, with its own uid as value: what calico:networkpolicy and cilium:networkpolicy select by. */
export const DENIED = { calico: `${PREFIX}calico-denied`, cilium: `${PREFIX}cilium-denied` } as const;
/** Annotation of a quarantined pod, for people: the labels that it had, as JSON. Undo goes by what the claim keeps. */
export const ORIGINAL_LABELS = `${PREFIX}original-labels`;
