import type { ClusterAccess } from "#shared/ports/cluster-access.ts";

/** What a test gives of each kind. */
export type Given = { readonly [K in keyof ClusterAccess]?: Awaited<ReturnType<ClusterAccess[K]>> };

const KINDS = ["tasks", "pods", "services", "marks", "instances", "network", "roles", "definitions", "logs", "functions"] as const;

/** Every cluster is the given one; what is not given cannot be opened. */
export function fakeAccess(world: Given): ClusterAccess {
  const open = (kind: keyof ClusterAccess) => (): Promise<unknown> => {
    const what = world[kind];
    return what === undefined ? Promise.reject(new Error(`the test gave no ${kind}`)) : Promise.resolve(what);
  };
  return Object.fromEntries(KINDS.map((kind) => [kind, open(kind)])) as unknown as ClusterAccess;
}
