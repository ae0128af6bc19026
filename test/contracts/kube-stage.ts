import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import type { Cluster } from "#shared/domain/registry.ts";
import type { Reach } from "#shared/playbooks/playbook.ts";
import { waitFor } from "../../lab/lab.ts";
import { fakeAccess } from "../fakes/cluster-access.ts";
import { kubeCluster } from "../playbooks/builders.ts";
import { openTestKube, type TestKube } from "./test-kube.ts";

/** The real API server: `admin` makes the world, `reach` is the responder's, with its rights and no more. */
export interface KubeStage {
  readonly admin: KubeConfig;
  readonly cluster: Cluster;
  readonly reach: Reach;
  namespace(name: string): Promise<void>;
  /** A KWOK node of this name, beside those that are there. */
  node(name: string): Promise<string>;
  /** Removes what this stage has made. */
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
  const made: { readonly namespaces: string[]; readonly nodes: string[] } = { namespaces: [], nodes: [] };
  return {
    admin,
    cluster,
    reach,
    async namespace(name) {
      await core.createNamespace({ body: { metadata: { name } } });
      made.namespaces.push(name);
      await waitFor(`namespace ${name} takes pods`, () => core.readNamespacedServiceAccount({ name: "default", namespace: name }));
    },
    async node(name) {
      const annotations = { "kwok.x-k8s.io/node": "fake" };
      const labels = { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux" };
      await core.createNode({ body: { metadata: { name, annotations, labels } } });
      made.nodes.push(name);
      await waitFor(`node ${name} is Ready`, async () => {
        const { status } = await core.readNode({ name });
        return status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") === true;
      });
      return name;
    },
    async close() {
      for (const name of made.namespaces) await core.deleteNamespace({ name });
      for (const name of made.nodes) await core.deleteNode({ name });
    },
  };
}
