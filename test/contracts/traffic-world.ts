import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CoreV1Api, type KubeConfig, type KubernetesObject, RbacAuthorizationV1Api } from "@kubernetes/client-node";
import { kubernetesApi } from "#shared/adapters/kubernetes/api.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { PodWorkload } from "#shared/domain/workload.ts";
import { podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { topOwner } from "#shared/playbooks/kubernetes/owner.ts";
import type { Kept, Params, Playbook, Reach } from "#shared/playbooks/playbook.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";
import type { Kind, KubernetesApi } from "#shared/ports/kubernetes.ts";
import { apply, kubeConfig, manifests } from "../../lab/control-plane/kube.ts";
import { NOW } from "../playbooks/builders.ts";

const ROOT = join(import.meta.dirname, "../..");
export const signal = new AbortController().signal;

/** Nodes of our own, each with the agent of one network plugin, or of none. They sort behind the lab's, and run only what asks for them. */
export const NODES = {
  cilium: "net-cilium",
  calico: "net-calico",
  vpc: "net-vpc",
  antrea: "net-antrea",
  none: "net-none",
} as const;

const AGENTS: readonly (readonly [daemonSet: string, node: string, container: string, arg: string])[] = [
  ["cilium", NODES.cilium, "cilium-agent", "--x"],
  ["calico-node", NODES.calico, "calico-node", "--x"],
  ["aws-node", NODES.vpc, "aws-eks-nodeagent", "--enable-network-policy=true"],
  ["antrea-agent", NODES.antrea, "antrea-agent", "--x"],
];

interface TestKube {
  readonly server: string;
  readonly caData: string;
  readonly adminToken: string;
}

/** A namespace of the real control plane, and playbooks that have the rights they declare there and no others. */
export class TrafficWorld {
  readonly namespace: string;
  readonly #nodes: readonly string[];
  readonly #agents: typeof AGENTS;
  readonly #kube: TestKube;
  readonly #config: KubeConfig;
  readonly admin: KubernetesApi;
  /** Rights that were used, per playbook: "get /pods". */
  readonly used = new Map<string, Set<string>>();
  readonly #reaches = new Map<string, Reach>();

  /** `nodes`: others than those of the network plugins, and then without their agents. */
  constructor(file: string, name = "traffic", nodes?: readonly string[]) {
    this.namespace = `${name}-${process.pid}`;
    this.#nodes = nodes ?? Object.values(NODES);
    this.#agents = nodes === undefined ? AGENTS : [];
    this.#kube = JSON.parse(readFileSync(file, "utf8")) as TestKube;
    const { server, caData, adminToken } = this.#kube;
    this.#config = kubeConfig(server, caData, adminToken);
    this.admin = this.#api(adminToken);
  }

  #api(token: string): KubernetesApi {
    const { server, caData } = this.#kube;
    return kubernetesApi({ cluster: "test", server, caData, token: () => Promise.resolve(token) });
  }

  apply(...objects: readonly KubernetesObject[]): Promise<void> {
    return apply(this.#config, objects);
  }

  async open(): Promise<void> {
    const crds = ["cilium", "calico"].flatMap((name) => manifests(join(ROOT, `lab/control-plane/crds/${name}.yaml`)));
    await this.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: this.namespace } }, ...crds);
    await this.apply(...this.#nodes.map(node), ...this.#agents.map(agent));
    await this.until("the agents are ready", async () => {
      const ready = (await this.admin.list(POD, { namespace: "kube-system" }, signal))?.filter((pod) => podFacts(pod).ready) ?? [];
      return this.#agents.every(([name]) => ready.some((pod) => podFacts(pod).controller?.name === name));
    });
  }

  async close(): Promise<void> {
    const core = this.#config.makeApiClient(CoreV1Api);
    const rbac = this.#config.makeApiClient(RbacAuthorizationV1Api);
    for (const name of this.#reaches.keys()) {
      await rbac.deleteClusterRoleBinding({ name: `${this.namespace}-${accountOf(name)}` });
      await rbac.deleteClusterRole({ name: `${this.namespace}-${accountOf(name)}` });
    }
    await core.deleteNamespace({ name: this.namespace });
    for (const [name] of this.#agents) {
      const kind: Kind = { group: "apps", version: "v1", resource: "daemonsets", kind: "DaemonSet", namespaced: true };
      const found = await this.admin.get(kind, "kube-system", name, signal);
      if (found !== null) await this.admin.delete(kind, { namespace: "kube-system", name, uid: found.metadata.uid }, {}, signal);
    }
    for (const name of this.#nodes) await core.deleteNode({ name });
  }

  /** Where the playbook is carried out: as a user of its own, bound to what it declares. */
  async reach(playbook: Playbook): Promise<Reach> {
    const known = this.#reaches.get(playbook.name);
    if (known !== undefined) return known;
    const name = accountOf(playbook.name);
    const role = `${this.namespace}-${name}`;
    const metadata = { name, namespace: this.namespace };
    await this.apply(
      { apiVersion: "v1", kind: "ServiceAccount", metadata },
      object({ apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name: role }, rules: playbook.needs.rbac }),
      object({
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRoleBinding",
        metadata: { name: role },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
        subjects: [{ kind: "ServiceAccount", ...metadata }],
      }),
    );
    const core = this.#config.makeApiClient(CoreV1Api);
    const { status } = await core.createNamespacedServiceAccountToken({
      ...metadata,
      body: { spec: { audiences: [], expirationSeconds: 3_600 } },
    });
    const used = new Set<string>();
    this.used.set(playbook.name, used);
    const api = recorded(this.#api(status?.token ?? ""), used);
    const access = { kubernetes: () => Promise.resolve(api) } satisfies Partial<ClusterAccess>;
    const reach: Reach = {
      cluster: CLUSTER,
      access: access as Partial<ClusterAccess> as ClusterAccess,
      protection: () => null,
      nodeProtection: () => null,
      keep: () => Promise.reject(new Error("nothing is kept")),
      nowMs: () => NOW,
    };
    this.#reaches.set(playbook.name, reach);
    return reach;
  }

  async action(playbook: Playbook, workload: PodWorkload, params: Params = {}) {
    const reach = await this.reach(playbook);
    const planning = playbook.plan(workload, params, { incident: "1f0c2d3e4a5b6c7d", rule: "shell" });
    if (planning.kind === "refused") throw new Error(planning.because);
    const { plan } = planning;
    const { undo } = playbook;
    return {
      prepare: async () => (await playbook.prepare?.(plan, reach, signal)) ?? { kind: "ready" as const, kept: {}, remarks: [] },
      execute: (kept: Kept) => playbook.execute(plan, kept, reach, signal),
      verify: (kept: Kept) => playbook.verify(plan, kept, reach, signal),
      undo: (kept: Kept) => (undo.possible ? undo.run(plan, kept, NOW, reach, signal) : Promise.reject(new Error("no undo"))),
      end: (kept: Kept) => playbook.expiry?.end?.(plan, kept, reach, signal) ?? Promise.reject(new Error("no end")),
    };
  }

  /** A pod on that node, made by nobody. */
  async standalone(
    name: string,
    on: string,
    labels: Readonly<Record<string, string>> = { app: name },
    spec: object = {},
  ): Promise<PodWorkload> {
    await this.apply(
      object({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: this.namespace, labels }, spec: podSpec(on, spec) }),
    );
    return await this.pod((pod) => pod.name === name);
  }

  /** A controller whose pods run on that node, and one of them. */
  async owned(kind: string, name: string, on: string, template: object = {}, spec: object = {}, more: object = {}): Promise<PodWorkload> {
    const labels = { app: name };
    const batch = kind === "Job";
    const pods = { metadata: { labels }, spec: podSpec(on, { ...(batch ? { restartPolicy: "Never" } : {}), ...template }) };
    const inner = batch ? { template: pods } : { selector: { matchLabels: labels }, template: pods };
    const apiVersion = batch ? "batch/v1" : "apps/v1";
    await this.apply(object({ apiVersion, kind, metadata: { name, namespace: this.namespace, ...more }, spec: { ...inner, ...spec } }));
    return await this.pod((pod) => pod.labels["app"] === name);
  }

  async pods(): Promise<readonly ReturnType<typeof podFacts>[]> {
    return ((await this.admin.list(POD, { namespace: this.namespace }, signal)) ?? []).map(podFacts);
  }

  /** The first pod that fits, once it runs. */
  async pod(fits: (pod: ReturnType<typeof podFacts>) => boolean, waitMs = 20_000): Promise<PodWorkload> {
    const found = await this.until(
      "a pod runs",
      async () => (await this.pods()).find((pod) => fits(pod) && pod.ready && pod.deletionTimestamp === null),
      waitMs,
    );
    const owner = await topOwner(found.controller, this.namespace, this.admin, signal);
    const [container] = found.containers;
    return {
      kind: "pod",
      cluster: CLUSTER.name,
      uid: found.uid,
      owner,
      container: { name: container?.name ?? "", id: container?.id ?? "", image: container?.image ?? null },
      labels: found.labels,
      namespace: found.namespace,
      name: found.name,
      node: found.node,
      phase: found.phase,
      annotations: found.annotations,
      serviceAccount: found.serviceAccount,
      priorityClass: found.priorityClass,
      hostNetwork: found.hostNetwork,
      mirror: false,
      deleting: false,
    };
  }

  async until<T>(what: string, look: () => Promise<T | null | undefined | false>, waitMs = 20_000): Promise<T> {
    for (const end = Date.now() + waitMs; Date.now() < end; await sleep(100)) {
      const found = await look();
      if (found !== null && found !== undefined && found !== false) return found;
    }
    throw new Error(`not seen in time: ${what}`);
  }
}

