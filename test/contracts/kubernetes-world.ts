import { expect } from "vitest";
import { POD } from "#shared/playbooks/kubernetes/kinds.ts";
import type { At, Json, Kind, KubeObject, KubernetesApi, NewObject } from "#shared/ports/kubernetes.ts";
import { until } from "./cases.ts";

/** An API server that may be written to, as an administrator, with one namespace and one node for these cases alone. */
export interface KubeWorld {
  readonly api: KubernetesApi;
  /**
   * Exists and takes pods. Admission rejects there, for ConfigMaps, pods and evictions, to make what is called `forbidden-new...`, and to
   * change, delete and evict whatever is called `forbidden...`.
   */
  readonly namespace: string;
  readonly node: string;
  /** Lets time pass. */
  wait(): Promise<void>;
  close(): Promise<void>;
}

export const signal = new AbortController().signal;
export const CONTAINERS = [{ name: "app", image: "registry.test/web:1" }];
export const NOBODY = "00000000-0000-4000-8000-000000000000";

/** What the cases make, and how they wait for what comes of it. */
export function stage(world: () => KubeWorld) {
  const at = (of: Kind, name: string): At => ({ namespace: of.namespaced ? world().namespace : null, name });

  const object = (of: Kind, name: string, rest: Json = {}, metadata: Json = {}): NewObject => ({
    apiVersion: of.group === "" ? of.version : `${of.group}/${of.version}`,
    kind: of.kind,
    metadata: { ...metadata, name, ...(of.namespaced ? { namespace: world().namespace } : {}) },
    ...rest,
  });

  const make = async (of: Kind, name: string, rest?: Json, metadata?: Json): Promise<KubeObject> => {
    const made = await world().api.create(of, object(of, name, rest, metadata), {}, signal);
    if (made.kind !== "created") throw new Error(`${of.kind} ${name}: ${JSON.stringify(made)}`);
    return made.object;
  };

  const get = (of: Kind, name: string) => world().api.get(of, at(of, name).namespace, name, signal);

  const list = async (labels: string): Promise<readonly KubeObject[]> =>
    (await world().api.list(POD, { namespace: world().namespace, labels }, signal)) ?? [];

  const soon = (holds: () => Promise<boolean>) => until(holds, () => world().wait());

  const spec = () => ({ nodeName: world().node, terminationGracePeriodSeconds: 1, containers: CONTAINERS });

  return {
    at,
    object,
    make,
    get,
    list,
    soon,
    spec,
    template: (labels: Json, more: Json = {}) => ({ metadata: { labels }, spec: { ...spec(), ...more } }),

    /** Runs, on the node. */
    async pod(name: string, labels: Json = {}, metadata: Json = {}): Promise<KubeObject> {
      await make(POD, name, { spec: spec() }, { ...metadata, labels });
      await soon(async () => isUp(await get(POD, name)));
      const made = await get(POD, name);
      if (made === null) throw new Error("no pod");
      return made;
    },

    /** So many pods with the label run, and no others terminate. */
    async up(labels: string, count: number): Promise<readonly KubeObject[]> {
      let seen: readonly KubeObject[] = [];
      await soon(async () => {
        seen = await list(labels);
        return seen.length === count && seen.every(isUp);
      });
      return seen;
    },

    remove: async (of: Kind, name: string, options: Parameters<KubernetesApi["delete"]>[2] = {}) => {
      const uid = (await get(of, name))?.metadata.uid ?? NOBODY;
      expect(await world().api.delete(of, { ...at(of, name), uid }, options, signal)).toEqual({ kind: "accepted" });
    },

    gone: (of: Kind, name: string) => soon(async () => (await get(of, name)) === null),
  };
}

export function isUp(pod: KubeObject | null): boolean {
  const statuses = pod?.status?.["containerStatuses"];
  const ids = Array.isArray(statuses) ? statuses.map((one: Json) => one["containerID"]) : [];
  return pod?.metadata.deletionTimestamp === undefined && pod?.status?.["phase"] === "Running" && ids.length > 0 && ids.every(Boolean);
}

export const controllerUid = ({ metadata }: KubeObject): string | null =>
  metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid ?? null;
export const uidsOf = (objects: readonly KubeObject[]): readonly string[] => objects.map(({ metadata }) => metadata.uid);
