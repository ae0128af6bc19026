import type { ContainerFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { FakeAws } from "../../fakes/aws.ts";
import { FakeKubernetes } from "../../fakes/kubernetes.ts";
import { hex } from "../../fakes/tasks.ts";
import type { Engine } from "../kernel/engine.ts";
import { QUARANTINE_GROUP } from "./policy.ts";

/** Something that attackers may get into. `isProtected`: whatever is said about it, it is not to be touched. */
export interface Workload {
  readonly name: string;
  readonly isProtected: boolean;
  /** A container of it that runs now, drawn by `chance`; null: none does. */
  victim(chance: number): Victim | null;
}

export interface Victim {
  /** Task ARN, or uid of the pod. */
  readonly uid: string;
  readonly containerId: string;
  /** Of other containers of the same task or pod. */
  readonly siblings: readonly string[];
  readonly fields: Readonly<Record<string, string>>;
  readonly cluster: "ecs" | "kube";
  readonly node: string;
}

export const MACHINE = "i-0123456789abcdef0";
const PROTECTED = { "falco-responder/protected": "true" };

/** One ECS and one Kubernetes cluster with their controllers: they live on by themselves, and people change them, too. */
export class World {
  readonly aws: FakeAws;
  readonly kube = new FakeKubernetes();
  readonly workloads: readonly Workload[];
  /** Uids of tasks and pods that have ended, and of all that there ever were. */
  readonly ended = new Set<string>();
  readonly known = new Set<string>();
  /** Uids of what is protected. */
  readonly spared = new Set<string>();
  /** Service -> the count that people last gave it. */
  readonly wanted = new Map<string, number>();
  readonly #engine: Engine;
  #restarts = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.aws = new FakeAws(() => engine.kernel.nowMs);
    this.aws.ecs.ticksToStop = 1;
    this.workloads = [...this.#tasks(), ...this.#pods()];
    this.#sidecars();
    this.aws.ecs.onTick.push(() => this.#sidecars());
    this.observe();
  }

  #tasks(): Workload[] {
    const { ecs, network, services } = this.aws;
    const instance = ecs.instance(MACHINE);
    network.attach(MACHINE, ["sg-00000000000000001", "sg-00000000000000002"]);
    network.group(QUARANTINE_GROUP, { allowsHttpsOut: true });
    // Those that are protected run elsewhere: a machine with one of them cannot be isolated.
    const elsewhere = ecs.instance("i-0fedcba9876543210");
    ecs.service("web", { family: "web", instance, tags: {}, desired: 2 });
    ecs.service("api", { family: "api", instance, tags: {}, desired: 1 });
    ecs.service("pay", { family: "pay", instance: elsewhere, tags: {}, desired: 1 });
    const marked = ecs.run({ family: "vault", containerInstanceArn: elsewhere, tags: PROTECTED });
    const alone = ecs.run({ family: "batch", containerInstanceArn: instance });
    services.scale("web", { minCapacity: 1, maxCapacity: 8 });
    for (const [name, { desired }] of ecs.services) this.wanted.set(name, desired);
    return [
      this.#service("web", false),
      this.#service("api", false),
      this.#service("pay", true),
      { name: "task vault", isProtected: true, victim: () => this.#task(marked.taskArn) },
      { name: "task batch", isProtected: false, victim: () => this.#task(alone.taskArn) },
    ];
  }

  /** Tasks of web and batch have two containers each: alerts of both are about one target, and in two groups of the queue. */
  #sidecars(): void {
    const { ecs } = this.aws;
    for (const { taskArn, taskDefinitionArn, containers } of ecs.all()) {
      const [app] = containers;
      if (app === undefined || containers.length > 1 || !/(web|batch):/.test(taskDefinitionArn)) continue;
      ecs.change(taskArn, { containers: [app, { ...app, name: "proxy", runtimeId: hex(`proxy ${taskArn}`, 64) }] });
    }
  }

  #service(name: string, isProtected: boolean): Workload {
    const victim = (chance: number): Victim | null => {
      const running = this.aws.ecs.running().filter(({ group }) => group === `service:${name}`);
      const chosen = running[Math.floor(chance * running.length)];
      return chosen === undefined ? null : this.#task(chosen.taskArn);
    };
    return { name: `service ${name}`, isProtected, victim };
  }

  #task(taskArn: string): Victim | null {
    const task = this.aws.ecs.task(taskArn);
    const id = task?.containers[0]?.runtimeId ?? null;
    if (task === undefined || id === null || task.lastStatus === "STOPPED") return null;
    const fields = { "container.label[com.amazonaws.ecs.task-arn]": taskArn };
    const siblings = task.containers.slice(1).flatMap(({ runtimeId }) => (runtimeId === null ? [] : [runtimeId.slice(0, 12)]));
    return { uid: taskArn, containerId: id.slice(0, 12), siblings, fields, cluster: "ecs", node: "ip-10-0-0-1" };
  }

  #pods(): Workload[] {
    const { kube } = this;
    kube.node("node-1");
    kube.run({
      namespace: "kube-system",
      name: "antrea-agent-1",
      controller: kube.controller("DaemonSet", "antrea-agent"),
      labels: { app: "antrea" },
    });
    const shop = kube.deployment("shop");
    kube.run({ name: "shop-a", controller: shop, labels: { app: "shop" } });
    kube.run({ name: "shop-b", controller: shop, labels: { app: "shop" } });
    kube.run({ name: "db-0", controller: kube.controller("StatefulSet", "db"), labels: { app: "db" } });
    kube.run({ namespace: "kube-system", name: "dns-1", labels: { app: "dns" } });
    kube.run({ name: "vault-1", labels: { app: "vault", ...PROTECTED } });
    kube.run({ name: "lonely", labels: { app: "lonely" }, containerNames: ["app", "proxy"] });
    const named = (name: string, app: string, isProtected: boolean): Workload => ({
      name,
      isProtected,
      victim: (chance) => {
        const pods = kube.running().filter(({ labels }) => labels["app"] === app);
        return this.#pod(pods[Math.floor(chance * pods.length)]);
      },
    });
    return [
      named("deployment shop", "shop", false),
      named("statefulset db", "db", false),
      named("pod dns", "dns", true),
      named("pod vault", "vault", true),
      named("pod lonely", "lonely", false),
    ];
  }

  #pod(pod: ReturnType<FakeKubernetes["running"]>[number] | undefined): Victim | null {
    const id = pod?.containers[0]?.id ?? null;
    if (pod === undefined || id === null) return null;
    const fields = { "k8s.ns.name": pod.namespace, "k8s.pod.name": pod.name, "k8s.pod.uid": pod.uid };
    const siblings = pod.containers.slice(1).flatMap((one) => (one.id === null ? [] : [one.id.slice(0, 12)]));
    return { uid: pod.uid, containerId: id.slice(0, 12), siblings, fields, cluster: "kube", node: pod.node ?? "node-1" };
  }

  /** What happened to the world is seen: who is there, who has ended, who is protected. */
  observe(): void {
    for (const { taskArn, lastStatus, group, tags } of this.aws.ecs.all()) {
      if (lastStatus === "STOPPED") this.ended.add(taskArn);
      // From the beginning: what people protect later may be in hand by then.
      if (this.known.has(taskArn)) continue;
      this.known.add(taskArn);
      if (group === "service:pay" || Object.hasOwn(tags, "falco-responder/protected")) this.spared.add(taskArn);
    }
    const there = new Set<string>();
    for (const { object } of this.kube.objects.values()) {
      if (object.kind !== "Pod") continue;
      const { uid, namespace, labels } = object.metadata;
      there.add(uid);
      if (this.known.has(uid)) continue;
      this.known.add(uid);
      if (namespace === "kube-system" || Object.hasOwn(labels ?? {}, "falco-responder/protected")) this.spared.add(uid);
    }
    for (const uid of this.known) if (!uid.startsWith("arn:") && !there.has(uid)) this.ended.add(uid);
  }

  /** Agents, kubelets and controllers work. */
  tick(): void {
    this.#engine.current = null;
    this.aws.ecs.tick();
    this.kube.tick();
    this.observe();
  }

  // What attackers, crashes and people do to it beside us.

  exitTask(chance: number): string | null {
    const running = this.aws.ecs.running().filter(({ taskArn }) => !this.spared.has(taskArn));
    const chosen = running[Math.floor(chance * running.length)];
    if (chosen === undefined) return null;
    const stoppedAtMs = this.#engine.kernel.nowMs;
    this.aws.ecs.change(chosen.taskArn, {
      desiredStatus: "STOPPED",
      lastStatus: "STOPPED",
      stoppedAtMs,
      tags: {},
      stoppedReason: "Essential container exited",
    });
    this.tick();
    return chosen.taskArn;
  }

  /** A pod goes and its controller makes another; of a StatefulSet under the same name. */
  replacePod(app: string): string | null {
    const pod = this.kube.running().find(({ labels }) => labels["app"] === app);
    if (pod === undefined) return null;
    this.kube.remove(pod);
    this.tick();
    return `${pod.namespace}/${pod.name}`;
  }

  restartContainer(chance: number): string | null {
    const pods = this.kube.running().filter(({ uid }) => !this.spared.has(uid));
    const pod = pods[Math.floor(chance * pods.length)];
    if (pod === undefined) return null;
    const containers: readonly ContainerFacts[] = pod.containers.map((one) => ({
      ...one,
      lastId: one.id,
      id: hex(`restart ${++this.#restarts} of ${pod.uid}`, 64),
    }));
    this.kube.change(pod, { containers });
    return `${pod.namespace}/${pod.name}`;
  }

  agent(isThere: boolean): void {
    for (const instance of this.aws.ecs.instances.values()) if (instance.ec2InstanceId === MACHINE) instance.agentConnected = isThere;
  }

  /** False: it is not there. */
  protect(uid: string): boolean {
    const task = this.aws.ecs.task(uid);
    if (task !== undefined) this.aws.ecs.change(uid, { tags: { ...task.tags, ...PROTECTED } });
    const pod = task === undefined ? this.pod(uid) : null;
    if (pod !== null) this.kube.change(pod, { labels: { ...pod.labels, ...PROTECTED } });
    return task !== undefined || pod !== null;
  }

  scale(service: string, count: number): void {
    const found = this.aws.ecs.services.get(service);
    if (found === undefined) return;
    found.desired = count;
    this.wanted.set(service, count);
  }

  pod(uid: string) {
    return (
      this.kube
        .all(POD)
        .map(podFacts)
        .find((pod) => pod.uid === uid) ?? null
    );
  }
}
