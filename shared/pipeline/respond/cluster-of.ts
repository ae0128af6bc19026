import type { Cluster } from "#shared/domain/registry.ts";
import type { ClaimPorts } from "#shared/pipeline/respond/ports.ts";

/** The registry's entry; null: it is no longer registered. */
export const clusterOf = ({ cluster }: { readonly cluster: string }, { registry }: Pick<ClaimPorts, "registry">): Cluster | null =>
  registry.clusters.find(({ name }) => name === cluster) ?? null;
