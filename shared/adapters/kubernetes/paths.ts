import type { At, Kind, Where } from "#shared/ports/kubernetes.ts";

export const POD: Kind = { group: "", version: "v1", resource: "pods", kind: "Pod", namespaced: true };

/** What the server takes as one segment of a path: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#path-segment-names */
const SEGMENT = /^(?!\.{1,2}$)[^/%\s]{1,253}$/;

/** Null: no object can have this name, so none has. An empty one would ask for the list, and two dots for something else. */
export function objectPath(kind: Kind, { namespace, name }: At, ...below: readonly string[]): string | null {
  const collection = collectionPath(kind, namespace);
  return collection === null || !SEGMENT.test(name) ? null : [collection, encodeURIComponent(name), ...below].join("/");
}

/** `namespace` null: all of them, or the kind is in none. */
export function collectionPath({ group, version, resource }: Kind, namespace: string | null): string | null {
  if (namespace !== null && !SEGMENT.test(namespace)) return null;
  const inside = namespace === null ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${group === "" ? "/api" : `/apis/${group}`}/${version}${inside}/${resource}`;
}

/** A namespaced object without a namespace, or the reverse, is a mistake of ours. */
export function placed(kind: Kind, namespace: string | null): string | null {
  if (kind.namespaced !== (namespace !== null)) throw new Error(`${kind.kind} is ${kind.namespaced ? "" : "not "}in a namespace`);
  return namespace;
}

export function query(values: Readonly<Record<string, string | number | true | undefined>>): string {
  const given = Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)] as [string, string]]));
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

export const selectors = ({ labels, fields }: Where) => ({ labelSelector: labels, fieldSelector: fields });

/** As RBAC calls it: "pods/eviction", "ciliumnetworkpolicies.cilium.io". */
export const resourceName = ({ group, resource }: Kind, subresource?: string): string =>
  `${resource}${subresource === undefined ? "" : `/${subresource}`}${group === "" ? "" : `.${group}`}`;
