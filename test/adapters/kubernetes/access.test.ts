import { beforeAll, describe, expect, test } from "vitest";
import { kubernetesApiOpener } from "#shared/adapters/cluster-access-kubernetes.ts";
import { clusterSessions } from "#shared/adapters/cluster-sessions.ts";
import { secretReader } from "#shared/adapters/secrets.ts";
import type { Cluster, KubernetesAccess } from "#shared/domain/registry.ts";
import { POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { kubeCluster, never } from "../../playbooks/builders.ts";
import { type Answer, apiServer, base64, type Certificate, certificate, status } from "./api-server.ts";

let own: Certificate;
let us: Certificate;
let other: Certificate;
beforeAll(() => {
  own = certificate("here");
  us = certificate("us");
  other = certificate("other");
});

const ok: Answer = { status: 200, body: { metadata: { name: "web-a", namespace: "shop", uid: "u-1", resourceVersion: "7" } } };

/** A store whose secret is what it is told to be, read by read; the last one for ever. */
function secrets(...texts: readonly string[]) {
  const refs: string[] = [];
  const read = (name: string) => Promise.resolve(texts[Math.min(refs.push(name), texts.length) - 1]);
  return { reader: secretReader({ parameter: read, secret: read }), refs };
}

async function opened(access: KubernetesAccess | null, store: ReturnType<typeof secrets>, change: Partial<Cluster> = {}) {
  const api = await kubernetesApiOpener(store.reader, clusterSessions())({ ...kubeCluster, access, ...change });
  return { api, get: () => api.get(POD, "shop", "web-a", never) };
}

describe("a token out of a secret", () => {
  test("that was rotated in the middle of a batch is read afresh, once for all who were refused", async () => {
    const { address, asked } = await apiServer(own, [ok, status(401), status(401), ok]);
    const store = secrets('{"token": "old"}', "new");
    const access = { by: "token", server: address, caData: base64(own.cert), tokenSecret: "kube/token" } as const;
    const { get } = await opened(access, store);
    await get();
    await Promise.all([get(), get()]);
    expect(asked.map(({ headers }) => headers["authorization"])).toEqual([
      "Bearer old",
      "Bearer old",
      "Bearer old",
      "Bearer new",
      "Bearer new",
    ]);
    expect(store.refs).toEqual(["kube/token", "kube/token"]);
  });

  test.each(["{}", '{"token": 5}', "{torn", "two words"])("%s is none, and is not repeated in the message", async (text) => {
    const access = { by: "token", server: "https://127.0.0.1:1", caData: base64(own.cert), tokenSecret: "t" } as const;
    const { get } = await opened(access, secrets(text));
    const thrown: unknown = await get().catch((error: unknown) => error);
    expect(thrown).toMatchObject({ code: "config_invalid", message: expect.stringContaining("holds no bearer token") });
    expect(String(thrown)).not.toContain(text);
  });

  test("that is refused names the secret to look at", async () => {
    const { address } = await apiServer(own, [status(401)]);
    const access = { by: "token", server: address, caData: base64(own.cert), tokenSecret: "ssm:/kube/token" } as const;
    const { get } = await opened(access, secrets("t"));
    await expect(get()).rejects.toMatchObject({ code: "kube_unauthorized", message: expect.stringContaining("ssm:/kube/token") });
  });
});

describe("a client certificate out of a secret", () => {
  const pair = ({ cert, key }: Certificate) => JSON.stringify({ certificate: cert, key });
  const access = (server: string) => ({ by: "certificate", server, caData: base64(own.cert), certificateSecret: "c" }) as const;

  test("is shown to the server, without a token", async () => {
    const { address, asked } = await apiServer(own, [ok], us);
    await (await opened(access(address), secrets(pair(us)))).get();
    expect(asked.map(({ client, headers }) => [client, headers["authorization"]])).toEqual([["us", undefined]]);
  });

  test("that was rotated is read afresh, and shown over new connections", async () => {
    const { address, asked } = await apiServer(own, [status(401), ok], us);
    await (await opened(access(address), secrets(pair(other), pair(us)))).get();
    expect(asked.map(({ client }) => client)).toEqual(["other", "us"]);
  });

  test("that is torn, or whose key is another's, is refused, and a refused one names what to fix", async () => {
    for (const text of [
      "{}",
      "t0ken",
      JSON.stringify({ certificate: us.cert, key: other.key }),
      JSON.stringify({ certificate: "x", key: "y" }),
    ])
      await expect((await opened(access("https://127.0.0.1:1"), secrets(text))).get()).rejects.toMatchObject({ code: "config_invalid" });
    const { address } = await apiServer(own, [status(401)], us);
    await expect((await opened(access(address), secrets(pair(us)))).get()).rejects.toThrow("access.certificateSecret");
  });
});

describe("a kubeconfig out of a secret", () => {
  const config = (server: string, ca: Certificate, token = "t") =>
    JSON.stringify({
      clusters: [{ name: "c", cluster: { server, "certificate-authority-data": base64(ca.cert) } }],
      users: [{ name: "u", user: { token } }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
      "current-context": "x",
    });
  const access = { by: "kubeconfig", kubeconfigSecret: "k" } as const;

  test("says where the server is, and is read afresh when its CA or its token are of yesterday", async () => {
    const { address, asked } = await apiServer(own, [ok, status(401), ok]);
    const moved = await opened(access, secrets(config(address, other), config(address, own)));
    await moved.get();
    const rotated = await opened(access, secrets(config(address, own, "old"), config(address, own, "new")));
    await rotated.get();
    expect(asked.map(({ headers }) => headers["authorization"])).toEqual(["Bearer t", "Bearer old", "Bearer new"]);
  });

  test("whose CA is not the server's is told by its own key's name", async () => {
    const { address, asked } = await apiServer(own, [ok]);
    const { get } = await opened(access, secrets(config(address, other)));
    await expect(get()).rejects.toMatchObject({ code: "config_invalid", message: expect.stringContaining("certificate-authority-data") });
    expect(asked).toEqual([]);
  });
});

test("a cluster has one API with its connections, and one without a way to it is refused", async () => {
  const open = kubernetesApiOpener(secrets("t").reader, clusterSessions());
  const access = { by: "token", server: "https://127.0.0.1:1", caData: base64(own.cert), tokenSecret: "t" } as const;
  const cluster = { ...kubeCluster, access };
  expect(await open(cluster)).toBe(await open(cluster));
  await expect(open(kubeCluster)).rejects.toMatchObject({ code: "config_invalid", message: expect.stringContaining("no access") });
});
