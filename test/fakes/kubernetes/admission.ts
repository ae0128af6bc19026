import { isDeepStrictEqual } from "node:util";
import { list, object, text } from "#shared/playbooks/kubernetes/facts.ts";
import { DEPLOYMENT, JOB, POD, REPLICA_SET, RESOURCE_QUOTA, STATEFUL_SET } from "#shared/playbooks/kubernetes/kinds.ts";
import type { Json, Kind, KubeObject } from "#shared/ports/kubernetes.ts";
import type { Cluster } from "./parts.ts";

/** What the server fills in of an object that is made. */
export function defaulted(kind: Kind, made: KubeObject): KubeObject {
  const { metadata, spec = {} } = made;
  if (kind === POD) return { ...made, spec: { serviceAccountName: "default", ...spec } };
  if ([DEPLOYMENT, REPLICA_SET, STATEFUL_SET].includes(kind)) return { ...made, spec: { replicas: 1, ...spec } };
  if (kind !== JOB) return made;
  // A Job finds its pods by its own uid.
  const labels = { "batch.kubernetes.io/controller-uid": metadata.uid, "batch.kubernetes.io/job-name": metadata.name };
  const template = object(spec["template"]);
  const templateMetadata = object(template["metadata"]);
  return {
    ...made,
    spec: {
      parallelism: 1,
      selector: { matchLabels: { "batch.kubernetes.io/controller-uid": metadata.uid } },
      ...spec,
      template: { ...template, metadata: { ...templateMetadata, labels: { ...object(templateMetadata["labels"]), ...labels } } },
    },
  };
}

/** Why one more of the kind is too many; null: it is not. https://kubernetes.io/docs/concepts/policy/resource-quotas/ */
export function overQuota(cluster: Cluster, kind: Kind, namespace: string | null, name: string): string | null {
  const counted = kind.group === "" ? kind.resource : `${kind.resource}.${kind.group}`;
  const used = cluster.all(kind).filter((one) => one.metadata.namespace === namespace && !hasEnded(one)).length;
  for (const { metadata, spec } of cluster.all(RESOURCE_QUOTA)) {
    const hard = object(spec?.["hard"]);
    for (const key of kind === POD ? ["pods", "count/pods"] : [`count/${counted}`])
      if (metadata.namespace === namespace && hard[key] !== undefined && used >= Number(hard[key]))
        return `${counted} "${name}" is forbidden: exceeded quota: ${metadata.name}, requested: ${key}=1, used: ${key}=${used}, limited: ${key}=${String(hard[key])}`;
  }
  return null;
}

export const hasEnded = ({ status }: KubeObject): boolean => ["Succeeded", "Failed"].includes(text(status?.["phase"]) ?? "");

/** What of a patched object the server does not take, as it answers; null: it takes it. */
export function untaken(
  kind: Kind,
  former: KubeObject,
  next: KubeObject,
): { kind: "conflict" } | { kind: "rejected"; because: string } | null {
  const [was, is] = [former.metadata, next.metadata];
  if (was.uid !== is.uid || was.resourceVersion !== is.resourceVersion) return { kind: "conflict" };
  if (was.name !== is.name || was.namespace !== is.namespace) return { kind: "rejected", because: "metadata.name: field is immutable" };
  if (kind === POD && !isDeepStrictEqual(fixed(former), fixed(next)))
    return {
      kind: "rejected",
      because: `Pod "${was.name}" is invalid: spec: Forbidden: pod updates may not change fields other than images`,
    };
  return null;
}

/** The parts of a pod that are as they were made. https://kubernetes.io/docs/concepts/workloads/pods/#pod-update-and-replacement */
function fixed({ spec = {} }: KubeObject): Json {
  const { activeDeadlineSeconds: _, tolerations: __, terminationGracePeriodSeconds: ___, ...rest } = spec;
  const withoutImages = (key: string) => list(spec[key]).map(({ image: ____, ...one }) => one);
  return { ...rest, containers: withoutImages("containers"), initContainers: withoutImages("initContainers") };
}
