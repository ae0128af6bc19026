import { object, text } from "#shared/playbooks/kubernetes/facts.ts";
import { NODE, POD } from "#shared/playbooks/kubernetes/kinds.ts";
import type { KubeObject } from "#shared/ports/kubernetes.ts";
import type { Cluster } from "./parts.ts";
import { started } from "./pod-object.ts";
import { isWithin } from "./selectors.ts";

/** Pods that terminate, and what only finalizers held. */
export function end(cluster: Cluster): void {
  for (const [id, entry] of [...cluster.objects]) {
    const { deletionTimestamp, finalizers = [] } = entry.object.metadata;
    if (deletionTimestamp === undefined) continue;
    if (--entry.ticksLeft <= 0 && finalizers.length === 0) cluster.objects.delete(id);
  }
}

/** Pods that were made through the API get a node, if there is one for them, and run. */
export function start(cluster: Cluster): void {
  for (const pod of cluster.all(POD)) {
    if (pod.metadata.deletionTimestamp !== undefined || !waits(pod)) continue;
    const next = started(pod, text(pod.spec?.["nodeName"]) ?? freeNode(cluster, pod));
    if (JSON.stringify(next) !== JSON.stringify(pod)) cluster.put(POD, next);
  }
}

function waits({ status }: KubeObject): boolean {
  const [condition] = Array.isArray(status?.["conditions"]) ? status["conditions"].map(object) : [];
  return status === undefined || (status["phase"] === "Pending" && condition?.["reason"] === "Unschedulable");
}

/** A world without nodes has one all the same. */
function freeNode(cluster: Cluster, { spec = {} }: KubeObject): string | null {
  const nodes = cluster.all(NODE);
  const free = nodes.find((node) => node.spec?.["unschedulable"] !== true && isWithin(spec["nodeSelector"], node.metadata.labels));
  return nodes.length === 0 ? "node-1" : (free?.metadata.name ?? null);
}
