import { PipelineError } from "#shared/domain/error.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";

/** What a test gives of each kind. */
export type Given = { readonly [K in keyof ClusterAccess]?: Awaited<ReturnType<ClusterAccess[K]>> };

const KINDS = ["tasks", "kubernetes", "services", "marks", "instances", "network", "roles", "definitions", "logs", "functions"] as const;

/** Every cluster is the given one; what is not given cannot be opened, as by a function that is not made for it. */
export function fakeAccess(world: Given): ClusterAccess {
  const open = (kind: keyof ClusterAccess) => (): Promise<unknown> => {
    const what = world[kind];
    return what === undefined ? Promise.reject(new PipelineError("config_invalid", `the test gave no ${kind}`)) : Promise.resolve(what);
  };
  return Object.fromEntries(KINDS.map((kind) => [kind, open(kind)])) as unknown as ClusterAccess;
}
