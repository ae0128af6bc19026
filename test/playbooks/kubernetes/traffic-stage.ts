import type { ActionName } from "#shared/domain/action.ts";
import type { Owner, PodWorkload } from "#shared/domain/workload.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import { podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import * as kinds from "#shared/playbooks/kubernetes/kinds.ts";
import { kindOfOwner } from "#shared/playbooks/kubernetes/owner.ts";
import type { Kept, Params, Plan, Planning, Preparation, Reach } from "#shared/playbooks/playbook.ts";
import type { DirectApi, Json, Kind, KubeObject } from "#shared/ports/kubernetes.ts";
import { fakeAccess } from "../../fakes/cluster-access.ts";
import { FakeKubernetes, key } from "../../fakes/kubernetes.ts";
import { keepsNothing, kubeCluster, NOW, never } from "../builders.ts";

export const NAMESPACE = "shop";
export const NODE_NAME = "node-1";
export const UID = "0f0e0d0c-1111-2222-3333-444455556666";
export const LABELS = { app: "web", "pod-template-hash": "5d4f" };
export const OCCASION = { incident: "1f0c2d3e4a5b6c7d", rule: "shell" };

interface PodShape {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec?: Json;
  readonly status?: Json;
}

const { NETWORK_POLICY, POD } = kinds;

/** A cluster with one node, the agent of a network plugin on it, and the offender. */
export class TrafficStage {
  readonly kube = new FakeKubernetes();
  readonly reach: Reach;
  /** What was really written, in order: "patch /pods". */
  readonly writes: string[] = [];
  readonly rehearsed: string[] = [];
  nowMs = NOW;
  protection: Reach["protection"] = () => null;
  nodeProtection: Reach["nodeProtection"] = () => null;
  keep: Reach["keep"] = keepsNothing;
  /** Just before a write is carried out, not on a dry run: what others do meanwhile. */
  meanwhile: (verb: "create" | "patch" | "delete", kind: Kind) => void = () => undefined;

