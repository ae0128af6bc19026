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
