import { withRecent } from "#shared/adapters/kubernetes/recent.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";
import type { DirectApi } from "#shared/ports/kubernetes.ts";

/** What a test gives of each kind. */
export type Given = { readonly [K in Exclude<keyof ClusterAccess, "kubernetes">]?: Awaited<ReturnType<ClusterAccess[K]>> } & {
  readonly kubernetes?: DirectApi;
};

/** Every cluster is the given one; what is not given cannot be opened, as by a function that is not made for it. */
export function fakeAccess(world: Given): ClusterAccess {
  const open = <T>(kind: keyof ClusterAccess, what: T | undefined) => {
    const missing = () => Promise.reject(new PipelineError("config_invalid", `the test gave no ${kind}`));
    return (): Promise<T> => (what === undefined ? missing() : Promise.resolve(what));
  };
  return {
    tasks: open("tasks", world.tasks),
    kubernetes: open("kubernetes", world.kubernetes && withRecent(world.kubernetes)),
    services: open("services", world.services),
    marks: open("marks", world.marks),
    instances: open("instances", world.instances),
    network: open("network", world.network),
    roles: open("roles", world.roles),
    definitions: open("definitions", world.definitions),
    logs: open("logs", world.logs),
    functions: open("functions", world.functions),
  };
}
