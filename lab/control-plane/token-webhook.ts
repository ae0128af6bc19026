import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import { DescribeAccessEntryCommand, EKSClient, paginateListAccessEntries } from "@aws-sdk/client-eks";
import { type Caller, CLUSTER_HEADER, canonicalArn, readToken, withoutPath } from "./iam-token.ts";

/**
 * Authenticates IAM roles to the lab's API server as EKS does: reads the token (iam-token.ts), asks STS whose it is with the cluster's own
 * name in the signed header, looks for the role's access entry and gives its user and groups. STS and EKS are those of a local AWS.
 * https://github.com/kubernetes-sigs/aws-iam-authenticator `pkg/token`, `pkg/server`
 * https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html
 * https://kubernetes.io/docs/reference/access-authn-authz/authentication/#webhook-token-authentication
 *
 * EKS has one such server per cluster. The lab's one API server stands for a cluster of each local AWS that says so (`joinCluster`); a token
 * is good for the one whose name it signs. Access entries take effect at once, on AWS within a minute. Access policies are not looked at.
 */
export interface TokenWebhook {
  /** For `--authentication-token-webhook-config-file` and `joinCluster`. http, on loopback: nobody else knows its path. */
  readonly url: string;
  /** Why tokens were refused, in order: what EKS writes into its authenticator log. */
  readonly refusals: readonly string[];
  stop(): Promise<void>;
}

/** A cluster as a local AWS has it. */
export interface EksCluster {
  /** Its name in EKS. */
  readonly name: string;
  /** Of the local AWS. */
  readonly endpoint: string;
  readonly region: string;
}

interface Joined {
  readonly cluster: EksCluster;
  readonly eks: EKSClient;
}

type Verdict = { readonly ok: true; readonly user: object } | { readonly ok: false; readonly because: string };

const BODY_MAX = 100_000;
const ANSWER_MS = 5_000;

