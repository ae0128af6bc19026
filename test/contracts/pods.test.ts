import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { AppsV1Api, CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { describe, expect, test } from "vitest";
import { kubernetesPods } from "#shared/adapters/pods.ts";
import { until } from "./cases.ts";
import { type PodsWorld, podsContract } from "./pods.suite.ts";

/**
 * A JSON file about a control plane that may be written to: `server`, `caData` (base64 PEM), `token` (of a user with the shipped RBAC and no
 * more) and `adminToken` (which makes and removes a namespace). The lab writes it; a kubeconfig that happens to lie about is never used.
 */
const file = process.env["FALCO_RESPONDER_TEST_KUBE"];

interface TestKube {
  readonly server: string;
  readonly caData: string;
  readonly token: string;
  readonly adminToken: string;
}

describe.skipIf(file === undefined)("with FALCO_RESPONDER_TEST_KUBE naming a control plane", () => {
  podsContract("the real kube-apiserver, under the shipped RBAC", () => openKube(readKube()));

  test("a token that is not accepted is asked for afresh once, and then says what to fix", async () => {
    const { server, caData } = readKube();
    const asked: (string | undefined)[] = [];
    const pods = kubernetesPods({ cluster: "test", server, caData }, (_, fresh) => {
      asked.push(fresh);
      return Promise.resolve("nonsense");
    });
    const answer = pods.get("default", "nobody", new AbortController().signal);
    await expect(answer).rejects.toMatchObject({ code: "kube_unauthorized", message: expect.stringContaining("tokenSecret") });
    expect(asked).toEqual([undefined, "fresh"]);
  });

  test("the shipped RBAC allows no more: a Secret cannot be read by the responder's user", async () => {
    const { server, caData, token } = readKube();
    const core = clientOf({ server, caData }, token).makeApiClient(CoreV1Api);
    await expect(core.listSecretForAllNamespaces()).rejects.toMatchObject({ code: 403 });
    await expect(core.listNamespacedPod({ namespace: "default" })).resolves.toBeDefined();
  });
});

const readKube = (): TestKube => JSON.parse(readFileSync(file ?? "", "utf8")) as TestKube;

function clientOf({ server, caData }: Pick<TestKube, "server" | "caData">, token: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromClusterAndUser({ name: "test", server, caData, skipTLSVerify: false }, { name: "admin", token });
  return config;
}

async function openKube({ server, caData, token, adminToken }: TestKube): Promise<PodsWorld> {
  const config = clientOf({ server, caData }, adminToken);
  const core = config.makeApiClient(CoreV1Api);
  const namespace = `contract-${process.pid}`;
  const wait = () => sleep(250);
  const spec = { containers: [{ name: "app", image: "registry.test/web:1" }], terminationGracePeriodSeconds: 1 };
  const node = (await core.listNode()).items[0]?.metadata?.name ?? "";
  const template = { metadata: { labels: { app: "web" } }, spec: { ...spec, nodeName: node } };
  await core.createNamespace({ body: { metadata: { name: namespace } } });
  await config.makeApiClient(AppsV1Api).createNamespacedDeployment({
    namespace,
    body: { metadata: { name: "web" }, spec: { replicas: 2, selector: { matchLabels: { app: "web" } }, template } },
  });
  const pods = kubernetesPods({ cluster: "test", server, caData }, () => Promise.resolve(token));
  const signal = new AbortController().signal;
  const settled = async (count: number) => {
    const here = (await pods.onNode(node, signal)).filter((pod) => pod.namespace === namespace);
    return here.length === count && here.every(({ phase, containers }) => phase === "Running" && containers.some(({ id }) => id !== null));
  };
  const createAlone = () => core.createNamespacedPod({ namespace, body: { metadata: { name: "alone" }, spec: template.spec } });
  // The namespace's own ServiceAccount comes a moment after it; until then a pod is refused.
  await until(async () => (await createAlone().catch(() => null)) !== null, wait);
  await until(() => settled(3), wait);
  return {
    pods,
    namespace,
    node,
    wait,
    recreateAlone: async () => {
      await core.deleteNamespacedPod({ name: "alone", namespace, body: { gracePeriodSeconds: 0 } });
      await until(async () => (await pods.get(namespace, "alone", signal)) === null, wait);
      await createAlone();
      await until(() => settled(3), wait);
    },
    close: async () => {
      await core.deleteNamespace({ name: namespace });
    },
  };
}
