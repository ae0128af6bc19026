import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { kubernetesApiOpener } from "#shared/adapters/cluster-access-kubernetes.ts";
import { clusterSessions } from "#shared/adapters/cluster-sessions.ts";
import { secretReader } from "#shared/adapters/secrets.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import { POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { kubeCluster, never } from "../../playbooks/builders.ts";
import { type Asked, awsDouble, json, xml } from "../aws-double.ts";
import { type Answer, apiServer, base64, type Certificate, certificate, status } from "./api-server.ts";

const ROLE = "arn:aws:iam::111122223333:role/falco-responder";
const eks: Cluster = { ...kubeCluster, kind: "eks", awsName: "prod" };
const through: Cluster = { ...eks, roleArn: ROLE, externalId: "7f1c2d" };
const ok: Answer = { status: 200, body: { metadata: { name: "web-a", namespace: "shop", uid: "u-1", resourceVersion: "7" } } };

let own: Certificate;
let other: Certificate;
beforeAll(() => {
  own = certificate("here");
  other = certificate("other");
});
afterEach(() => {
  vi.unstubAllEnvs();
});

interface Described {
  readonly status?: string;
  readonly endpoint?: string;
  readonly ca?: Certificate;
}

const signedBy = ({ headers }: Asked) => /Credential=([^/]+)\//.exec(String(headers["authorization"]))?.[1];

/** EKS and STS on loopback. EKS describes the cluster as told, time after time; the last one for ever. */
async function aws(...described: readonly Described[]) {
  const asked: Asked[] = [];
  const double = await awsDouble((one) => {
    if (!one.url.startsWith("/clusters/")) {
      const keys = "<AccessKeyId>ASIASESSION</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>of-the-role</SessionToken>";
      const end = `<Expiration>${new Date(Date.now() + 3_600_000).toISOString()}</Expiration>`;
      const result = `<AssumeRoleResult><Credentials>${keys}${end}</Credentials></AssumeRoleResult>`;
      return xml(`<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">${result}</AssumeRoleResponse>`);
    }
    asked.push(one);
    const { status = "ACTIVE", endpoint, ca } = described[Math.min(asked.length, described.length) - 1] ?? {};
    if (status === "missing") return json({ __type: "ResourceNotFoundException", message: "No cluster found for name: prod." }, 404);
    return json({ cluster: { name: "prod", status, endpoint, certificateAuthority: { data: ca && base64(ca.cert) } } });
  });
  const settings = { AWS_ENDPOINT_URL: double.url, AWS_REGION: "eu-central-1", AWS_ACCESS_KEY_ID: "AKIAOWN", AWS_SECRET_ACCESS_KEY: "s" };
  for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value);
  return Object.assign(double, { describes: asked });
}

const noSecrets = secretReader({ parameter: () => Promise.reject(new Error("no")), secret: () => Promise.reject(new Error("no")) });

async function opened(cluster: Cluster) {
  const api = await kubernetesApiOpener(noSecrets, clusterSessions())(cluster);
  return () => api.get(POD, "shop", "web-a", never);
}

/** The query of the URL that a bearer token stands for. */
function tokenIn(header: string | string[] | undefined) {
  const url = new URL(Buffer.from(String(header).replace("Bearer k8s-aws-v1.", ""), "base64url").toString("utf8"));
  return {
    host: url.host,
    signer: url.searchParams.get("X-Amz-Credential")?.split("/")[0],
    session: url.searchParams.get("X-Amz-Security-Token"),
  };
}

