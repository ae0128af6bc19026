import type { ActionName } from "#shared/domain/action.ts";
import type { Owner, PodWorkload, Workload } from "#shared/domain/workload.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import type { PodFacts } from "#shared/playbooks/kubernetes/facts.ts";
import * as kinds from "#shared/playbooks/kubernetes/kinds.ts";
import { workloadOf } from "#shared/playbooks/kubernetes/resolve.ts";
import type { Execution, Kept, Params, Plan, Planning, Preparation, Reach } from "#shared/playbooks/playbook.ts";
import type { DirectApi, Kind, KubeObject } from "#shared/ports/kubernetes.ts";
import { fakeAccess } from "../../fakes/cluster-access.ts";
import { FakeKubernetes, key } from "../../fakes/kubernetes.ts";
import { keepsNothing, kubeCluster, NOW, never } from "../builders.ts";

export const NAMESPACE = "shop";
export const OCCASION = { incident: "1f0c2d3e4a5b6c7d", rule: "shell" };
const LABELS = { app: "web" };

/** Every kind of owner that a pod may have. */
export const OWNERS = ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "Rollout", "CloneSet", "none"] as const;
export type OwnerKind = (typeof OWNERS)[number];

/** Counts of the owner: what it wants, and how many pods it has; the offender is one of them. */
interface Shape {
  readonly pods?: number;
  /** How many of the others are ready. */
  readonly ready?: number;
  readonly pod?: Partial<PodFacts>;
}

/** A cluster with an owner of some kind, its pods, and an API that tells what was written. */
export class StopStage {
  readonly kube = new FakeKubernetes();
  /** What was really written, in order: "patch apps/deployments/scale". */
  readonly writes: string[] = [];
  readonly rehearsed: string[] = [];
  /** Of whom the policy says that it is protected. */
  protects: (workload: Workload) => string | null = () => null;
  /** Just before a write is carried out, not on a dry run. */
  meanwhile: (verb: string, kind: Kind) => void = () => undefined;
  readonly offender: PodFacts;
  readonly pods: readonly PodFacts[];
  readonly #owner: OwnerKind;

  constructor(owner: OwnerKind, { pods = 3, ready = pods - 1, pod = {} }: Shape = {}) {
    this.#owner = owner;
    const controller = this.#controller(owner);
    this.pods = Array.from({ length: controller === null ? 1 : pods }, (_one, n) =>
      this.kube.run({ namespace: NAMESPACE, name: `web-${n}`, controller, labels: LABELS, ready: n <= ready, ...(n === 0 ? pod : {}) }),
    );
    const [offender] = this.pods;
    if (offender === undefined) throw new Error("no pod");
    this.offender = offender;
    if (owner === "DaemonSet") this.change(kinds.DAEMON_SET, "web", () => ({ status: { desiredNumberScheduled: pods } }));
    if (owner === "CronJob")
      this.change(kinds.CRON_JOB, "web", () => ({ spec: { suspend: false }, status: { active: [{ name: "web-1" }] } }));
    // Strangers with the same labels: an owner is known by its uid.
    this.kube.run({ namespace: NAMESPACE, name: "stranger", labels: LABELS, controller: this.kube.controller("CloneSet", "other") });
  }