const CLUSTER: Cluster = {
  name: "test",
  kind: "kubernetes",
  account: "111122223333",
  region: "eu-west-1",
  sources: [{ logGroup: "/falco/kube", streamPrefix: "" }],
  awsName: "test",
  mergeKeys: [],
  access: null,
  roleArn: null,
  externalId: null,
};

const accountOf = (playbook: string): string => playbook.replace(":", "-");
const object = (value: KubernetesObject & Readonly<Record<string, unknown>>): KubernetesObject => value;

const podSpec = (on: string, more: object) => ({
  nodeSelector: { "falco-responder-test": on },
  tolerations: [{ key: "falco-responder-test", operator: "Exists" }],
  terminationGracePeriodSeconds: 1,
  containers: [{ name: "app", image: "registry.test/web:1" }],
  ...more,
});

const node = (name: string): KubernetesObject => {
  const room = { cpu: "1000", memory: "1Ti", pods: "1000" };
  const labels = { "falco-responder-test": name, "kubernetes.io/os": "linux" };
  return object({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels, annotations: { "kwok.x-k8s.io/node": "fake" } },
    spec: { taints: [{ key: "falco-responder-test", value: "yes", effect: "NoSchedule" }] },
    status: { allocatable: room, capacity: room },
  });
};

const agent = ([name, on, container, arg]: (typeof AGENTS)[number]): KubernetesObject =>
  object({
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name, namespace: "kube-system" },
    spec: {
      selector: { matchLabels: { "falco-responder-test": name } },
      template: {
        metadata: { labels: { "falco-responder-test": name } },
        spec: {
          nodeSelector: { "falco-responder-test": on },
          tolerations: [{ operator: "Exists" }],
          containers: [{ name: container, image: "registry.test/agent:1", args: [arg] }],
        },
      },
    },
  });

/** The same, writing down which right each call takes. */
function recorded(api: KubernetesApi, used: Set<string>): KubernetesApi {
  const noted = <T>(verb: string, { group, resource }: Kind, answer: Promise<T>): Promise<T> => {
    used.add(`${verb} ${group}/${resource}`);
    return answer;
  };
  return {
    ...api,
    get: (kind, ...rest) => noted("get", kind, api.get(kind, ...rest)),
    list: (kind, ...rest) => noted("list", kind, api.list(kind, ...rest)),
    create: (kind, ...rest) => noted("create", kind, api.create(kind, ...rest)),
    patch: (kind, ...rest) => noted("patch", kind, api.patch(kind, ...rest)),
    delete: (kind, ...rest) => noted("delete", kind, api.delete(kind, ...rest)),
    evict: (...rest) => noted("create", { ...POD, resource: "pods/eviction" }, api.evict(...rest)),
    logs: (...rest) => noted("get", { ...POD, resource: "pods/log" }, api.logs(...rest)),
  };
}
