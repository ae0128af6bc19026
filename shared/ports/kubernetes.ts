/**
 * The API server of one cluster of the registry, as plain JSON: nothing is lost of an object, and a kind that nobody knew beforehand (Cilium's,
 * Calico's) is asked for like any other. Every method throws PipelineError `kube_*` when the server cannot be asked or does not let us, and may
 * be repeated at will. `kind`s that are not served (a CRD that is not installed) are data, never an error.
 */
export interface KubernetesApi extends KubernetesReads {
  /**
   * An answer that is at most a second old will do, if this invocation (its signal) has one: for what is told and kept, and for what the server
   * itself looks at again when it is written. Never for what others may have changed in answer to us.
   */
  readonly recent: KubernetesReads;
  /** `dryRun`: authorised, validated and admitted by the server, and not stored. */
  create(kind: Kind, object: NewObject, options: WriteOptions, signal: AbortSignal): Promise<Created>;
  /** JSON Patch (RFC 6902). A `test` that fails is `conflict`: nothing was changed. */
  patch(kind: Kind, at: At, operations: readonly PatchOperation[], options: PatchOptions, signal: AbortSignal): Promise<Patched>;
  /** With the uid as precondition, always. */
  delete(kind: Kind, at: At & { readonly uid: string }, options: DeleteOptions, signal: AbortSignal): Promise<Deleted>;
  /** policy/v1 Eviction of a pod, with the uid as precondition: pod disruption budgets count. */
  evict(at: At & { readonly uid: string }, options: EvictOptions, signal: AbortSignal): Promise<Evicted>;
  /** The last lines that a container logged; `previous`: of the one before the last restart. Null: there is none (any more). */
  logs(at: At, options: LogOptions, signal: AbortSignal): Promise<string | null>;
}

export interface KubernetesReads {
  /** Null: no such object now, or no such kind. */
  get(kind: Kind, namespace: string | null, name: string, signal: AbortSignal): Promise<KubeObject | null>;
  /** All pages. Null: the kind is not served here. */
  list(kind: Kind, where: Where, signal: AbortSignal): Promise<readonly KubeObject[] | null>;
}

/** An API server that remembers nothing. */
export type DirectApi = Omit<KubernetesApi, "recent">;

/** By its REST path. https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris */
export interface Kind {
  /** "" for the core group. */
  readonly group: string;
  readonly version: string;
  /** Plural, lower case: "pods". */
  readonly resource: string;
  /** "Pod". */
  readonly kind: string;
  readonly namespaced: boolean;
}

export interface At {
  /** Null for what is in no namespace. */
  readonly namespace: string | null;
  readonly name: string;
}

export interface Where {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  /** `a=b,c in (d,e)`: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors */
  readonly labels?: string;
  /** `spec.nodeName=n1` */
  readonly fields?: string;
}

/** JSON as the server sends it; `metadata` is what every object has. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: Metadata;
  readonly spec?: Json;
  readonly status?: Json;
  /** Objects without spec (ServiceAccount, Secret, ...). */
  readonly [key: string]: unknown;
}

export type Json = { readonly [key: string]: unknown };

export interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  /** Of a pod that is being deleted; the timestamp is when it is over. */
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface NewObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Omit<Metadata, "uid" | "resourceVersion">;
  readonly [key: string]: unknown;
}

export interface PatchOperation {
  readonly op: "test" | "add" | "replace" | "remove";
  /** JSON Pointer: `/` in a key is `~1`, `~` is `~0`. */
  readonly path: string;
  readonly value?: unknown;
}

export interface WriteOptions {
  readonly dryRun?: boolean;
}
export interface PatchOptions extends WriteOptions {
  readonly subresource?: "scale" | "status";
}
export interface DeleteOptions extends WriteOptions {
  /** Pods only, seconds; 0 (force) is refused by those who plan: use 1. */
  readonly graceSeconds?: number;
  /** Precondition, beside the uid. */
  readonly resourceVersion?: string;
  readonly propagation?: "Background" | "Foreground" | "Orphan";
}
export interface EvictOptions extends WriteOptions {
  readonly graceSeconds?: number;
}
export interface LogOptions {
  readonly container: string;
  readonly previous?: boolean;
  readonly tailLines: number;
  readonly limitBytes: number;
}

/**
 * gone: no such object now. rejected: the server understood and says no (admission webhook or policy, quota, validation); `because` is its
 * message, cut: it may hold text of others, and of an attacker.
 */
type Rejected = { readonly kind: "rejected"; readonly because: string };
export type Created =
  | { readonly kind: "created"; readonly object: KubeObject }
  | { readonly kind: "exists" }
  /** The namespace is gone, or the kind is not served. */
  | { readonly kind: "gone" }
  | Rejected;
export type Patched =
  | { readonly kind: "patched"; readonly object: KubeObject }
  /** A test of the patch failed, or somebody wrote meanwhile. */
  | { readonly kind: "conflict" }
  | { readonly kind: "gone" }
  | Rejected;
/** accepted: it may still be terminating. conflict: another object has the name, or the resourceVersion is not this one (any more). */
export type Deleted = { readonly kind: "accepted" | "conflict" | "gone" } | Rejected;
/** budget: a pod disruption budget allows no disruption now. budgets: more than one selects the pod, which the server cannot evict then (500). */
export type Evicted =
  | { readonly kind: "accepted" | "conflict" | "gone" }
  | { readonly kind: "budget" | "budgets"; readonly because: string }
  | Rejected;
