import type { Owner } from "#shared/domain/workload.ts";
import { type PodFacts, podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import * as kinds from "#shared/playbooks/kubernetes/kinds.ts";
import type { Kind, KubeObject } from "#shared/ports/kubernetes.ts";
import { reconcile } from "./controllers.ts";
import type { Cluster, Given, Wanted } from "./parts.ts";
import { apiVersionOf, BEGAN, bare, podObject, reference, uid } from "./pod-object.ts";

const { POD, NODE } = kinds;
/** What every cluster serves; CRDs only when they are installed: `serve`. */
const CRD_GROUPS = ["cilium.io", "crd.projectcalico.org", "keda.sh"];

/** What is in one cluster, with its controllers: they work at each `tick`. A deleted pod terminates for `ticksToGo` ticks. */
export class FakeCluster implements Cluster {
  readonly objects: Cluster["objects"] = new Map();
  readonly #known = new Map<string, { readonly owner: Owner; readonly parent: Owner | null }>();
  /** `group/resource` of all kinds that are served. */
  readonly served = new Set<string>();
  readonly logTexts = new Map<string, string>();
  readonly namespacesGone = new Set<string>();
  readonly members: Cluster["members"] = new Map();
  #made = 0;
  #version = 1;
  ticksToGo = 1;
  /** A tick before every get of a pod, as time passes between two looks. */
  ticksByItself = false;

  constructor() {
    for (const kind of Object.values(kinds)) if (!CRD_GROUPS.includes(kind.group)) this.served.add(servedAs(kind));
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
      namespace,
      name: owner.name,
      uid: owner.uid ?? "",
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
  put(kind: Kind, object: Given): KubeObject {
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
    const stored = bare(whole);
    const ticksLeft = there?.object.metadata.deletionTimestamp === undefined ? this.ticksToGo : there.ticksLeft;
    this.objects.set(key(kind, namespace, metadata.name), { kind, object: stored, ticksLeft });
    return structuredClone(stored);
  }

  drop(kind: Kind, { metadata: { namespace, name } }: Pick<KubeObject, "metadata">): void {
    this.objects.delete(key(kind, namespace ?? null, name));
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
    return [...this.objects.values()].filter((one) => servedAs(one.kind) === servedAs(kind)).map(({ object }) => structuredClone(object));
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
    if (isServed) this.served.add(servedAs(kind));
    else this.served.delete(servedAs(kind));
  }

  log(pod: { readonly namespace: string; readonly name: string }, container: string, text: string, previous = false): void {
    this.logTexts.set(`${pod.namespace}/${pod.name}/${container}/${previous}`, text);
  }

  tick(): void {
    reconcile(this);
  }

  isServed(kind: Kind): boolean {
    return this.served.has(servedAs(kind));
  }

  newUid(): string {
    return uid(`made ${++this.#made}`);
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
const servedAs = ({ group, resource }: Kind): string => `${group}/${resource}`;
