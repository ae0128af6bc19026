import { isDeepStrictEqual } from "node:util";
import * as kinds from "#shared/playbooks/kubernetes/kinds.ts";
import type {
  At,
  Created,
  Deleted,
  DeleteOptions,
  DirectApi,
  Evicted,
  EvictOptions,
  Kind,
  KubeObject,
  KubernetesApi,
  LogOptions,
  NewObject,
  Patched,
  PatchOperation,
  PatchOptions,
  Where,
  WriteOptions,
} from "#shared/ports/kubernetes.ts";
import { defaulted, overQuota, untaken } from "./kubernetes/admission.ts";
import { spend } from "./kubernetes/budgets.ts";
import { FakeCluster, key } from "./kubernetes/cluster.ts";
import { FOREGROUND, orphan, remove } from "./kubernetes/collector.ts";
import { patched } from "./kubernetes/json-patch.ts";
import { BEGAN, bare } from "./kubernetes/pod-object.ts";
import { hasFields, selects } from "./kubernetes/selectors.ts";

export { key } from "./kubernetes/cluster.ts";

type Method = keyof DirectApi;

/** A call in RBAC's terms. */
export interface Request {
  readonly verb: "get" | "list" | "create" | "patch" | "delete";
  readonly group: string;
  /** With its subresource: "pods/eviction". */
  readonly resource: string;
  readonly namespace: string | null;
}

/** Why a write is not admitted; null: it is. */
export type Admission = (verb: "create" | "patch" | "delete" | "evict", kind: Kind, object: KubeObject) => string | null;

const { POD } = kinds;
const SCALED: readonly Kind[] = [kinds.DEPLOYMENT, kinds.REPLICA_SET, kinds.STATEFUL_SET];

/** The API server of one cluster, in memory. `deleted` counts what a delete or an eviction of a pod really changed. */
export class FakeKubernetes extends FakeCluster implements KubernetesApi {
  readonly recent = this;
  readonly calls: Method[] = [];
  readonly requests: Request[] = [];
  readonly deleteCalls: { readonly uid: string; readonly graceSeconds: number }[] = [];
  /** Pod uid -> how often a live pod was told to go. */
  readonly deleted = new Map<string, number>();
  readonly #failures: { readonly method: Method; readonly error: Error }[] = [];
  admit: Admission = () => null;
  /** What others do to an object right after it was written, such as an operator that puts labels back. */
  onWrite: (kind: Kind, object: KubeObject) => KubeObject = (_kind, object) => object;

  /** The next call of `method` throws `error`. */
  fail(method: Method, error: Error): void {
    this.#failures.push({ method, error });
  }

