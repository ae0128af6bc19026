import { isDeepStrictEqual } from "node:util";
import type {
  Created,
  Deleted,
  Json,
  Kind,
  KubeObject,
  KubernetesApi,
  Metadata,
  NewObject,
  Patched,
  PatchOperation,
} from "#shared/ports/kubernetes.ts";

type Verb = "get" | "list" | "create" | "patch" | "delete";
export interface Request {
  readonly verb: Verb;
  readonly right: string;
  readonly name: string | null;
  readonly dryRun: boolean;
}

/** As tests write an object down: uid and version are given to it. */
export interface Unstored {
  readonly metadata: Partial<Metadata> & { readonly name: string };
  readonly [key: string]: unknown;
}

/** What of an API server the playbooks about traffic touch: objects with versions, guarded writes, admission. No controller runs. */
export class MemoryApi implements KubernetesApi {
  readonly requests: Request[] = [];
  /** Groups of CRDs that are not installed. */
  readonly unserved = new Set<string>();
  /** What admission makes of an object that is written; a text: it is rejected with it. */
  admit: (object: KubeObject, kind: Kind) => KubeObject | string = (object) => object;
  /** Just before a write is carried out, not on a dry run: what others do meanwhile. */
  meanwhile: (verb: Verb, kind: Kind) => void = () => undefined;
  readonly #objects = new Map<string, KubeObject>();
  #version = 100;