export async function startTokenWebhook(now: () => number = Date.now): Promise<TokenWebhook> {
  const joined = new Map<string, Joined>();
  const refusals: string[] = [];
  const secret = `/${randomBytes(16).toString("hex")}`;
  const server = createServer((asked, answer) => {
    const reply = (status: number, body: object): void => {
      answer.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    const failed = (thrown: unknown): void => reply(500, { error: String(thrown) });
    // kube-apiserver asks with ?timeout=30s.
    const [path = ""] = (asked.url ?? "").split("?");
    if (path === `${secret}/authenticate` && asked.method === "POST")
      bodyOf(asked)
        .then((text) => review(JSON.parse(text), [...joined.values()], refusals, now()))
        .then((body) => reply(200, body), failed);
    else if (path === `${secret}/clusters` && asked.method === "PUT")
      bodyOf(asked)
        .then((text) => {
          const cluster = JSON.parse(text) as EksCluster;
          joined.set(cluster.name, { cluster, eks: eksOf(cluster) });
          reply(200, {});
        })
        .catch(failed);
    else if (path.startsWith(`${secret}/clusters/`) && asked.method === "DELETE")
      reply(joined.delete(decodeURIComponent(path.slice(`${secret}/clusters/`.length))) ? 200 : 404, {});
    else reply(404, {});
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${secret}`,
    refusals,
    stop: () =>
      new Promise((stopped) => {
        server.close(() => stopped());
        server.closeAllConnections();
      }),
  };
}

/** From here on the API server behind `url` is (also) this cluster. Returns how to leave. */
export async function joinCluster(url: string, cluster: EksCluster): Promise<() => Promise<void>> {
  const { ok, status } = await fetch(`${url}/clusters`, { method: "PUT", body: JSON.stringify(cluster) });
  if (!ok) throw new Error(`the token webhook does not take ${cluster.name}: ${status}`);
  return async () => {
    // The control plane may have ended before.
    await fetch(`${url}/clusters/${encodeURIComponent(cluster.name)}`, { method: "DELETE" }).catch(() => {});
  };
}

const eksOf = ({ endpoint, region }: EksCluster): EKSClient =>
  new EKSClient({ endpoint, region, maxAttempts: 1, credentials: { accessKeyId: "test", secretAccessKey: "test" } });

async function bodyOf(asked: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of asked.setEncoding("utf8")) {
    text += chunk as string;
    if (text.length > BODY_MAX) throw new Error("the request is too large");
  }
  return text;
}

/** The answer to a TokenReview. */
async function review(
  asked: { readonly spec?: { readonly token?: unknown } },
  clusters: readonly Joined[],
  refusals: string[],
  nowMs: number,
) {
  const token = String(asked.spec?.token ?? "");
  const verdicts: Verdict[] = [];
  for (const cluster of clusters) {
    const verdict = await authenticate(token, cluster, nowMs);
    verdicts.push(verdict);
    if (verdict.ok) break;
  }
  const user = verdicts.flatMap((verdict) => (verdict.ok ? [verdict.user] : []))[0];
  const because = clusters.length === 0 ? "no cluster has joined" : verdicts.map((v) => (v.ok ? "" : v.because)).join("; ");
  if (user === undefined) refusals.push(because);
  const status = user === undefined ? { authenticated: false, error: because } : { authenticated: true, user };
  return { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", status };
}

async function authenticate(token: string, { cluster, eks }: Joined, nowMs: number): Promise<Verdict> {
  const no = (because: string): Verdict => ({ ok: false, because: `${cluster.name}: ${because}` });
  const read = readToken(token, nowMs);
  if (!read.ok) return no(read.because);
  try {
    const caller = await askSts(read.url, cluster);
    if (typeof caller === "string") return no(caller);
    const role = canonicalArn(caller.arn);
    const entry = await entryOf(role, cluster.name, eks);
    return entry === null ? no(`no access entry for ${role}`) : { ok: true, user: userOf(caller, role, entry, read.accessKeyId) };
  } catch (thrown) {
    return no(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

/** The presigned request as it is in the token, sent to the local AWS under the name that it was signed for; a text: why not. */
const askSts = (url: URL, { endpoint, name }: EksCluster): Promise<Caller | string> =>
  new Promise((resolve, reject) => {
    const headers = { host: url.host, [CLUSTER_HEADER]: name, accept: "application/json" };
    const asked = request(endpoint, { path: `${url.pathname}${url.search}`, headers, timeout: ANSWER_MS, agent: false }, (answer) => {
      bodyOf(answer).then((text) => {
        if (answer.statusCode !== 200) resolve(`error from AWS (expected 200, got ${answer.statusCode})`);
        else {
          const { GetCallerIdentityResponse: given } = JSON.parse(text) as {
            readonly GetCallerIdentityResponse: {
              readonly GetCallerIdentityResult: { readonly Arn: string; readonly Account: string; readonly UserId: string };
            };
          };
          const { Arn: arn, Account: account, UserId: userId } = given.GetCallerIdentityResult;
          resolve({ arn, account, userId });
        }
      }, reject);
    });
    asked.once("timeout", () => asked.destroy(new Error("STS did not answer in 5 s")));
    asked.once("error", reject);
    asked.end();
  });

interface Entry {
  readonly username: string;
  readonly groups: readonly string[];
}

async function entryOf(role: string, clusterName: string, client: EKSClient): Promise<Entry | null> {
  for await (const { accessEntries = [] } of paginateListAccessEntries({ client }, { clusterName })) {
    const principalArn = accessEntries.find((arn) => withoutPath(arn) === role);
    if (principalArn === undefined) continue;
    const { accessEntry } = await client.send(new DescribeAccessEntryCommand({ clusterName, principalArn }));
    if (accessEntry?.type === "STANDARD") return { username: accessEntry.username ?? "", groups: accessEntry.kubernetesGroups ?? [] };
  }
  return null;
}

/** `extra` as aws-iam-authenticator gives it: `pkg/server/server.go`. */
function userOf({ arn, account, userId }: Caller, role: string, { username, groups }: Entry, accessKeyId: string): object {
  const [principalId = "", sessionName = ""] = userId.split(":");
  return {
    username: username.replaceAll("{{SessionName}}", sessionName.replaceAll("@", "-")).replaceAll("{{AccountID}}", account),
    uid: `aws-iam-authenticator:${account}:${principalId}`,
    groups,
    extra: { accessKeyId: [accessKeyId], arn: [arn], canonicalArn: [role], principalId: [principalId], sessionName: [sessionName] },
  };
}