  /** The CRDs of Cilium and Calico are served. */
  constructor(plugin: string | null = "antrea-agent", pod: PodShape = {}) {
    for (const kind of Object.values(kinds)) this.kube.serve(kind);
    this.reach = {
      cluster: kubeCluster,
      access: fakeAccess({ kubernetes: this.#watched() }),
      protection: (workload) => this.protection(workload),
      nodeProtection: (name, marks) => this.nodeProtection(name, marks),
      keep: (...object) => this.keep(...object),
      nowMs: () => this.nowMs,
    };
    if (plugin !== null) this.agent(plugin);
    this.offender(pod);
  }

  #watched(): DirectApi {
    const { kube } = this;
    const before = (verb: "create" | "patch" | "delete", kind: Kind, dryRun = false): void => {
      (dryRun ? this.rehearsed : this.writes).push(`${verb} ${kind.group}/${kind.resource}`);
      if (!dryRun) this.meanwhile(verb, kind);
    };
    return {
      get: (kind, namespace, name) => kube.get(kind, namespace, name),
      list: (kind, where) => kube.list(kind, where),
      create: async (kind, object, options) => {
        before("create", kind, options.dryRun);
        return await kube.create(kind, object, options);
      },
      patch: async (kind, at, operations, options) => {
        before("patch", kind, options.dryRun);
        return await kube.patch(kind, at, operations, options);
      },
      delete: async (kind, at, options) => {
        before("delete", kind, options.dryRun);
        return await kube.delete(kind, at, options);
      },
      evict: (at, options) => kube.evict(at, options),
      logs: (at, options) => kube.logs(at, options),
    };
  }

  /** Every right that was used until now. */
  get rights(): readonly string[] {
    return this.kube.requests.map(({ verb, group, resource }) => `${verb} ${group}/${resource}`);
  }

  see(kind: Kind, name: string): KubeObject | null {
    return this.kube.object(kind, kind.namespaced ? NAMESPACE : null, name);
  }

  change(kind: Kind, name: string, by: (object: KubeObject) => object): void {
    const found = this.see(kind, name);
    if (found === null) throw new Error(`no ${kind.kind} ${name}`);
    this.kube.put(kind, { ...found, ...by(found) });
  }

  remove(kind: Kind, name: string): void {
    this.kube.objects.delete(key(kind, kind.namespaced ? NAMESPACE : null, name));
  }

  /** A pod of that DaemonSet on the node. */
  agent(
    daemonSet: string,
    more: { readonly namespace?: string; readonly ready?: boolean; readonly spec?: Json; readonly node?: string } = {},
  ): void {
    const { namespace = "kube-system", ready = true, spec = {}, node = NODE_NAME } = more;
    this.kube.put(POD, {
      metadata: { name: `${daemonSet}-${node}`, namespace, ownerReferences: [controller("DaemonSet", daemonSet)] },
      spec: { nodeName: node, ...spec },
      status: { phase: "Running", conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
    });
  }

  offender({ labels = LABELS, annotations = {}, spec = {}, status = {} }: PodShape = {}): void {
    this.kube.put(POD, {
      metadata: { name: "web-1", namespace: NAMESPACE, uid: UID, labels, annotations },
      spec: { nodeName: NODE_NAME, containers: [{ name: "app" }], ...spec },
      status: { phase: "Running", podIP: "10.1.0.7", conditions: [{ type: "Ready", status: "True" }], ...status },
    });
  }

  /** Gives the offender a controller, which exists and selects by the label `app` unless said otherwise. */
  owned(kind: string, selector: Json | null = { matchLabels: { app: "web" } }, apiVersion = kind === "Job" ? "batch/v1" : "apps/v1"): void {
    const owner = controller(kind, "web-owner", apiVersion);
    this.edit(({ metadata }) => ({ metadata: { ...metadata, ownerReferences: [owner] } }));
    const known = kindOfOwner(owner);
    if (known !== null && selector !== null)
      this.kube.put(known, { metadata: { name: owner.name, namespace: NAMESPACE, uid: owner.uid }, spec: { selector } });
  }

  edit(by: (pod: KubeObject) => object): void {
    this.change(POD, "web-1", by);
  }

  label(labels: Readonly<Record<string, string>>): void {
    this.edit(({ metadata }) => ({ metadata: { ...metadata, labels } }));
  }

  policy(name: string, spec: Json, kind: Kind = NETWORK_POLICY): void {
    this.kube.put(kind, { metadata: { name }, spec });
  }

  get pod(): ReturnType<typeof podFacts> {
    const found = this.see(POD, "web-1");
    if (found === null) throw new Error("the offender is gone");
    return podFacts(found);
  }

  workload(more: Partial<PodWorkload> = {}): PodWorkload {
    const {
      uid,
      labels,
      namespace,
      name,
      node,
      phase,
      annotations,
      serviceAccount,
      priorityClass,
      hostNetwork,
      controller: owner,
    } = this.pod;
    const container = { name: "app", id: "c".repeat(64), image: "registry.test/web:1" };
    const facts = { uid, labels, namespace, name, node, phase, annotations, serviceAccount, priorityClass, hostNetwork, owner, container };
    return { kind: "pod", cluster: kubeCluster.name, mirror: false, deleting: false, ...facts, ...more };
  }

  planning(action: ActionName, params: Params = {}, more: Partial<PodWorkload> = {}): Planning {
    return playbooks[action].plan(this.workload(more), params, OCCASION);
  }

  action(action: ActionName, params: Params = {}) {
    const planning = this.planning(action, params);
    if (planning.kind === "refused") throw new Error(planning.because);
    return this.steps(planning.plan);
  }

  steps(plan: Plan) {
    const playbook = playbooks[plan.action];
    const { reach } = this;
    const prepare = async (): Promise<Preparation> =>
      (await playbook.prepare?.(plan, reach, never)) ?? { kind: "ready", kept: {}, remarks: [] };
    const ready = async () => {
      const prepared = await prepare();
      if (prepared.kind !== "ready") throw new Error(`${prepared.kind}: ${prepared.because}`);
      return prepared;
    };
    const execute = (kept: Kept) => playbook.execute(plan, kept, reach, never);
    return {
      plan,
      prepare,
      ready,
      execute,
      /** Why it is refused; nothing was written then. */
      refusal: async (): Promise<string> => {
        const before = this.writes.length;
        const prepared = await prepare();
        if (prepared.kind !== "refused") throw new Error(`not refused: ${prepared.kind}`);
        if (this.writes.length > before) throw new Error(`written: ${this.writes.join()}`);
        return prepared.because;
      },
      done: async () => {
        const { kept } = await ready();
        const executed = await execute(kept);
        if (executed.kind !== "accepted") throw new Error(`${executed.kind}: ${executed.because}`);
        return { kept: executed.kept ?? kept };
      },
      verify: (kept: Kept) => playbook.verify(plan, kept, reach, never),
      undo: (kept: Kept) =>
        playbook.undo.possible ? playbook.undo.run(plan, kept, NOW, reach, never) : Promise.reject(new Error("no undo")),
      end: (kept: Kept) => playbook.expiry?.end?.(plan, kept, reach, never) ?? Promise.reject(new Error("no end")),
    };
  }
}

const controller = (kind: string, name: string, apiVersion = "apps/v1"): Owner & { controller: true; uid: string; apiVersion: string } => ({
  apiVersion,
  kind,
  name,
  uid: `uid-of-${kind}-${name}`,
  controller: true,
});

export const because = (answer: { readonly kind: string; readonly because?: string }): string => answer.because ?? `(${answer.kind})`;

/** The declared rights of an action, one by one. */
export const declared = (action: ActionName): readonly string[] =>
  [
    ...new Set(
      playbooks[action].needs.rbac.flatMap(({ apiGroups, resources, verbs }) =>
        apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`))),
      ),
    ),
  ].toSorted();
