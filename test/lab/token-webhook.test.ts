import { afterEach, expect, test } from "vitest";
import { iamToken } from "#shared/adapters/kubernetes/iam-token.ts";
import { joinCluster, startTokenWebhook } from "../../lab/control-plane/token-webhook.ts";
import { awsDouble, json } from "../adapters/aws-double.ts";

const SESSION = "arn:aws:sts::111122223333:assumed-role/responder/falco@responder";
const ROLE = "arn:aws:iam::111122223333:role/ops/responder";
const credentials = { accessKeyId: "AKIAOWN", secretAccessKey: "s" };
const { value: token } = await iamToken("orders", "eu-central-1", credentials, Date.now());
const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Aws {
  /** By which the token was signed; STS refuses every other name. */
  readonly signedFor?: string;
  readonly arn?: string;
  readonly entry?: object | null;
}

/** STS and EKS, and a webhook whose one cluster, `orders`, they know. */
async function opened({ signedFor = "orders", arn = SESSION, entry = { kubernetesGroups: ["falco-responder"] } }: Aws = {}) {
  const aws = await awsDouble(({ url, headers }) => {
    if (url.startsWith("/?")) {
      if (headers["x-k8s-aws-id"] !== signedFor) return json({ Error: { Code: "SignatureDoesNotMatch" } }, 403);
      const GetCallerIdentityResult = { Arn: arn, Account: "111122223333", UserId: "AROA1:falco@responder" };
      return json({ GetCallerIdentityResponse: { GetCallerIdentityResult } });
    }
    if (url.startsWith("/clusters/orders/access-entries?") || url === "/clusters/orders/access-entries")
      return json({ accessEntries: entry === null ? [] : [ROLE] });
    return json({
      accessEntry: { type: "STANDARD", username: "arn:aws:sts::111122223333:assumed-role/responder/{{SessionName}}", ...entry },
    });
  });
  const webhook = await startTokenWebhook();
  closing.push(() => aws[Symbol.asyncDispose](), webhook.stop);
  const leave = await joinCluster(webhook.url, { name: "orders", endpoint: aws.url, region: "eu-central-1" });
  return { aws, webhook, leave };
}

const review = async (url: string, given = token) => {
  const body = JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token: given } });
  const answer = await fetch(`${url}/authenticate?timeout=30s`, { method: "POST", body });
  return (
    (await answer.json()) as { readonly status: { readonly authenticated: boolean; readonly error?: string; readonly user?: object } }
  ).status;
};

test("a role with an access entry is let in as its session, with the entry's groups", async () => {
  const { aws, webhook } = await opened();
  expect(await review(webhook.url)).toEqual({
    authenticated: true,
    user: {
      username: "arn:aws:sts::111122223333:assumed-role/responder/falco-responder",
      uid: "aws-iam-authenticator:111122223333:AROA1",
      groups: ["falco-responder"],
      extra: {
        accessKeyId: ["AKIAOWN"],
        arn: [SESSION],
        canonicalArn: ["arn:aws:iam::111122223333:role/responder"],
        principalId: ["AROA1"],
        sessionName: ["falco@responder"],
      },
    },
  });
  const [asked] = aws.asked;
  expect(asked?.headers).toMatchObject({ host: "sts.eu-central-1.amazonaws.com", "x-k8s-aws-id": "orders" });
  expect(webhook.refusals).toEqual([]);
});

test.each<[string, Aws, string]>([
  ["without an access entry", { entry: null }, "no access entry for arn:aws:iam::111122223333:role/responder"],
  ["whose entry is for nodes", { entry: { type: "EC2_LINUX", kubernetesGroups: ["g"] } }, "no access entry for"],
  ["whose token is for another cluster", { signedFor: "payments" }, "error from AWS (expected 200, got 403)"],
  [
    "of another account, called alike",
    { arn: SESSION.replace("111122223333", "444455556666") },
    "no access entry for arn:aws:iam::444455556666:role/responder",
  ],
])("a role %s is not", async (_title, aws, because) => {
  const { webhook } = await opened(aws);
  expect(await review(webhook.url)).toEqual({ authenticated: false, error: expect.stringContaining(`orders: ${because}`) });
  expect(webhook.refusals).toHaveLength(1);
});

test("a token that cannot be read is not asked about", async () => {
  const { aws, webhook } = await opened();
  expect(await review(webhook.url, "k8s-aws-v1.")).toMatchObject({ authenticated: false, error: "orders: no URL" });
  expect(aws.asked).toEqual([]);
});

test("of several clusters the one whose name is signed answers; one that has left does not, nor one whose AWS has ended", async () => {
  const { webhook, leave } = await opened();
  await joinCluster(webhook.url, { name: "gone", endpoint: "http://127.0.0.1:9", region: "eu-central-1" });
  expect(await review(webhook.url)).toMatchObject({ authenticated: true });
  await leave();
  expect(await review(webhook.url)).toMatchObject({ authenticated: false, error: expect.stringMatching(/^gone: /) });
});

test("a cluster may leave a webhook that has ended", async () => {
  const webhook = await startTokenWebhook();
  const leave = await joinCluster(webhook.url, { name: "orders", endpoint: "http://127.0.0.1:9", region: "eu-central-1" });
  await webhook.stop();
  await expect(leave()).resolves.toBeUndefined();
  await expect(joinCluster(webhook.url, { name: "orders", endpoint: "", region: "eu-central-1" })).rejects.toThrow();
});

test("who does not know its path is told nothing, and lets nobody in", async () => {
  const { webhook } = await opened();
  const { origin } = new URL(webhook.url);
  const cluster = JSON.stringify({ name: "x", endpoint: origin, region: "eu-central-1" });
  expect((await fetch(`${origin}/clusters`, { method: "PUT", body: cluster })).status).toBe(404);
  expect((await fetch(`${origin}/authenticate`, { method: "POST", body: "{}" })).status).toBe(404);
  expect((await fetch(`${webhook.url}/authenticate`, { method: "POST", body: "no JSON" })).status).toBe(500);
});