  put(kind: Kind, object: Unstored): KubeObject {
    const { metadata } = object;
    const uid = `uid-of-${metadata.name}`;
    const stored = { ...object, metadata: { uid, ...metadata, resourceVersion: String(++this.#version) } } as KubeObject;
    this.#objects.set(keyOf(kind, stored.metadata.namespace ?? null, metadata.name), stored);
    return stored;
  }

  change(kind: Kind, namespace: string | null, name: string, by: (object: KubeObject) => object): void {
    const found = this.see(kind, namespace, name);
    if (found === null) throw new Error(`no ${kind.kind} ${name}`);
    this.put(kind, { ...found, ...by(found) });
  }

  /** With what it owns: the garbage collector has been there. */
  remove(kind: Kind, namespace: string | null, name: string): void {
    const uid = this.see(kind, namespace, name)?.metadata.uid;
    this.#objects.delete(keyOf(kind, namespace, name));
    for (const [key, { metadata }] of this.#objects)
      if (metadata.ownerReferences?.some((owner) => owner.uid === uid)) this.#objects.delete(key);
  }

  see(kind: Kind, namespace: string | null, name: string): KubeObject | null {
    return this.#objects.get(keyOf(kind, namespace, name)) ?? null;
  }

  /** What was really written, in order. */
  get writes(): readonly string[] {
    return this.requests.filter(({ verb, dryRun }) => !dryRun && verb !== "get" && verb !== "list").map(({ right }) => right);
  }

  get rights(): readonly string[] {
    return [...new Set(this.requests.map(({ right }) => right))].toSorted();
  }

  #note(verb: Verb, { group, resource }: Kind, name: string | null, dryRun = false): void {
    this.requests.push({ verb, right: `${verb} ${group}/${resource}`, name, dryRun });
  }

  get(kind: Kind, namespace: string | null, name: string): Promise<KubeObject | null> {
    this.#note("get", kind, name);
    return Promise.resolve(this.see(kind, namespace, name));
  }

  list(kind: Kind, { namespace, labels, fields }: Parameters<KubernetesApi["list"]>[1]): Promise<readonly KubeObject[] | null> {
    this.#note("list", kind, null);
    if (this.unserved.has(kind.group)) return Promise.resolve(null);
    const prefix = `${kind.group}/${kind.resource} ${namespace === undefined ? "" : `${namespace}/`}`;
    const all = [...this.#objects].filter(([key]) => key.startsWith(prefix)).map(([, object]) => object);
    const asked = [...equalities(labels, "metadata.labels"), ...equalities(fields, "")];
    return Promise.resolve(all.filter((object) => asked.every(([path, value]) => at(object, path) === value)));
  }

  create(kind: Kind, object: NewObject, { dryRun = false }: { readonly dryRun?: boolean }): Promise<Created> {
    this.#note("create", kind, object.metadata.name, dryRun);
    if (this.unserved.has(kind.group)) return Promise.resolve({ kind: "gone" });
    if (!dryRun) this.meanwhile("create", kind);
    const { name, namespace = null } = object.metadata;
    if (this.see(kind, namespace, name) !== null) return Promise.resolve({ kind: "exists" });
    const admitted = this.admit({ ...object, metadata: { uid: `uid-of-${name}`, resourceVersion: "", ...object.metadata } }, kind);
    if (typeof admitted === "string") return Promise.resolve({ kind: "rejected", because: admitted });
    return Promise.resolve({ kind: "created", object: dryRun ? admitted : this.put(kind, admitted) });
  }

  patch(
    kind: Kind,
    { namespace, name }: { readonly namespace: string | null; readonly name: string },
    operations: readonly PatchOperation[],
    { dryRun = false }: { readonly dryRun?: boolean },
  ): Promise<Patched> {
    this.#note("patch", kind, name, dryRun);
    if (!dryRun) this.meanwhile("patch", kind);
    const found = this.see(kind, namespace, name);
    if (found === null) return Promise.resolve({ kind: "gone" });
    const changed = structuredClone(found);
    for (const operation of operations) if (!applied(changed, operation)) return Promise.resolve({ kind: "conflict" });
    const admitted = this.admit(changed, kind);
    if (typeof admitted === "string") return Promise.resolve({ kind: "rejected", because: admitted });
    return Promise.resolve({ kind: "patched", object: dryRun ? admitted : this.put(kind, admitted) });
  }

  delete(
    kind: Kind,
    { namespace, name, uid }: { readonly namespace: string | null; readonly name: string; readonly uid: string },
    { resourceVersion }: { readonly resourceVersion?: string },
  ): Promise<Deleted> {
    this.#note("delete", kind, name);
    this.meanwhile("delete", kind);
    const found = this.see(kind, namespace, name);
    if (found === null) return Promise.resolve({ kind: "gone" });
    const { metadata } = found;
    if (metadata.uid !== uid || (resourceVersion ?? metadata.resourceVersion) !== metadata.resourceVersion)
      return Promise.resolve({ kind: "conflict" });
    const deletionTimestamp = "2026-03-01T12:00:00Z";
    if (kind.resource === "pods") this.put(kind, { ...found, metadata: { ...metadata, deletionTimestamp } });
    else this.remove(kind, namespace, name);
    return Promise.resolve({ kind: "accepted" });
  }

  evict = (): Promise<never> => Promise.reject(new Error("nothing is evicted"));
  logs = (): Promise<never> => Promise.reject(new Error("nothing is read"));
}

const keyOf = ({ group, resource }: Kind, namespace: string | null, name: string): string =>
  `${group}/${resource} ${namespace === null ? "" : `${namespace}/`}${name}`;

function equalities(selector: string | undefined, under: string): readonly (readonly [readonly string[], string])[] {
  return (selector ?? "")
    .split(",")
    .filter((part) => part !== "")
    .map((part) => {
      const [key = "", value = ""] = part.split("=");
      return [under === "" ? key.split(".") : [...under.split("."), key], value];
    });
}

const at = (object: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((value, key) => (typeof value === "object" && value !== null ? (value as Json)[key] : undefined), object);

/** RFC 6902, as far as it is used. False: a test failed, or the path is not there. */
function applied(object: KubeObject, { op, path, value }: PatchOperation): boolean {
  const keys = path
    .split("/")
    .slice(1)
    .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
  const last = keys.pop() ?? "";
  const parent = at(object, keys);
  if (typeof parent !== "object" || parent === null) return false;
  const map = parent as Record<string, unknown>;
  if (op === "test") return isDeepStrictEqual(map[last], value);
  if (op !== "add" && !Object.hasOwn(map, last)) return false;
  if (op === "remove") delete map[last];
  else map[last] = structuredClone(value);
  return true;
}
