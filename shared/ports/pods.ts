import type { Owner } from "#shared/domain/workload.ts";

/** Kubernetes as the responder sees it, for one cluster of the registry. Adapters translate errors to PipelineError (`kube_*`). */
export interface Pods {
  /** Null when no such pod exists now. */
  get(namespace: string, name: string, signal: AbortSignal): Promise<PodFacts | null>;
  /** Every pod on the node (`spec.nodeName`), all pages. */
  onNode(node: string, signal: AbortSignal): Promise<readonly PodFacts[]>;
  /** Walks ownerReferences[controller=true], checking the uid at each hop: ReplicaSet to Deployment, Job to CronJob. At most 5 hops. Null: none. */
  owner(pod: PodFacts, signal: AbortSignal): Promise<Owner | null>;
  /**
   * DELETE with the uid as precondition. accepted: 200/202, the pod may still be terminating. conflict: another pod has the name (409). gone: 404.
   * Grace is in seconds; 0 (force) is refused by the type's callers: use 1.
   */
  delete(
    pod: { readonly namespace: string; readonly name: string; readonly uid: string },
    graceSeconds: number,
    signal: AbortSignal,
  ): Promise<"accepted" | "conflict" | "gone">;
}

export interface PodFacts {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly node: string | null;
  readonly phase: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly controller: Owner | null;
  readonly serviceAccount: string | null;
  readonly priorityClass: string | null;
  readonly hostNetwork: boolean;
  readonly deletionTimestamp: string | null;
  /** Current statuses of containers, init containers and ephemeral containers. `id` without its `containerd://`. */
  readonly containers: readonly {
    readonly name: string;
    readonly id: string | null;
    readonly image: string | null;
    readonly running: boolean;
  }[];
}
