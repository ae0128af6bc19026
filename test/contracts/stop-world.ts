import { setTimeout as sleep } from "node:timers/promises";
import { CoreV1Api, type KubernetesObject, RbacAuthorizationV1Api } from "@kubernetes/client-node";
import { kubernetesApi } from "#shared/adapters/kubernetes/api.ts";
import type { PodWorkload, Workload } from "#shared/domain/workload.ts";
import { podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { workloadOf } from "#shared/playbooks/kubernetes/resolve.ts";
import type { Kept, Params, Playbook, Reach } from "#shared/playbooks/playbook.ts";
import type { KubernetesApi } from "#shared/ports/kubernetes.ts";
import { apply } from "../../lab/control-plane/kube.ts";
import { fakeAccess } from "../fakes/cluster-access.ts";
import { OCCASION } from "../playbooks/kubernetes/stop-stage.ts";
import { type OwnerKind, podOf } from "./kube-owners.ts";
import { asking, readKube } from "./kube-requests.ts";
import { type KubeStage, openKubeStage } from "./kube-stage.ts";

export const signal = new AbortController().signal;
const NODE = "lab-node-1";

/** A namespace of the real control plane, and playbooks that have the rights they declare there and no others. */
export class StopWorld {
  readonly namespace = `stops-${process.pid}`;
  readonly #file: string;
  readonly #roles: string[] = [];
  readonly #reaches = new Map<string, Reach>();
  #stage: KubeStage | null = null;
  #admin: KubernetesApi | null = null;

  constructor(file: string) {
    this.#file = file;
  }

  get admin(): KubernetesApi {
    if (this.#admin === null) throw new Error("not open");
    return this.#admin;
  }

  get stage(): KubeStage {
    if (this.#stage === null) throw new Error("not open");
    return this.#stage;
  }

  async open(): Promise<void> {
    this.#stage = openKubeStage(this.#file);
    this.#admin = this.#api(readKube(this.#file).adminToken);
    await this.stage.namespace(this.namespace);
  }

  async close(): Promise<void> {
    const rbac = this.stage.admin.makeApiClient(RbacAuthorizationV1Api);
    for (const name of this.#roles) {
      await rbac.deleteClusterRoleBinding({ name });
      await rbac.deleteClusterRole({ name });
    }
    await this.stage.close();
  }

  #api(token: string): KubernetesApi {
    const { server, caData } = readKube(this.#file);
    return kubernetesApi({ cluster: "test", server, caData, token: () => Promise.resolve(token) });
  }

  apply(...objects: readonly (KubernetesObject & Readonly<Record<string, unknown>>)[]): Promise<void> {
    return apply(this.stage.admin, objects);
  }

  /** The HTTP status that the server gives whoever brings this token and asks who it is. */
  async whoAmI(token: string): Promise<number> {
    const { ask, close } = asking({ ...readKube(this.#file), adminToken: token });
    const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
    const { status } = await ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review);
    await close();
    return status;
  }

  async tokenOf(name: string, namespace = this.namespace): Promise<string> {
    const core = this.stage.admin.makeApiClient(CoreV1Api);
    const { status } = await core.createNamespacedServiceAccountToken({
      name,
      namespace,
      body: { spec: { audiences: [], expirationSeconds: 3_600 } },
    });
    return status?.token ?? "";
  }

  async #reach(playbook: Playbook): Promise<Reach> {
    const known = this.#reaches.get(playbook.name);
    if (known !== undefined) return known;
    const name = playbook.name.replace(":", "-");
    const role = `${this.namespace}-${name}`;
    const metadata = { name, namespace: this.namespace };
    this.#roles.push(role);
    await this.apply(
      { apiVersion: "v1", kind: "ServiceAccount", metadata },
      { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name: role }, rules: playbook.needs.rbac },
      {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRoleBinding",
        metadata: { name: role },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
        subjects: [{ kind: "ServiceAccount", ...metadata }],
      },
    );
    const reach = { ...this.stage.reach, access: fakeAccess({ kubernetes: this.#api(await this.tokenOf(name)) }) };
    this.#reaches.set(playbook.name, reach);
    return reach;
  }

  /** A pod of such an owner, which has two where it can. */
  async pod(owner: OwnerKind, name: string): Promise<PodWorkload> {
    const { metadata } = await podOf(owner, name, this.namespace, NODE, this.stage.admin);
    const found = await this.admin.get(POD, this.namespace, metadata?.name ?? "", signal);
    if (found === null) throw new Error(`no pod of ${owner} ${name}`);
    const facts = podFacts(found);
    await this.until("all of them are ready", async () => (await this.podsOf(name)).every(({ ready }) => ready));
    return await workloadOf(facts, { name: "app", id: facts.containers[0]?.id ?? "", image: null }, this.stage.cluster, this.admin, signal);
  }

  async podsOf(app: string): Promise<readonly ReturnType<typeof podFacts>[]> {
    return ((await this.admin.list(POD, { namespace: this.namespace, labels: `app=${app}` }, signal)) ?? []).map(podFacts);
  }

  async action(playbook: Playbook, workload: Workload, params: Params = {}) {
    const planning = playbook.plan(workload, params, OCCASION);
    if (planning.kind === "refused") throw new Error(planning.because);
    const { plan } = planning;
    const reach = await this.#reach(playbook);
    const { undo } = playbook;
    const prepare = async () => (await playbook.prepare?.(plan, reach, signal)) ?? { kind: "ready" as const, kept: {}, remarks: [] };
    const ready = async () => {
      const prepared = await prepare();
      if (prepared.kind !== "ready") throw new Error(`${prepared.kind}: ${prepared.because}`);
      return prepared;
    };
    const execute = (kept: Kept) => playbook.execute(plan, kept, reach, signal);
    const verify = (kept: Kept = {}) => playbook.verify(plan, kept, reach, signal);
    return {
      prepare,
      ready,
      execute,
      verify,
      /** Prepared, carried out, and seen. */
      done: async () => {
        const { kept, remarks } = await ready();
        const execution = await execute(kept);
        if (execution.kind !== "accepted") throw new Error(`${execution.kind}: ${execution.because}`);
        const now = execution.kept ?? kept;
        await this.until("it is verified", async () => (await verify(now)).kind === "done", 40_000);
        return { kept: now, remarks: remarks.join(" ") };
      },
      undo: (kept: Kept) => (undo.possible ? undo.run(plan, kept, Date.now(), reach, signal) : Promise.reject(new Error("no undo"))),
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
