import type { PodFacts } from "#shared/playbooks/kubernetes/facts.ts";
import type { Json, Kind, KubeObject, Metadata, NewObject } from "#shared/ports/kubernetes.ts";

/** A pod as a test or a controller wants it. */
export type Wanted = Partial<PodFacts> & { readonly containerNames?: readonly string[]; readonly spec?: Json };

/** What may be put: uid and version are made where they are missing. */
export type Given = NewObject | KubeObject | { readonly metadata: Partial<Metadata> & { readonly name: string } };

/** What of the cluster its kubelets, controllers and collector work on. */
export interface Cluster {
  readonly objects: Map<string, { readonly kind: Kind; object: KubeObject; ticksLeft: number }>;
  /** Controller uid -> the pods that it has made, for the names and nodes of those that replace them. */
  readonly members: Map<string, { readonly name: string; readonly node: string | null }[]>;
  all(kind: Kind): readonly KubeObject[];
  object(kind: Kind, namespace: string | null, name: string): KubeObject | null;
  put(kind: Kind, object: Given): KubeObject;
  drop(kind: Kind, object: Pick<KubeObject, "metadata">): void;
  born(wanted: Wanted): PodFacts;
}
