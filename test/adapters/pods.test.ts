import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { kubernetesPods, type TokenSource } from "#shared/adapters/pods.ts";

type Answer = { readonly status: number; readonly body?: unknown } | "hang up" | "silence";

interface Certificate {
  readonly key: Buffer;
  readonly cert: Buffer;
}

let here: Certificate;
let stranger: Certificate;
let folder: string;

/** A key in a repository is a finding of every scanner: it is made for the run. */
function certificate(name: string): Certificate {
  const file = (ending: string) => join(folder, `${name}.${ending}`);
  const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", file("key"), "-out", file("crt")];
  execFileSync("openssl", ["req", "-x509", "-days", "2", ...key, ...subject], { stdio: "pipe" });
  return { key: readFileSync(file("key")), cert: readFileSync(file("crt")) };
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "falco-responder-tls-"));
  here = certificate("here");
  stranger = certificate("stranger");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function kube(answers: readonly Answer[], options: { readonly ca?: Certificate; readonly token?: TokenSource } = {}) {
  const asked: { readonly line: string; readonly authorization: string | undefined; readonly body: string }[] = [];
  let connections = 0;
  const server = createServer({ key: here.key, cert: here.cert }, (request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += String(chunk);
    });
    request.on("end", () => {
      const answer = answers[Math.min(asked.length, answers.length - 1)] ?? "hang up";
      asked.push({ line: `${request.method} ${request.url}`, authorization: request.headers.authorization, body });
      if (answer === "hang up") return request.socket.destroy();
      if (answer === "silence") return;
      response.writeHead(answer.status, { "content-type": "application/json" }).end(JSON.stringify(answer.body ?? {}));
    });
  });
  server.on("secureConnection", () => {
    connections++;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const caData = (options.ca ?? here).cert.toString("base64");
  const address = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const pods = kubernetesPods({ cluster: "k", server: address, caData }, options.token ?? (() => Promise.resolve("t0ken")));
  return { pods, asked, connections: () => connections };
}

const signal = new AbortController().signal;
const status = (code: number, message = "as the server says"): Answer => ({ status: code, body: { kind: "Status", code, message } });
const POD = {
  metadata: {
    name: "web-a",
    namespace: "shop",
    uid: "u-1",
    ownerReferences: [
      { kind: "Note", name: "n", uid: "u-0", apiVersion: "v1" },
      { kind: "ReplicaSet", name: "web-5d4f", uid: "u-2", controller: true, apiVersion: "apps/v1" },
    ],
  },
  spec: { nodeName: "node-1", priorityClassName: "high", serviceAccountName: "web", hostNetwork: true, containers: [] },
  status: {
    phase: "Running",
    containerStatuses: [
      {
        name: "app",
        image: "web:1",
        containerID: "containerd://aaaa",
        state: { running: {} },
        lastState: { terminated: { containerID: "containerd://bbbb" } },
      },
    ],
    initContainerStatuses: [{ name: "init", image: "i:1", containerID: "cri-o://cccc", state: { terminated: {} } }],
    ephemeralContainerStatuses: [{ name: "debug", image: "d:1", state: { waiting: {} } }],
  },
};
const target = { namespace: "shop", name: "web-a", uid: "u-1" };

test("a pod is read as it is, and lastState is not", async () => {
  const { pods } = await kube([{ status: 200, body: POD }]);
  expect(await pods.get("shop", "web-a", signal)).toEqual({
    ...target,
    node: "node-1",
    phase: "Running",
    labels: {},
    annotations: {},
    controller: { kind: "ReplicaSet", name: "web-5d4f", uid: "u-2" },
    serviceAccount: "web",
    priorityClass: "high",
    hostNetwork: true,
    deletionTimestamp: null,
    containers: [
      { name: "app", id: "aaaa", image: "web:1", running: true },
      { name: "init", id: "cccc", image: "i:1", running: false },
      { name: "debug", id: null, image: "d:1", running: false },
    ],
  });
});

test("all pages of a node's pods are read, over connections that are kept", async () => {
  const page = (name: string, more?: string): Answer => ({
    status: 200,
    body: { metadata: { continue: more }, items: [{ ...POD, metadata: { ...POD.metadata, name } }] },
  });
  const { pods, asked, connections } = await kube([page("a", "next"), page("a", "next"), page("a", "next"), page("a", "next"), page("b")]);
  expect((await pods.onNode("node-1", signal)).map(({ name }) => name)).toEqual(["a", "a", "a", "a", "b"]);
  expect(asked[0]?.line).toContain("fieldSelector=spec.nodeName%3Dnode-1");
  expect(asked[1]?.line).toContain("continue=next");
  // The second may be dispatched before the first one's connection is idle again.
  expect(connections()).toBeLessThanOrEqual(2);
});

describe("delete", () => {
  test("carries the uid and the grace, never 0", async () => {
    const { pods, asked } = await kube([{ status: 200, body: POD }]);
    expect(await pods.delete(target, 1, signal)).toBe("accepted");
    expect(asked[0]?.line).toBe("DELETE /api/v1/namespaces/shop/pods/web-a");
    expect(JSON.parse(asked[0]?.body ?? "")).toEqual({ gracePeriodSeconds: 1, preconditions: { uid: "u-1" } });
  });

  test("404 is gone; 409 is a conflict when another pod has the name, and an error to repeat when it is the same", async () => {
    expect(await (await kube([status(404)])).pods.delete(target, 1, signal)).toBe("gone");
    const other = { status: 200, body: { ...POD, metadata: { ...POD.metadata, uid: "u-9" } } };
    expect(await (await kube([status(409), other])).pods.delete(target, 1, signal)).toBe("conflict");
    const same = (await kube([status(409), { status: 200, body: POD }])).pods;
    await expect(same.delete(target, 1, signal)).rejects.toMatchObject({ code: "kube_throttled", retryable: true });
  });
});

describe("the owner", () => {
  const pod = async () => {
    const { pods } = await kube([{ status: 200, body: POD }]);
    const facts = await pods.get("shop", "web-a", signal);
    if (facts === null) throw new Error("no pod");
    return facts;
  };
  const replicaSet = (uid: string, kind: string): Answer => ({
    status: 200,
    body: { metadata: { uid, ownerReferences: [{ kind, name: "web", uid: "u-3", controller: true, apiVersion: "x" }] } },
  });

  test.each(["Deployment", "Rollout"])("of a ReplicaSet is its %s", async (kind) => {
    const { pods, asked } = await kube([replicaSet("u-2", kind)]);
    expect(await pods.owner(await pod(), signal)).toEqual({ kind, name: "web", uid: "u-3" });
    expect(asked.map(({ line }) => line)).toEqual(["GET /apis/apps/v1/namespaces/shop/replicasets/web-5d4f"]);
  });

  test("of another ReplicaSet of that name, or of one that is gone, is not followed", async () => {
    const controller = { kind: "ReplicaSet", name: "web-5d4f", uid: "u-2" };
    expect(await (await kube([replicaSet("u-7", "Deployment")])).pods.owner(await pod(), signal)).toEqual(controller);
    expect(await (await kube([status(404)])).pods.owner(await pod(), signal)).toEqual(controller);
  });

  test("of a loop ends", async () => {
    const loop = { metadata: { uid: "u-2", ownerReferences: POD.metadata.ownerReferences } };
    const { pods, asked } = await kube([{ status: 200, body: loop }]);
    expect(await pods.owner(await pod(), signal)).toMatchObject({ kind: "ReplicaSet" });
    expect(asked).toHaveLength(5);
  });
});

describe("what the API server answers is translated once", () => {
  test.each<[Answer, string, string]>([
    [status(401), "kube_unauthorized", "access.tokenSecret"],
    [status(403), "kube_forbidden", "infra/rbac/terminate.yaml"],
    [status(429), "kube_throttled", "slow down"],
    [status(500), "kube_unreachable", "500"],
    [status(503), "kube_unreachable", "503"],
    [status(422), "kube_rejected", "422"],
    ["hang up", "kube_unreachable", "no connection"],
  ])("%j is %s", async (answer, code, words) => {
    const { pods } = await kube([answer]);
    const rejected = expect(pods.get("shop", "web-a", signal)).rejects;
    await rejected.toMatchObject({ name: "PipelineError", code, message: expect.stringContaining(words), cause: expect.any(Error) });
  });

  test("404 of a list is an error: it is no empty node", async () => {
    await expect((await kube([status(404)])).pods.onNode("node-1", signal)).rejects.toMatchObject({ code: "kube_rejected" });
  });

  test("nobody listening is unreachable", async () => {
    const api = { cluster: "k", server: "https://127.0.0.1:1", caData: here.cert.toString("base64") };
    await expect(kubernetesPods(api, () => Promise.resolve("t")).get("a", "b", signal)).rejects.toMatchObject({ code: "kube_unreachable" });
  });

  test("a server whose certificate is not of our CA gets no token", async () => {
    const { pods, asked } = await kube([{ status: 200, body: POD }], { ca: stranger });
    await expect(pods.get("shop", "web-a", signal)).rejects.toMatchObject({
      code: "config_invalid",
      message: expect.stringContaining("caData"),
    });
    expect(asked).toEqual([]);
  });

  test("a call whose time is over is given up", async () => {
    const { pods, asked } = await kube(["silence"]);
    const abort = new AbortController();
    const outcome = expect(pods.get("shop", "web-a", abort.signal)).rejects.toMatchObject({ code: "timed_out" });
    while (asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    await outcome;
  });
});

test("a token that was rotated is read afresh, once", async () => {
  const token: TokenSource = (_, fresh) => Promise.resolve(fresh === undefined ? "old" : "new");
  const { pods, asked } = await kube([status(401), { status: 200, body: POD }], { token });
  expect((await pods.get("shop", "web-a", signal))?.uid).toBe("u-1");
  expect(asked.map(({ authorization }) => authorization)).toEqual(["Bearer old", "Bearer new"]);
});
