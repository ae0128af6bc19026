import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CoreV1Api, KubeConfig, type KubernetesObject, KubernetesObjectApi } from "@kubernetes/client-node";
import type { Cluster } from "#shared/domain/registry.ts";
import type { Reach } from "#shared/playbooks/playbook.ts";
import type { KubernetesApi } from "#shared/ports/kubernetes.ts";
import { apply, manifests } from "../../lab/control-plane/kube.ts";
import { waitFor } from "../../lab/wait.ts";
import { fakeAccess } from "../fakes/cluster-access.ts";
import { kubeCluster } from "../playbooks/builders.ts";
import type { Kubelet } from "./kube-kubelet.ts";
import { openTestKube, type TestKube } from "./test-kube.ts";

const CRDS = join(import.meta.dirname, "../../lab/control-plane/crds");

export const never = new AbortController().signal;

/** On the nodes of a stage, so that nobody else's pods are placed there. */
export const TAINT = { key: "falco-responder-test", value: "table", effect: "NoSchedule" } as const;

/** The real API server: `admin` makes the world, `api` and `reach` are the responder's, with its rights and no more. */
export interface KubeStage {
  readonly admin: KubeConfig;
  readonly api: KubernetesApi;
  readonly cluster: Cluster;
  readonly reach: Reach;
  /** The kinds of Cilium and Calico are served from then on, as where they are installed. Nothing enforces their policies. */
  serveNetworkKinds(): Promise<void>;
  namespace(name: string): Promise<void>;
  /** A KWOK node of this name, with the taint. `kubelet`: somebody there answers for logs. */
  node(name: string, kubelet?: Kubelet): Promise<string>;
  /** Something that is in no namespace of this stage. */
  removeLater(object: KubernetesObject): void;
  /** Removes what this stage has made, but not the kinds. */
  close(): Promise<void>;
}

export function openKubeStage(file: string): KubeStage {
  const kube = JSON.parse(readFileSync(file, "utf8")) as TestKube;
  const admin = new KubeConfig();
  admin.loadFromClusterAndUser(
    { name: "test", server: kube.server, caData: kube.caData, skipTLSVerify: false },
    { name: "admin", token: kube.adminToken },
  );
  const core = admin.makeApiClient(CoreV1Api);
  const api = openTestKube(kube, kube.token);
  const cluster: Cluster = { ...kubeCluster, access: { by: "token", server: kube.server, caData: kube.caData, tokenSecret: "t" } };
  const reach: Reach = {
    cluster,
    access: fakeAccess({ kubernetes: api }),
    protection: () => null,
    nodeProtection: () => null,
    nowMs: Date.now,
    keep: (name, body) => {
      const sha256 = createHash("sha256").update(body).digest("hex");
      return Promise.resolve({ key: `evidence/${name}-${sha256.slice(0, 16)}`, sha256 });
    },
  };
  const made = { namespaces: [] as string[], nodes: [] as string[], others: [] as KubernetesObject[] };
  return {
    admin,
    api,
    cluster,
    reach,
    async serveNetworkKinds() {
      for (const name of ["cilium", "calico"]) await apply(admin, manifests(join(CRDS, `${name}.yaml`)));
    },
    async namespace(name) {
      await core.createNamespace({ body: { metadata: { name } } });
      made.namespaces.push(name);
      await waitFor(`namespace ${name} takes pods`, () => core.readNamespacedServiceAccount({ name: "default", namespace: name }));
    },
    async node(name, kubelet) {
      const annotations = { "kwok.x-k8s.io/node": "fake" };
      const labels = { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux" };
      const status = kubelet === undefined ? {} : { status: kubelet.status };
      // With its address from the first moment, as a kubelet registers itself: KWOK keeps what is there.
      await core.createNode({ body: { metadata: { name, annotations, labels }, spec: { taints: [TAINT] }, ...status } });
      made.nodes.push(name);
      await waitFor(`node ${name} is Ready`, async () => {
        const { status } = await core.readNode({ name });
        return status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") === true;
      });
      return name;
    },
    removeLater: (object) => void made.others.push(object),
    async close() {
      const objects = KubernetesObjectApi.makeApiClient(admin);
      // They are gone already where the test was to delete them and did.
      for (const object of made.others) await objects.delete(object).catch(() => undefined);
      for (const name of made.namespaces) await core.deleteNamespace({ name });
      for (const name of made.nodes) await core.deleteNode({ name });
    },
  };
}
