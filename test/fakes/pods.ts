import { createHash } from "node:crypto";
import type { Owner } from "#shared/domain/workload.ts";
import type { PodFacts, Pods } from "#shared/ports/pods.ts";

type Method = keyof Pods;

/**
 * Kubernetes of one cluster, in memory. A deleted pod terminates for `ticksToGo` ticks, then its controller makes another: with a new name,
 * but a StatefulSet's with the same one. `deleted` counts what a delete really changed, `calls` every call.
 */
export class FakeKubernetes implements Pods {
  readonly calls: Method[] = [];
  readonly deleteCalls: { readonly uid: string; readonly graceSeconds: number }[] = [];
  /** Pod uid -> how often a live pod was told to go. */
  readonly deleted = new Map<string, number>();
  readonly #pods = new Map<string, PodFacts & { ticksLeft: number }>();
  /** uid of a controller -> its own controller. */
  readonly #parents = new Map<string, Owner>();
  readonly #failures: { readonly method: Method; readonly error: Error }[] = [];
  #made = 0;
  ticksToGo = 1;
  /** A tick before every get, as time passes between two looks. */
  ticksByItself = false;

  /** A controller, owned by another one or by nobody. */
  controller(kind: string, name: string, parent: Owner | null = null): Owner {
    const owner = { kind, name, uid: uid(`${kind} ${name}`) };
    if (parent !== null) this.#parents.set(owner.uid, parent);
    return owner;
  }

  /** A Deployment with its ReplicaSet: what its pods have as controller. */
  deployment(name: string): Owner {
    return this.controller("ReplicaSet", `${name}-5d4f`, this.controller("Deployment", name));
  }

  run(given: Partial<PodFacts> & { readonly containerNames?: readonly string[] } = {}): PodFacts {
    const { containerNames = ["app"], ...facts } = given;
    const made = ++this.#made;
    const pod: PodFacts = {
      namespace: "shop",
      name: `web-${made}`,
      uid: uid(`pod ${made}`),
      node: "node-1",
      phase: "Running",
      labels: {},
      annotations: {},
      controller: null,
      serviceAccount: "default",
      priorityClass: null,
      hostNetwork: false,
      deletionTimestamp: null,
      containers: containerNames.map((name) => ({ name, id: hex(`${made} ${name}`), image: "registry.test/web:1", running: true })),
      ...facts,
    };
    this.#pods.set(key(pod), { ...pod, ticksLeft: 0 });
    return pod;
  }

  change(pod: { readonly namespace: string; readonly name: string }, facts: Partial<PodFacts>): void {
    const found = this.#pods.get(key(pod));
    if (found === undefined) throw new Error(`no pod ${key(pod)}`);
    this.#pods.set(key(pod), { ...found, ...facts });
  }

  remove(pod: { readonly namespace: string; readonly name: string }): void {
    this.#pods.delete(key(pod));
  }

  running(): readonly PodFacts[] {
    return [...this.#pods.values()].filter(({ deletionTimestamp }) => deletionTimestamp === null);
  }

  /** The next call of `method` throws `error`. */
  fail(method: Method, error: Error): void {
    this.#failures.push({ method, error });
  }

  tick(): void {
    for (const pod of [...this.#pods.values()]) {
      if (pod.deletionTimestamp === null || --pod.ticksLeft > 0) continue;
      this.#pods.delete(key(pod));
      if (pod.controller === null) continue;
      const { namespace, node, labels, controller } = pod;
      this.run({ namespace, node, labels, controller, ...(controller.kind === "StatefulSet" ? { name: pod.name } : {}) });
    }
  }

  get(namespace: string, name: string): Promise<PodFacts | null> {
    return this.#answer("get", () => {
      if (this.ticksByItself) this.tick();
      return this.#pods.get(key({ namespace, name })) ?? null;
    });
  }

  onNode(node: string): Promise<readonly PodFacts[]> {
    return this.#answer("onNode", () => [...this.#pods.values()].filter((pod) => pod.node === node));
  }

  owner(pod: PodFacts): Promise<Owner | null> {
    return this.#answer("owner", () => {
      let owner = pod.controller;
      for (let hop = 0; owner !== null && owner.uid !== null && hop < 5; hop++) {
        const parent = this.#parents.get(owner.uid);
        if (parent === undefined) break;
        owner = parent;
      }
      return owner;
    });
  }

  delete(
    pod: { readonly namespace: string; readonly name: string; readonly uid: string },
    graceSeconds: number,
  ): ReturnType<Pods["delete"]> {
    return this.#answer("delete", () => {
      const found = this.#pods.get(key(pod));
      if (found === undefined) return "gone";
      if (found.uid !== pod.uid) return "conflict";
      this.deleteCalls.push({ uid: pod.uid, graceSeconds });
      if (found.deletionTimestamp === null) {
        this.deleted.set(pod.uid, (this.deleted.get(pod.uid) ?? 0) + 1);
        this.#pods.set(key(pod), { ...found, deletionTimestamp: "2026-01-01T00:00:00.000Z", ticksLeft: this.ticksToGo });
      }
      return "accepted";
    });
  }

  #answer<T>(method: Method, answer: () => T): Promise<T> {
    this.calls.push(method);
    const planned = this.#failures.findIndex((failure) => failure.method === method);
    const [failure] = planned === -1 ? [] : this.#failures.splice(planned, 1);
    return failure === undefined ? Promise.resolve().then(answer) : Promise.reject(failure.error);
  }
}

const key = ({ namespace, name }: { readonly namespace: string; readonly name: string }): string => `${namespace}/${name}`;
const hex = (seed: string): string => createHash("sha256").update(seed).digest("hex");
const uid = (seed: string): string => hex(seed).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, "$1-$2-$3-$4-$5");
