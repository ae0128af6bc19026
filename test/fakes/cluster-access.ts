import type { ClusterAccess } from "#shared/ports/cluster-access.ts";
import type { Pods } from "#shared/ports/pods.ts";
import type { Tasks } from "#shared/ports/tasks.ts";

/** Every cluster is the given one; what is not given cannot be opened. */
export function fakeAccess(world: { readonly tasks?: Tasks; readonly pods?: Pods }): ClusterAccess {
  const open = <T>(what: T | undefined, kind: string): Promise<T> =>
    what === undefined ? Promise.reject(new Error(`the test gave no ${kind}`)) : Promise.resolve(what);
  return { tasks: () => open(world.tasks, "tasks"), pods: () => open(world.pods, "pods") };
}
