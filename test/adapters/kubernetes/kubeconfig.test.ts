import { beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { endpointIn } from "#shared/adapters/kubernetes/kubeconfig.ts";
import { base64, type Certificate, certificate } from "./api-server.ts";

let server: Certificate;
let client: Certificate;
beforeAll(() => {
  server = certificate("here");
  client = certificate("us");
});

type Keys = Readonly<Record<string, unknown>>;

/** As kubectl writes it, with a second context that we must not be. */
function config(change: { readonly cluster?: Keys; readonly user?: Keys; readonly top?: Keys } = {}) {
  return {
    apiVersion: "v1",
    kind: "Config",
    preferences: {},
    clusters: [
      { name: "other", cluster: { server: "http://other", "insecure-skip-tls-verify": true } },
      { name: "c", cluster: { server: "https://10.0.0.1:6443", "certificate-authority-data": base64(server.cert), ...change.cluster } },
    ],
    users: [
      { name: "runs", user: { exec: { command: "aws" } } },
      { name: "u", user: { token: "t0ken", ...change.user } },
    ],
    contexts: [
      { name: "not-this", context: { cluster: "other", user: "runs" } },
      { name: "this", context: { cluster: "c", user: "u", namespace: "shop" } },
    ],
    "current-context": "this",
    ...change.top,
  };
}

const read = (content: unknown) => endpointIn(typeof content === "string" ? content : stringify(content), "the kubeconfig of cluster k");
const certificates = () => ({ token: undefined, "client-certificate-data": base64(client.cert), "client-key-data": base64(client.key) });

describe("a kubeconfig is taken", () => {
  test("in YAML and in JSON, by its current-context alone", async () => {
    const endpoint = { server: "https://10.0.0.1:6443", ca: server.cert, identity: { by: "token", token: "t0ken" } };
    expect(await read(stringify(config()))).toEqual(endpoint);
    expect(await read(JSON.stringify(config()))).toEqual(endpoint);
  });

  test("with a client certificate", async () => {
    const { identity } = await read(config({ user: certificates() }));
    expect(identity).toEqual({ by: "certificate", certificate: client.cert, key: client.key });
  });

  test("with keys that change nothing", async () => {
    const cluster = { "insecure-skip-tls-verify": false, "disable-compression": true, extensions: [{ name: "minikube" }] };
    expect((await read(config({ cluster, user: { exec: null, username: "" } }))).server).toBe("https://10.0.0.1:6443");
  });
});

/** Each differs from the kubeconfig that is taken above in one fact. */
describe("a kubeconfig is refused, with the key and the remedy in words, and no value of it", () => {
  test.each<[string, Parameters<typeof config>[0], RegExp]>([
    ["runs a program", { user: { exec: { command: "s3cret" } } }, /"exec" is not taken: it would run a program.*kind eks/],
    ["runs a program of old", { user: { "auth-provider": { name: "s3cret" } } }, /"auth-provider".*run a program/],
    ["reads a token's file", { user: { tokenFile: "/s3cret" } }, /"tokenFile".*--flatten/],
    ["reads a certificate's file", { user: { "client-certificate": "/s3cret" } }, /"client-certificate".*--flatten/],
    ["reads a key's file", { user: { "client-key": "/s3cret" } }, /"client-key".*--flatten/],
    ["has a password", { user: { password: "s3cret" } }, /"password".*token or a client certificate/],
    ["is somebody else", { user: { as: "s3cret" } }, /"as".*bind the rights/],
    ["reads a CA's file", { cluster: { "certificate-authority": "/s3cret" } }, /"certificate-authority".*--flatten/],
    ["verifies nothing", { cluster: { "insecure-skip-tls-verify": true } }, /"insecure-skip-tls-verify".*remove it/],
    ["goes by a proxy", { cluster: { "proxy-url": "http://s3cret" } }, /"proxy-url".*network/],
    ["expects another name", { cluster: { "tls-server-name": "s3cret" } }, /"tls-server-name".*certificate/],
    ["sends in clear", { cluster: { server: "http://s3cret" } }, /"server" must begin with https/],
    ["names no CA", { cluster: { "certificate-authority-data": undefined } }, /"certificate-authority-data" is missing/],
    ["has a CA that is none", { cluster: { "certificate-authority-data": "s3cret" } }, /CA must be a PEM/],
    ["has no user's secret", { user: { token: undefined } }, /neither "token" nor/],
    ["is two users", { user: { "client-key-data": "s3cret" } }, /keep one/],
    ["has a token that is no header", { user: { token: "s3cret\nx: y" } }, /no bearer token/],
    ["has no current-context", { top: { "current-context": undefined } }, /kubectl config use-context/],
    ["has a current-context that is nowhere", { top: { "current-context": "s3cret" } }, /contexts must have exactly one/],
    ["has no clusters", { top: { clusters: "s3cret" } }, /clusters must have exactly one/],
  ])("that %s", async (_, change, words) => {
    const thrown: unknown = await read(config(change)).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ code: "config_invalid", message: expect.stringMatching(words) });
    expect(String(thrown)).not.toContain("s3cret");
  });

  test("whose key is another's, or whose certificate is none", async () => {
    await expect(read(config({ user: { ...certificates(), "client-key-data": base64(server.key) } }))).rejects.toThrow("not that of");
    await expect(read(config({ user: { ...certificates(), "client-certificate-data": "AAAA" } }))).rejects.toThrow("must be PEM");
  });

  test("that names its cluster twice", async () => {
    const { clusters } = config();
    const twice = config({ top: { clusters: [...clusters, ...clusters.slice(1)] } });
    await expect(read(JSON.stringify(twice))).rejects.toThrow("exactly one");
  });

  test.each([
    ["is text", "s3cret"],
    ["is a list", "- s3cret"],
    ["is torn", '{"users": [{"token": "s3cret'],
    ["has a key twice", "a: s3cret\na: s3cret"],
    ["is deep", "[".repeat(60_000)],
    ["is large", `a: ${"s3cret".repeat(20_000)}`],
    ["has another document", "a: s3cret\n---\nb: 1"],
    ["has aliases", "a: &a [s3cret, s3cret]\nb: &b [*a, *a]\nc: [*b, *b]"],
    ["has one alias", "a: &a s3cret\nb: *a"],
  ])("that %s", async (_, text) => {
    const thrown: unknown = await read(text).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ name: "PipelineError", code: "config_invalid" });
    expect(`${thrown} ${String((thrown as Error).cause)}`).not.toContain("s3cret");
  });
});