  get(kind: Kind, namespace: string | null, name: string): Promise<KubeObject | null> {
    return this.#answer("get", { verb: "get", kind, namespace }, () => {
      if (this.ticksByItself && kind === POD) this.tick();
      return this.isServed(kind) ? this.object(kind, kind.namespaced ? namespace : null, name) : null;
    });
  }

  list(kind: Kind, { namespace, labels, fields }: Where): Promise<readonly KubeObject[] | null> {
    return this.#answer("list", { verb: "list", kind, namespace: namespace ?? null }, () => {
      if (!this.isServed(kind)) return null;
      return this.all(kind).filter(
        (one) =>
          (namespace === undefined || one.metadata.namespace === namespace) &&
          (labels === undefined || selects(labels, one.metadata.labels)) &&
          (fields === undefined || hasFields(fields, one)),
      );
    });
  }

  create(kind: Kind, object: NewObject, { dryRun }: WriteOptions): Promise<Created> {
    const namespace = kind.namespaced ? (object.metadata.namespace ?? "default") : null;
    return this.#answer("create", { verb: "create", kind, namespace }, (): Created => {
      if (!this.isServed(kind) || (namespace !== null && this.namespacesGone.has(namespace))) return { kind: "gone" };
      const made = { ...object.metadata, uid: this.newUid(), resourceVersion: "", creationTimestamp: BEGAN };
      const whole = bare(defaulted(kind, { ...object, metadata: made } as KubeObject));
      // As the server has it: whether it may be made is judged before whether it is there.
      const because = this.admit("create", kind, whole) ?? overQuota(this, kind, namespace, object.metadata.name);
      if (because !== null) return { kind: "rejected", because };
      if (this.objects.has(key(kind, namespace, object.metadata.name))) return { kind: "exists" };
      return { kind: "created", object: dryRun ? structuredClone(whole) : this.put(kind, this.onWrite(kind, whole)) };
    });
  }

  patch(kind: Kind, { namespace, name }: At, operations: readonly PatchOperation[], options: PatchOptions): Promise<Patched> {
    const { dryRun, subresource } = options;
    return this.#answer("patch", { verb: "patch", kind, namespace, subresource }, (): Patched => {
      const found = this.isServed(kind) ? this.object(kind, kind.namespaced ? namespace : null, name) : null;
      if (found === null || (subresource === "scale" && !SCALED.includes(kind))) return { kind: "gone" };
      const next = patched(subresource === "scale" ? scaleOf(found) : found, operations);
      if (next === null) return { kind: "conflict" };
      const object = bare(merged(found, next, subresource));
      const untakenAs = untaken(kind, found, object);
      if (untakenAs !== null) return untakenAs;
      const because = this.admit("patch", kind, object);
      if (because !== null) return { kind: "rejected", because };
      const answer = (one: KubeObject): Patched => ({ kind: "patched", object: subresource === "scale" ? scaleOf(one) : one });
      // What writes nothing makes no new version.
      if (isDeepStrictEqual(object, found)) return answer(found);
      const written = this.onWrite(kind, object);
      return answer(dryRun ? structuredClone(written) : this.#write(kind, written));
    });
  }

  delete(kind: Kind, at: At & { readonly uid: string }, options: DeleteOptions): Promise<Deleted> {
    return this.#answer("delete", { verb: "delete", kind, namespace: at.namespace }, (): Deleted => {
      const found = this.isServed(kind) ? this.object(kind, kind.namespaced ? at.namespace : null, at.name) : null;
      if (found === null) return { kind: "gone" };
      const { uid: id, resourceVersion } = found.metadata;
      if (id !== at.uid || (options.resourceVersion !== undefined && options.resourceVersion !== resourceVersion))
        return { kind: "conflict" };
      const because = this.admit("delete", kind, found);
      if (because !== null) return { kind: "rejected", because };
      if (options.dryRun !== true) this.#end(kind, found, options);
      return { kind: "accepted" };
    });
  }

  evict(at: At & { readonly uid: string }, { dryRun, graceSeconds }: EvictOptions): Promise<Evicted> {
    return this.#answer("evict", { verb: "create", kind: POD, namespace: at.namespace, subresource: "eviction" }, (): Evicted => {
      const found = this.object(POD, at.namespace, at.name);
      if (found === null) return { kind: "gone" };
      const because = this.admit("evict", POD, found);
      if (because !== null) return { kind: "rejected", because };
      const isMeant = found.metadata.uid === at.uid;
      const spent = spend(this, found, dryRun === true);
      if (spent !== null) return isMeant ? spent : { kind: "conflict" };
      if (!isMeant) return { kind: "conflict" };
      if (dryRun !== true) this.#end(POD, found, graceSeconds === undefined ? {} : { graceSeconds });
      return { kind: "accepted" };
    });
  }

  logs({ namespace, name }: At, { container, previous = false, tailLines, limitBytes }: LogOptions): Promise<string | null> {
    return this.#answer("logs", { verb: "get", kind: POD, namespace, subresource: "log" }, () => {
      const text = this.logTexts.get(`${namespace}/${name}/${container}/${previous}`);
      return text === undefined ? null : text.split("\n").slice(-tailLines).join("\n").slice(0, limitBytes);
    });
  }

  /** What only a finalizer held is gone with it. */
  #write(kind: Kind, written: KubeObject): KubeObject {
    const stored = this.put(kind, written);
    const { deletionTimestamp, finalizers } = stored.metadata;
    if (kind !== POD && deletionTimestamp !== undefined && finalizers === undefined) this.drop(kind, stored);
    return stored;
  }

  #end(kind: Kind, object: KubeObject, { graceSeconds = 30, propagation }: Omit<DeleteOptions, "dryRun">): void {
    const { uid: id, deletionTimestamp, finalizers = [] } = object.metadata;
    if (kind === POD) {
      this.deleteCalls.push({ uid: id, graceSeconds });
      if (deletionTimestamp === undefined) this.deleted.set(id, (this.deleted.get(id) ?? 0) + 1);
    }
    // For the sake of old clients, a Job leaves its pods behind unless it is told not to.
    const how = propagation ?? (kind === kinds.JOB ? "Orphan" : "Background");
    if (how === "Orphan") orphan(this, id);
    remove(this, kind, object, how === "Foreground" ? [...finalizers, FOREGROUND] : finalizers);
  }

  #answer<T>(
    method: Method,
    {
      verb,
      kind,
      namespace,
      subresource,
    }: {
      readonly verb: Request["verb"];
      readonly kind: Kind;
      readonly namespace: string | null;
      readonly subresource?: string | undefined;
    },
    answer: () => T,
  ): Promise<T> {
    this.calls.push(method);
    const resource = subresource === undefined ? kind.resource : `${kind.resource}/${subresource}`;
    this.requests.push({ verb, group: kind.group, resource, namespace });
    const planned = this.#failures.findIndex((failure) => failure.method === method);
    const [failure] = planned === -1 ? [] : this.#failures.splice(planned, 1);
    return failure === undefined ? Promise.resolve().then(answer) : Promise.reject(failure.error);
  }
}

/** What a patch of the object, or of a part of it, makes of it. */
function merged(found: KubeObject, next: KubeObject, subresource: PatchOptions["subresource"]): KubeObject {
  const { status: former, ...rest } = found;
  if (subresource === "scale") return { ...found, spec: { ...found.spec, replicas: Number(next.spec?.["replicas"] ?? 0) } };
  if (subresource === "status") return { ...rest, ...(next.status === undefined ? {} : { status: next.status }) };
  const { status: _, ...written } = next;
  return { ...written, ...(former === undefined ? {} : { status: former }) };
}

/** It does not write a zero. */
function scaleOf({ metadata, spec }: KubeObject): KubeObject {
  const replicas = Number(spec?.["replicas"] ?? 1);
  return { apiVersion: "autoscaling/v1", kind: "Scale", metadata, spec: replicas === 0 ? {} : { replicas } };
}
