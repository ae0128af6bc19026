import { PipelineError } from "#shared/domain/error.ts";
import { type PodFacts, podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { POD } from "#shared/playbooks/kubernetes/kinds.ts";
import type { Kind, KubeObject, KubernetesApi, KubernetesReads, PatchOperation } from "#shared/ports/kubernetes.ts";

/** Rounds of reading and writing when others write the same object meanwhile. */
const ROUNDS = 5;

export interface PodAt {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** The pod as it is now; null: it is gone, and another one may have its name. */
export async function podNow({ namespace, name, uid }: PodAt, api: KubernetesReads, signal: AbortSignal): Promise<KubeObject | null> {
  const found = await api.get(POD, namespace, name, signal);
  return found?.metadata.uid === uid ? found : null;
}

/** What a look at the pod leads to: writes, nothing, or a reason why nothing may be written. */
export type Wish = readonly PatchOperation[] | { readonly because: string };
export type Guarded =
  | { readonly kind: "patched"; readonly pod: PodFacts }
  | { readonly kind: "same"; readonly pod: PodFacts }
  | { readonly kind: "gone" }
  | { readonly kind: "objected"; readonly because: string }
  | { readonly kind: "rejected"; readonly because: string };

/**
 * One patch of a pod's metadata that is refused when the pod is another one or was written since it was read; then it is read and judged again.
 * `wish`: nothing to write is an empty list. Throws `kube_throttled` when others write all the time.
 */
export async function patchPod(
  at: PodAt,
  wish: (pod: PodFacts) => Wish,
  api: KubernetesApi,
  signal: AbortSignal,
  dryRun = false,
): Promise<Guarded> {
  const answer = await patchGuarded(POD, at, (object) => wish(podFacts(object)), api, signal, dryRun);
  return "object" in answer ? { kind: answer.kind, pod: podFacts(answer.object) } : answer;
}

export interface ObjectAt {
  readonly namespace: string | null;
  readonly name: string;
  readonly uid: string;
}

export type GuardedObject =
  | { readonly kind: "patched" | "same"; readonly object: KubeObject }
  | Extract<Guarded, { readonly kind: "gone" | "objected" | "rejected" }>;

/** The same of an object of any kind. */
export async function patchGuarded(
  kind: Kind,
  at: ObjectAt,
  wish: (object: KubeObject) => Wish,
  api: KubernetesApi,
  signal: AbortSignal,
  dryRun = false,
): Promise<GuardedObject> {
  for (let round = 0; round < ROUNDS; round++) {
    const found = await api.get(kind, at.namespace, at.name, signal);
    if (found?.metadata.uid !== at.uid) return { kind: "gone" };
    const wanted = wish(found);
    if ("because" in wanted) return { kind: "objected", because: wanted.because };
    if (wanted.length === 0) return { kind: "same", object: found };
    const answer = await api.patch(kind, at, [...guards(found), ...wanted], { dryRun }, signal);
    if (answer.kind !== "conflict") return answer;
  }
  const name = at.namespace === null ? at.name : `${at.namespace}/${at.name}`;
  throw new PipelineError("kube_throttled", `${kind.kind} ${name} is written by others all the time: not patched`);
}

/** https://kubernetes.io/docs/reference/using-api/api-concepts/#patch-and-apply */
export const guards = ({ metadata }: KubeObject): readonly PatchOperation[] => [
  { op: "test", path: "/metadata/uid", value: metadata.uid },
  { op: "test", path: "/metadata/resourceVersion", value: metadata.resourceVersion },
];

const pointer = (key: string): string => key.replaceAll("~", "~0").replaceAll("/", "~1");

/** Sets (null: removes) keys of a map of the metadata, which the object may have none of. */
export function setKeys(
  map: "labels" | "annotations",
  present: Readonly<Record<string, string>>,
  values: Readonly<Record<string, string | null>>,
): readonly PatchOperation[] {
  const changes = Object.entries(values).filter(([key, value]) => (Object.hasOwn(present, key) ? present[key] : null) !== value);
  const whole: readonly PatchOperation[] =
    Object.keys(present).length === 0 && changes.length > 0 ? [{ op: "add", path: `/metadata/${map}`, value: {} }] : [];
  return [
    ...whole,
    ...changes.map(([key, value]): PatchOperation => {
      const path = `/metadata/${map}/${pointer(key)}`;
      return value === null ? { op: "remove", path } : { op: "add", path, value };
    }),
  ];
}
