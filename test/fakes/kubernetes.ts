import { createHash } from "node:crypto";
import type { Owner } from "#shared/domain/workload.ts";
import { type PodFacts, podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import * as kinds from "#shared/playbooks/kubernetes/kinds.ts";
import type {
  At,
  Created,
  Deleted,
  DeleteOptions,
  Evicted,
  EvictOptions,
  Kind,
  KubeObject,
  KubernetesApi,
  LogOptions,
  Metadata,
  NewObject,
  Patched,
  PatchOperation,
  PatchOptions,
  Where,
  WriteOptions,
} from "#shared/ports/kubernetes.ts";
import { reconcile, reference } from "./kubernetes/controllers.ts";
import { patched } from "./kubernetes/json-patch.ts";
import { hasFields, matches, selects } from "./kubernetes/selectors.ts";

type Method = keyof KubernetesApi;

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

type Wanted = Partial<PodFacts> & { readonly containerNames?: readonly string[]; readonly spec?: NonNullable<KubeObject["spec"]> };

const { POD, NODE } = kinds;
/** What every cluster serves; CRDs only when they are installed: `serve`. */
const CRD_GROUPS = ["cilium.io", "crd.projectcalico.org", "keda.sh"];
const BEGAN = "2026-01-01T00:00:00Z";

/**
 * The API server of one cluster, in memory, with its controllers: they work at each `tick`. A deleted pod terminates for `ticksToGo` ticks.
 * `deleted` counts what a delete or an eviction really changed.
 */
export class FakeKubernetes implements KubernetesApi {
  readonly calls: Method[] = [];
  readonly requests: Request[] = [];
  readonly deleteCalls: { readonly uid: string; readonly graceSeconds: number }[] = [];
  /** Pod uid -> how often a live pod was told to go. */
  readonly deleted = new Map<string, number>();
  readonly objects = new Map<string, { readonly kind: Kind; object: KubeObject; ticksLeft: number }>();
  readonly #known = new Map<string, { readonly owner: Owner; readonly parent: Owner | null }>();
  readonly #failures: { readonly method: Method; readonly error: Error }[] = [];
  readonly #unserved = new Set<string>();
  readonly #logs = new Map<string, string>();
  readonly namespacesGone = new Set<string>();
  /** Controller uid -> the pods that it has made, for the names and nodes of those that replace them. */
  readonly members = new Map<string, { readonly name: string; readonly node: string | null }[]>();
  #made = 0;
  #version = 1;
  ticksToGo = 1;
  /** A tick before every get of a pod, as time passes between two looks. */
  ticksByItself = false;
  admit: Admission = () => null;
  /** What others do to an object right after it was written, such as an operator that puts labels back. */
  onWrite: (kind: Kind, object: KubeObject) => KubeObject = (_kind, object) => object;

  constructor() {
    for (const kind of Object.values(kinds)) if (CRD_GROUPS.includes(kind.group)) this.#unserved.add(served(kind));
  }

  // What a test sets up.

  /** A controller, owned by another one or by nobody; it comes into being with its first pod. */
  controller(kind: string, name: string, parent: Owner | null = null): Owner {
    const apiVersion = API_VERSION[kind] ?? "example.com/v1";
    const owner = { kind, name, uid: uid(`${kind} ${name}`), apiVersion };
    this.#known.set(owner.uid, { owner, parent });
    return owner;
  }

  /** A Deployment with its ReplicaSet: what its pods have as controller. */
  deployment(name: string): Owner {
    return this.controller("ReplicaSet", `${name}-5d4f`, this.controller("Deployment", name));
  }

  cronJob(name: string): Owner {
    return this.controller("Job", `${name}-1`, this.controller("CronJob", name));
  }

  /** A pod, running; its controller and that one's own are there, and want one pod more. */
  run(given: Wanted = {}): PodFacts {
    return this.born(given, true);
  }

  /** `counts`: its controller wants one pod more than before; without, it is the controller that makes it. */
  born(given: Wanted, counts = false): PodFacts {
    const made = ++this.#made;
    const { namespace = "shop", name = `web-${made}`, uid: id = uid(`pod ${made}`), controller = null, labels = {} } = given;
    const { containerNames = ["app"], spec = {} } = given;
    const object = podObject({ ...given, namespace, name, uid: id, labels, controller }, containerNames, spec, String(made));
    if (controller !== null && counts) this.#wantOneMore(controller, namespace, labels, object);
    if (controller?.uid)
      this.members.set(controller.uid, [...(this.members.get(controller.uid) ?? []), { name, node: given.node ?? "node-1" }]);
    this.put(POD, object);
    return podFacts(this.#object(POD, namespace, name));
  }

  #wantOneMore(owner: Owner, namespace: string, labels: Readonly<Record<string, string>>, pod: KubeObject): void {
    const kind = Object.values(kinds).find((one) => one.kind === owner.kind && owner.apiVersion === apiVersionOf(one));
    if (kind === undefined) return;
    const there = this.objects.get(key(kind, namespace, owner.name))?.object;
    const parent = this.#known.get(owner.uid ?? "")?.parent ?? null;
    const count = kind === kinds.JOB ? "parallelism" : "replicas";
    const wanted = Number(there?.spec?.[count] ?? 0) + 1;
    const selector = Object.keys(labels).length === 0 ? {} : { selector: { matchLabels: labels } };
    const { nodeName: _, ...podSpec } = pod.spec ?? {};
    const template = { metadata: { labels }, spec: podSpec };
    const spec = kind === kinds.CRON_JOB ? {} : { template, ...selector, ...there?.spec, [count]: wanted };
    const metadata = {
      ...metadataOf(namespace, owner.name, owner.uid ?? ""),
      ...there?.metadata,
      ...(parent === null ? {} : { ownerReferences: [reference(parent)] }),
    };
    this.put(kind, { ...there, metadata, spec });
    if (parent !== null) this.#wantOneMore(parent, namespace, labels, pod);
  }

  /** As others would change it. */
  change({ namespace, name }: { readonly namespace: string; readonly name: string }, facts: Partial<PodFacts>): void {
    const former = this.#object(POD, namespace, name);
    const now = { ...podFacts(former), ...facts };
    this.remove({ namespace, name });
    const { spec } = podObject(now, [], {}, "0");
    const { metadata, status } = podObject(now, [], {}, "0");
    const { nodeName: _node, ...whole } = former.spec ?? {};
    const finalizers = facts.finalizers ?? former.metadata.finalizers ?? [];
    this.put(POD, {
      ...former,
      spec: { ...whole, ...spec },
      metadata: { ...metadata, finalizers },
      status: { ...former.status, ...status },
    });
  }

  remove({ namespace, name }: { readonly namespace: string; readonly name: string }): void {
    this.objects.delete(key(POD, namespace, name));
  }

  /** Any object, as it is to be; uid and version are made where they are missing. */
  put(kind: Kind, object: NewObject | KubeObject | { readonly metadata: Partial<Metadata> & { readonly name: string } }): KubeObject {
    const { metadata } = object as KubeObject;
    const namespace = kind.namespaced ? (metadata.namespace ?? "shop") : null;
    const whole = {
      apiVersion: apiVersionOf(kind),
      kind: kind.kind,
      ...object,
      metadata: {
        ...metadata,
        ...(namespace === null ? {} : { namespace }),
        uid: metadata.uid ?? uid(`${kind.resource} ${namespace} ${metadata.name} ${++this.#made}`),
        resourceVersion: String(++this.#version),
        creationTimestamp: metadata.creationTimestamp ?? BEGAN,
      },
    } as KubeObject;
    const there = this.objects.get(key(kind, namespace, metadata.name));
    this.objects.set(key(kind, namespace, metadata.name), { kind, object: whole, ticksLeft: there?.ticksLeft ?? this.ticksToGo });
    return structuredClone(whole);
  }

  object(kind: Kind, namespace: string | null, name: string): KubeObject | null {
    const found = this.objects.get(key(kind, namespace, name));
    return found === undefined ? null : structuredClone(found.object);
  }

  #object(kind: Kind, namespace: string | null, name: string): KubeObject {
    const found = this.object(kind, namespace, name);
    if (found === null) throw new Error(`no ${kind.kind} ${namespace}/${name}`);
    return found;
  }

  all(kind: Kind): readonly KubeObject[] {
    return [...this.objects.values()].filter((one) => served(one.kind) === served(kind)).map(({ object }) => structuredClone(object));
  }

  running(): readonly PodFacts[] {
    return this.all(POD)
      .map(podFacts)
      .filter(({ deletionTimestamp }) => deletionTimestamp === null);
  }

  node(
    name: string,
    more: {
      readonly labels?: Readonly<Record<string, string>>;
      readonly annotations?: Readonly<Record<string, string>>;
      readonly spec?: object;
    } = {},
  ): KubeObject {
    const { labels = {}, annotations = {}, spec = {} } = more;
    const status = { conditions: [{ type: "Ready", status: "True" }] };
    return this.put(NODE, { metadata: { name, labels, annotations }, spec: { ...spec }, status } as never);
  }

  /** The CRD of this kind is installed (or not). */
  serve(kind: Kind, isServed = true): void {
    if (isServed) this.#unserved.delete(served(kind));
    else this.#unserved.add(served(kind));
  }

  log(pod: { readonly namespace: string; readonly name: string }, container: string, text: string, previous = false): void {
    this.#logs.set(`${pod.namespace}/${pod.name}/${container}/${previous}`, text);
  }

  /** The next call of `method` throws `error`. */
  fail(method: Method, error: Error): void {
    this.#failures.push({ method, error });
  }

  tick(): void {
    reconcile(this);
  }

  // The port.

  get(kind: Kind, namespace: string | null, name: string): Promise<KubeObject | null> {
    return this.#answer("get", { verb: "get", kind, namespace }, () => {
      if (this.ticksByItself && kind === POD) this.tick();
      return this.#isServed(kind) ? this.object(kind, kind.namespaced ? namespace : null, name) : null;
    });
  }

  list(kind: Kind, { namespace, labels, fields }: Where): Promise<readonly KubeObject[] | null> {
    return this.#answer("list", { verb: "list", kind, namespace: namespace ?? null }, () => {
      if (!this.#isServed(kind)) return null;
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
      if (!this.#isServed(kind) || (namespace !== null && this.namespacesGone.has(namespace))) return { kind: "gone" };
      const whole = { ...object, metadata: { ...object.metadata, uid: uid(`made ${++this.#made}`), resourceVersion: "0" } } as KubeObject;
      // As the server has it: whether it may be made is judged before whether it is there.
      const because = this.admit("create", kind, whole);
      if (because !== null) return { kind: "rejected", because };
      if (this.objects.has(key(kind, namespace, object.metadata.name))) return { kind: "exists" };
      return { kind: "created", object: dryRun ? structuredClone(whole) : this.put(kind, this.onWrite(kind, whole)) };
    });
  }

  patch(kind: Kind, { namespace, name }: At, operations: readonly PatchOperation[], options: PatchOptions): Promise<Patched> {
    const { dryRun, subresource } = options;
    return this.#answer("patch", { verb: "patch", kind, namespace, subresource }, (): Patched => {
      const found = this.#isServed(kind) ? this.object(kind, kind.namespaced ? namespace : null, name) : null;
      if (found === null) return { kind: "gone" };
      const view = subresource === "scale" ? scaleOf(found) : found;
      const next = patched(view, operations);
      if (next === null) return { kind: "conflict" };
      const object = subresource === "scale" ? { ...found, spec: { ...found.spec, replicas: next.spec?.["replicas"] } } : next;
      const because = this.admit("patch", kind, object);
      if (because !== null) return { kind: "rejected", because };
      // What writes nothing makes no new version.
      if (JSON.stringify(object) === JSON.stringify(found)) return { kind: "patched", object: found };
      const written = this.onWrite(kind, object);
      return { kind: "patched", object: dryRun ? structuredClone(written) : this.put(kind, written) };
    });
  }

  delete(kind: Kind, at: At & { readonly uid: string }, options: DeleteOptions): Promise<Deleted> {
    return this.#answer("delete", { verb: "delete", kind, namespace: at.namespace }, (): Deleted => {
      const found = this.#isServed(kind) ? this.object(kind, kind.namespaced ? at.namespace : null, at.name) : null;
      if (found === null) return { kind: "gone" };
      const { uid: id, resourceVersion } = found.metadata;
      if (id !== at.uid || (options.resourceVersion !== undefined && options.resourceVersion !== resourceVersion))
        return { kind: "conflict" };
      const because = this.admit("delete", kind, found);
      if (because !== null) return { kind: "rejected", because };
      if (options.dryRun !== true) this.#end(kind, found, options.graceSeconds ?? 30);
      return { kind: "accepted" };
    });
  }

  evict(at: At & { readonly uid: string }, { dryRun, graceSeconds }: EvictOptions): Promise<Evicted> {
    return this.#answer("evict", { verb: "create", kind: POD, namespace: at.namespace, subresource: "eviction" }, (): Evicted => {
      const found = this.object(POD, at.namespace, at.name);
      if (found === null) return { kind: "gone" };
      if (found.metadata.uid !== at.uid) return { kind: "conflict" };
      const because = this.admit("evict", POD, found);
      if (because !== null) return { kind: "rejected", because };
      const budgets = this.all(kinds.POD_DISRUPTION_BUDGET).filter(
        ({ metadata, spec }) => metadata.namespace === at.namespace && matches(spec?.["selector"], found.metadata.labels),
      );
      const [budget, another] = budgets;
      if (another !== undefined) return { kind: "budgets", because: "This pod has more than one PodDisruptionBudget" };
      if (budget !== undefined && Number(budget.status?.["disruptionsAllowed"] ?? 0) < 1)
        return { kind: "budget", because: `The disruption budget ${budget.metadata.name} needs 1 healthy pods and has 1 currently` };
      if (dryRun !== true) this.#end(POD, found, graceSeconds ?? 30);
      return { kind: "accepted" };
    });
  }

  logs({ namespace, name }: At, { container, previous = false, tailLines, limitBytes }: LogOptions): Promise<string | null> {
    return this.#answer("logs", { verb: "get", kind: POD, namespace, subresource: "log" }, () => {
      const text = this.#logs.get(`${namespace}/${name}/${container}/${previous}`);
      return text === undefined ? null : text.split("\n").slice(-tailLines).join("\n").slice(0, limitBytes);
    });
  }

  /** Pods go when the kubelet says so, others at once; finalizers hold both. */
  #end(kind: Kind, object: KubeObject, graceSeconds: number): void {
    const { uid: id, deletionTimestamp, finalizers = [], namespace = null, name } = object.metadata;
    if (kind === POD) {
      this.deleteCalls.push({ uid: id, graceSeconds });
      if (deletionTimestamp === undefined) this.deleted.set(id, (this.deleted.get(id) ?? 0) + 1);
    }
    if (kind === POD || finalizers.length > 0) {
      if (deletionTimestamp === undefined) {
        this.put(kind, { ...object, metadata: { ...object.metadata, deletionTimestamp: BEGAN } });
        const entry = this.objects.get(key(kind, namespace, name));
        if (entry !== undefined) entry.ticksLeft = this.ticksToGo;
      }
    } else this.objects.delete(key(kind, namespace, name));
  }

  #isServed(kind: Kind): boolean {
    return !this.#unserved.has(served(kind));
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

