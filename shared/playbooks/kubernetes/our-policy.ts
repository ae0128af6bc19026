import { isDeepStrictEqual } from "node:util";
import type { PodAt } from "#shared/playbooks/kubernetes/guarded.ts";
import { INCIDENT, MANAGED_BY, TARGET } from "#shared/playbooks/kubernetes/marks.ts";
import type { Json, Kind, KubeObject, KubernetesApi, NewObject } from "#shared/ports/kubernetes.ts";

/** A policy object for one pod, named by its uid. It goes with the pod: the garbage collector takes what a gone pod owns. */
export interface OurPolicy {
  readonly kind: Kind;
  readonly name: string;
  readonly spec: Json;
}

export const apiVersionOf = ({ group, version }: Kind): string => (group === "" ? version : `${group}/${version}`);

/** https://kubernetes.io/docs/concepts/architecture/garbage-collection/#owners-dependents */
export function objectFor({ kind, name, spec }: OurPolicy, pod: PodAt, incident: string): NewObject {
  return {
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: {
      name,
      namespace: pod.namespace,
      labels: { [MANAGED_BY.key]: MANAGED_BY.value, [TARGET]: pod.uid, [INCIDENT]: incident },
      ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: pod.name, uid: pod.uid }],
    },
    spec,
  };
}

/** Did we make it for this pod? */
export const isOurs = ({ metadata }: KubeObject, { uid }: PodAt): boolean =>
  metadata.labels?.[MANAGED_BY.key] === MANAGED_BY.value && metadata.labels[TARGET] === uid;

/** Ours, and as we made it. */
export const isAsMade = (found: KubeObject, policy: OurPolicy, pod: PodAt): boolean =>
  isOurs(found, pod) && found.metadata.deletionTimestamp === undefined && isDeepStrictEqual(found.spec, policy.spec);

/** made: it is there as we want it, by us or by a run before. strange: the name is taken by what we did not make, or was changed. */
export type Making =
  | { readonly kind: "made"; readonly uid: string }
  | { readonly kind: "gone" }
  | { readonly kind: "strange"; readonly because: string }
  | { readonly kind: "rejected"; readonly because: string };

/** Makes it, or finds it there from a run before. Never overwrites. */
export async function makePolicy(
  policy: OurPolicy,
  pod: PodAt,
  incident: string,
  api: KubernetesApi,
  signal: AbortSignal,
  dryRun = false,
): Promise<Making> {
  const answer = await api.create(policy.kind, objectFor(policy, pod, incident), { dryRun }, signal);
  if (answer.kind === "created") {
    const { object } = answer;
    if (isDeepStrictEqual(object.spec, policy.spec)) return { kind: "made", uid: object.metadata.uid };
    // A server that does not know a field drops it without a word, and the policy means something else then.
    if (!dryRun) await api.delete(policy.kind, { namespace: pod.namespace, name: policy.name, uid: object.metadata.uid }, {}, signal);
    return {
      kind: "strange",
      because: `the API server changes ${title(policy)} on its way in (a field that it does not know, or a webhook)`,
    };
  }
  if (answer.kind !== "exists") return answer;
  const found = await api.get(policy.kind, pod.namespace, policy.name, signal);
  if (found === null) return { kind: "strange", because: `${title(policy)} comes and goes: somebody else makes it` };
  return isAsMade(found, policy, pod)
    ? { kind: "made", uid: found.metadata.uid }
    : { kind: "strange", because: `${title(policy)} is there and is not as we make it: it was left as it is` };
}

export const title = ({ kind, name }: Pick<OurPolicy, "kind" | "name">): string => `${kind.kind} ${name}`;

/** gone: there is none now. strange: not made by us for this pod, or changed since: left as it is. */
export async function takeAway(
  policy: OurPolicy,
  pod: PodAt,
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<"deleted" | "gone" | "strange"> {
  const { kind, name, spec } = policy;
  const found = await api.get(kind, pod.namespace, name, signal);
  if (found === null) return "gone";
  if (!isOurs(found, pod) || !isDeepStrictEqual(found.spec, spec)) return "strange";
  const { uid, resourceVersion } = found.metadata;
  const answer = await api.delete(kind, { namespace: pod.namespace, name, uid }, { resourceVersion }, signal);
  if (answer.kind === "accepted") return "deleted";
  return answer.kind === "gone" ? "gone" : "strange";
}
