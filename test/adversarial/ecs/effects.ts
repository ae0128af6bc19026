import type { ClusterAccess } from "#shared/ports/cluster-access.ts";
import { fakeAccess, type Given } from "../../fakes/cluster-access.ts";

type Words = (...given: readonly unknown[]) => string;

/** Every call that changes something, in words. */
export const said = {
  stop: (arn: unknown) => `stop ${arn}`,
  setDesiredCount: (service: unknown, count: unknown) => `scale ${service} to ${count}`,
  suspendScaling: (service: unknown, suspended: unknown) => `suspend scaling of ${service}: ${JSON.stringify(suspended)}`,
  protect: (arn: unknown, minutes: unknown) => `protect ${arn} for ${minutes} min`,
  tag: (arn: unknown, key: unknown) => `tag ${arn} with ${key}`,
  untag: (arn: unknown, key: unknown) => `take tag ${key} off ${arn}`,
  setStatus: (arn: unknown, status: unknown) => `make ${arn} ${status}`,
  setGroups: (id: unknown, groups: unknown) => `give ${id} ${groups}`,
  putPolicy: (role: unknown) => `deny sessions of ${role}`,
  deletePolicy: (role: unknown) => `deny no sessions of ${role}`,
  invoke: (arn: unknown, payload: unknown) =>
    `invoke ${arn} for ${(JSON.parse(String(payload)) as { readonly workload: { readonly uid: string } }).workload.uid}`,
} as const satisfies Readonly<Record<string, Words>>;

const isChange = (method: PropertyKey): method is keyof typeof said => Object.hasOwn(said, method);

/** The fakes, with what they are asked to change written down: also what then changed nothing. */
export function noting(world: Given, effects: string[]): ClusterAccess {
  const noted = <T extends object>(port: T): T =>
    new Proxy(port, {
      get(target, method) {
        const value: unknown = Reflect.get(target, method, target);
        if (typeof value !== "function") return value;
        return (...given: readonly unknown[]): unknown => {
          if (isChange(method)) effects.push((said[method] as Words)(...given));
          return Reflect.apply(value, target, given);
        };
      },
    });
  return fakeAccess(Object.fromEntries(Object.entries(world).map(([kind, port]) => [kind, noted(port)])));
}