describe("an EKS cluster", () => {
  test("is described once and reached with a token that the function's role signs", async () => {
    const { address, asked } = await apiServer(own, [ok]);
    await using double = await aws({ endpoint: address, ca: own });
    const get = await opened(eks);
    await Promise.all([get(), get(), get()]);
    expect(double.describes.map(({ method, url }) => `${method} ${url}`)).toEqual(["GET /clusters/prod"]);
    expect(new Set(asked.map(({ headers }) => headers["authorization"])).size).toBe(1);
    expect(tokenIn(asked[0]?.headers["authorization"])).toEqual({ host: "sts.eu-west-1.amazonaws.com", signer: "AKIAOWN", session: null });
  });

  test("of another account is described and reached by the role there, which is taken once", async () => {
    const { address, asked } = await apiServer(own, [ok]);
    await using double = await aws({ endpoint: address, ca: own });
    await (await opened(through))();
    expect(double.describes.map(signedBy)).toEqual(["ASIASESSION"]);
    expect(tokenIn(asked[0]?.headers["authorization"])).toMatchObject({ signer: "ASIASESSION", session: "of-the-role" });
    expect(double.asked).toHaveLength(2);
  });

  test("that was made anew under its name is described once again", async () => {
    const { address, asked } = await apiServer(own, [ok]);
    await using double = await aws({ endpoint: address, ca: other }, { endpoint: address, ca: own });
    await (await opened(eks))();
    expect(double.describes).toHaveLength(2);
    expect(asked).toHaveLength(1);
    await using moved = await aws({ endpoint: "https://127.0.0.1:1", ca: own }, { endpoint: address, ca: own });
    await (await opened(eks))();
    expect(moved.describes).toHaveLength(2);
  });

  test("whose certificate stays another's gets no token", async () => {
    const { address, asked } = await apiServer(own, [ok]);
    await using double = await aws({ endpoint: address, ca: other });
    await expect((await opened(eks))()).rejects.toMatchObject({
      code: "config_invalid",
      message: expect.stringContaining("EKS describes"),
    });
    expect(double.describes).toHaveLength(2);
    expect(asked).toEqual([]);
  });

  test("is reached while it is upgraded, and not while it is made or was never there", async () => {
    const { address } = await apiServer(own, [ok]);
    await using upgraded = await aws({ status: "UPDATING", endpoint: address, ca: own });
    await (await opened(eks))();
    expect(upgraded.describes).toHaveLength(1);
    await using _made = await aws({ status: "CREATING" });
    await expect((await opened(eks))()).rejects.toMatchObject({ code: "kube_unreachable", message: expect.stringContaining("CREATING") });
    await using _missing = await aws({ status: "missing" });
    await expect((await opened(eks))()).rejects.toMatchObject({
      code: "aws_rejected",
      message: expect.stringContaining("DescribeCluster prod in eu-west-1"),
    });
  });

  test("that does not know us says which access entry it lacks, for which role", async () => {
    const { address, asked } = await apiServer(own, [status(401)]);
    await using _double = await aws({ endpoint: address, ca: own });
    const words = "cluster prod in eu-west-1 needs an access entry";
    await expect((await opened(eks))()).rejects.toMatchObject({
      code: "kube_unauthorized",
      message: expect.stringMatching(`${words}.*the function's role`),
    });
    await expect((await opened(through))()).rejects.toMatchObject({ message: expect.stringMatching(`${words}.*${ROLE}`) });
    expect(asked).toHaveLength(4);
  });

  test("that knows us and gives no rights names the group", async () => {
    const forbidden = status(403, 'pods "web-a" is forbidden: User "x" cannot get resource "pods" in API group "" in the namespace "shop"');
    const { address } = await apiServer(own, [forbidden]);
    await using _double = await aws({ endpoint: address, ca: own });
    await expect((await opened(eks))()).rejects.toMatchObject({
      code: "kube_forbidden",
      message: expect.stringContaining("Kubernetes group falco-responder"),
    });
  });

  test("with an access of its own in the registry is not asked of EKS", async () => {
    const { address, asked } = await apiServer(own, [ok]);
    await using double = await aws({ status: "missing" });
    const access = { by: "iam", server: address, caData: base64(own.cert), clusterId: "own-id" } as const;
    await (await opened({ ...eks, access }))();
    expect(double.asked).toEqual([]);
    expect(tokenIn(asked[0]?.headers["authorization"])).toMatchObject({ signer: "AKIAOWN" });
  });
});

describe("a self-managed cluster with aws-iam-authenticator", () => {
  test("is reached by its clusterId, with the function's role or the cluster's", async () => {
    const { address, asked } = await apiServer(own, [ok]);
    await using double = await aws();
    const access = { by: "iam", server: address, caData: base64(own.cert), clusterId: "own-id" } as const;
    await (await opened({ ...kubeCluster, access }))();
    await (await opened({ ...kubeCluster, access, roleArn: ROLE }))();
    expect(asked.map(({ headers }) => tokenIn(headers["authorization"]).signer)).toEqual(["AKIAOWN", "ASIASESSION"]);
    expect(double.describes).toEqual([]);
  });

  test("that does not know us says what to map", async () => {
    const { address } = await apiServer(own, [status(401)]);
    await using _double = await aws();
    const access = { by: "iam", server: address, caData: base64(own.cert), clusterId: "own-id" } as const;
    const get = await opened({ ...kubeCluster, access, roleArn: ROLE });
    await expect(get()).rejects.toMatchObject({
      code: "kube_unauthorized",
      message: expect.stringMatching(`map ${ROLE}.*mapRoles.*"own-id"`),
    });
  });
});