  #controller(kind: OwnerKind): Owner | null {
    const { kube } = this;
    if (kind === "none") return null;
    if (kind === "Deployment") return kube.deployment("web");
    if (kind === "CronJob") return kube.cronJob("web");
    return kind === "Rollout" ? kube.controller("ReplicaSet", "web-5d4f", kube.controller("Rollout", "web")) : kube.controller(kind, "web");
  }

  get reach(): Reach {
    return {
      cluster: kubeCluster,
      access: fakeAccess({ kubernetes: this.#watched() }),
      protection: (workload) => this.protects(workload),
      nodeProtection: () => null,
      keep: keepsNothing,
      nowMs: () => NOW,
    };
  }

  #watched(): DirectApi {
    const { kube } = this;
    const before = (verb: string, kind: Kind, below: string | undefined, dryRun = false): void => {
      (dryRun ? this.rehearsed : this.writes).push(`${verb} ${kind.group}/${kind.resource}${below === undefined ? "" : `/${below}`}`);
      if (!dryRun) this.meanwhile(verb, kind);
    };
    return {
      get: (kind, namespace, name) => kube.get(kind, namespace, name),
      list: (kind, where) => kube.list(kind, where),
      create: async (kind, object, options) => {
        before("create", kind, undefined, options.dryRun);
        return await kube.create(kind, object, options);
      },
      patch: async (kind, at, operations, options) => {
        before("patch", kind, options.subresource, options.dryRun);
        return await kube.patch(kind, at, operations, options);
      },
      delete: async (kind, at, options) => {
        before("delete", kind, undefined, options.dryRun);
        return await kube.delete(kind, at, options);
      },
      evict: async (at, options) => {
        before("create", kinds.POD, "eviction", options.dryRun);
        return await kube.evict(at, options);
      },
      logs: (at, options) => kube.logs(at, options),
    };
  }

  see(kind: Kind, name: string): KubeObject | null {
    return this.kube.object(kind, kind.namespaced ? NAMESPACE : null, name);
  }

  change(kind: Kind, name: string, by: (object: KubeObject) => object): void {
    const found = this.see(kind, name);
    if (found === null) throw new Error(`no ${kind.kind} ${name}`);
    this.kube.put(kind, { ...found, ...by(found) });
  }

  mark(kind: Kind, name: string, metadata: object): void {
    this.change(kind, name, (found) => ({ metadata: { ...found.metadata, ...metadata } }));
  }

  spec(kind: Kind, name: string, spec: object): void {
    this.change(kind, name, (found) => ({ spec: { ...found.spec, ...spec } }));
  }

  remove(kind: Kind, name: string): void {
    this.kube.objects.delete(key(kind, kind.namespaced ? NAMESPACE : null, name));
  }

  /** Another object of the same name. */
  replaced(kind: Kind, name: string): void {
    this.mark(kind, name, { uid: "99999999-0000-0000-0000-000000000000" });
  }

  tick(times = 1): void {
    for (let n = 0; n < times; n++) this.kube.tick();
  }

  async workload(more: Partial<PodWorkload> = {}): Promise<PodWorkload> {
    const container = { name: "app", id: "c".repeat(64), image: "registry.test/web:1" };
    return { ...(await workloadOf(this.offender, container, kubeCluster, this.kube, never)), ...more };
  }

  async planning(action: ActionName, params: Params = {}, more: Partial<PodWorkload> = {}): Promise<Planning> {
    return playbooks[action].plan(await this.workload(more), params, OCCASION);
  }

  /** Planned, as the workload is now; what it took to find it is not counted. */
  async action(action: ActionName, params: Params = {}, more: Partial<PodWorkload> = {}) {
    const planning = await this.planning(action, params, more);
    if (planning.kind === "refused") throw new Error(`${this.#owner}: ${planning.because}`);
    this.kube.requests.length = 0;
    return this.steps(planning.plan);
  }

  steps(plan: Plan) {
    const playbook = playbooks[plan.action];
    const prepare = async (): Promise<Preparation> =>
      (await playbook.prepare?.(plan, this.reach, never)) ?? { kind: "ready", kept: {}, remarks: [] };
    const ready = async () => {
      const prepared = await prepare();
      if (prepared.kind !== "ready") throw new Error(`${prepared.kind}: ${prepared.because}`);
      if (this.writes.length > 0) throw new Error(`preparing wrote: ${this.writes.join()}`);
      return prepared;
    };
    const execute = (kept: Kept): Promise<Execution> => playbook.execute(plan, kept, this.reach, never);
    return {
      plan,
      prepare,
      ready,
      remarks: async (): Promise<string> => (await ready()).remarks.join(" "),
      execute,
      /** Why preparing refuses; nothing was written then. */
      refusal: async (): Promise<string> => {
        const prepared = await prepare();
        if (prepared.kind !== "refused") throw new Error(`not refused: ${prepared.kind}`);
        if (this.writes.length > 0) throw new Error(`written: ${this.writes.join()}`);
        return prepared.because;
      },
      done: async () => {
        const { kept, remarks } = await ready();
        const execution = await execute(kept);
        if (execution.kind !== "accepted") throw new Error(`${execution.kind}: ${execution.because}`);
        return { kept: execution.kept ?? kept, remarks, execution };
      },
      verify: (kept: Kept = {}) => playbook.verify(plan, kept, this.reach, never),
      undo: (kept: Kept) =>
        playbook.undo.possible ? playbook.undo.run(plan, kept, NOW, this.reach, never) : Promise.reject(new Error("no undo")),
    };
  }

  /** Rights that were used since the plan: "get /pods". */
  get rights(): readonly string[] {
    return [...new Set(this.kube.requests.map(({ verb, group, resource }) => `${verb} ${group}/${resource}`))].toSorted();
  }
}

export const because = (answer: { readonly kind: string; readonly because?: string }): string => answer.because ?? `(${answer.kind})`;