const API_VERSION: Readonly<Record<string, string>> = {
  ReplicaSet: "apps/v1",
  Deployment: "apps/v1",
  StatefulSet: "apps/v1",
  DaemonSet: "apps/v1",
  Job: "batch/v1",
  CronJob: "batch/v1",
};

export const key = (kind: Kind, namespace: string | null, name: string): string =>
  `${kind.group}/${kind.resource}/${namespace ?? ""}/${name}`;
const served = ({ group, resource }: Kind): string => `${group}/${resource}`;
const apiVersionOf = ({ group, version }: Kind): string => (group === "" ? version : `${group}/${version}`);
const scaleOf = ({ metadata, spec }: KubeObject): KubeObject => ({ metadata, spec: { replicas: spec?.["replicas"] ?? 1 } });
const metadataOf = (namespace: string, name: string, id: string) => ({ namespace, name, uid: id });

function podObject(
  facts: Partial<PodFacts> & Pick<PodFacts, "namespace" | "name" | "uid" | "labels" | "controller">,
  containerNames: readonly string[],
  spec: NonNullable<KubeObject["spec"]>,
  seed: string,
): KubeObject {
  const { namespace, name, uid: id, labels, controller, annotations = {}, deletionTimestamp = null, finalizers = [] } = facts;
  const containers =
    facts.containers ??
    containerNames.map((one) => ({ name: one, id: hex(`${seed} ${one}`), lastId: null, image: "registry.test/web:1", running: true }));
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      namespace,
      name,
      uid: id,
      resourceVersion: "0",
      labels,
      annotations,
      ...(finalizers.length === 0 ? {} : { finalizers }),
      ...(deletionTimestamp === null ? {} : { deletionTimestamp }),
      ...(controller === null ? {} : { ownerReferences: [reference(controller)] }),
    },
    spec: {
      containers: containers.map((one) => ({ name: one.name, image: one.image ?? "registry.test/web:1" })),
      serviceAccountName: facts.serviceAccount ?? "default",
      ...(facts.node === null ? {} : { nodeName: facts.node ?? "node-1" }),
      ...(facts.priorityClass ? { priorityClassName: facts.priorityClass } : {}),
      ...(facts.hostNetwork ? { hostNetwork: true } : {}),
      ...spec,
    },
    status: {
      phase: facts.phase ?? "Running",
      conditions: [{ type: "Ready", status: (facts.ready ?? true) ? "True" : "False" }],
      containerStatuses: containers.map((one) => ({
        name: one.name,
        image: one.image ?? "",
        ...(one.id === null ? {} : { containerID: `containerd://${one.id}` }),
        state: one.running ? { running: { startedAt: BEGAN } } : { terminated: { exitCode: 0 } },
        lastState: one.lastId == null ? {} : { terminated: { containerID: `containerd://${one.lastId}` } },
      })),
    },
  };
}

export const hex = (seed: string): string => createHash("sha256").update(seed).digest("hex");
export const uid = (seed: string): string => hex(seed).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, "$1-$2-$3-$4-$5");
