import { type ClientConfig, perCluster, perSession, type Sessions } from "#shared/adapters/cluster-sessions.ts";
import type { Access } from "#shared/adapters/kubernetes/endpoint.ts";
import type { TokenSource } from "#shared/adapters/pods.ts";
import type { SecretReader } from "#shared/adapters/secrets.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";
import type { Pods } from "#shared/ports/pods.ts";

/**
 * One KubernetesApi, with its connections, per cluster. What reaches it is loaded only when a pod is the target, and of that only what the
 * cluster's way needs.
 */
export function kubernetesApiOpener(secrets: SecretReader, sessions: Sessions): ClusterAccess["kubernetes"] {
  const eks = () => import("#shared/adapters/kubernetes/eks.ts");
  const eksClients = perSession(sessions, async (config: ClientConfig) => (await eks()).eksClient(config));

  const accessOf = async (cluster: Cluster): Promise<Access> => {
    const { access, kind, name } = cluster;
    switch (access?.by) {
      case "token":
        return (await import("#shared/adapters/kubernetes/secret-token.ts")).secretToken(access, name, secrets);
      case "certificate":
        return (await import("#shared/adapters/kubernetes/client-certificate.ts")).clientCertificate(access, name, secrets);
      case "kubeconfig":
        return (await import("#shared/adapters/kubernetes/kubeconfig.ts")).kubeconfig(access, name, secrets);
      case "iam": {
        const { iamAuthenticator } = await import("#shared/adapters/kubernetes/iam-authenticator.ts");
        return iamAuthenticator(access, cluster, sessions(cluster));
      }
      case undefined:
        if (kind === "eks") return (await eks()).eksAccess(await eksClients(cluster), cluster);
        throw new PipelineError("config_invalid", `cluster ${name} has no access: how to reach its API server`);
    }
  };

  return perCluster(async (cluster) => {
    const access = await accessOf(cluster);
    const { openApi } = await import("#shared/adapters/kubernetes/api.ts");
    return openApi(cluster.name, access);
  });
}

/** One Pods, with its connections, per cluster. The Kubernetes client costs about 110 ms to load: only when a pod is the target. */
export function kubernetesPodsOpener(secrets: SecretReader): ClusterAccess["pods"] {
  const opened = new Map<string, Promise<Pods>>();
  return (cluster) => {
    const { access, name } = cluster;
    if (access?.by !== "token")
      return Promise.reject(new PipelineError("config_invalid", `cluster ${name} has no access: how to reach its API server`));
    const known = opened.get(name);
    if (known !== undefined) return known;
    const token: TokenSource = async (signal, fresh) => tokenIn(await secrets.read(secretRef(access.tokenSecret), signal, fresh), name);
    const pods = import("#shared/adapters/pods.ts").then(({ kubernetesPods }) =>
      kubernetesPods({ cluster: name, server: access.server, caData: access.caData }, token),
    );
    opened.set(name, pods);
    return pods;
  };
}

/** A bare name or ARN means Secrets Manager. */
const secretRef = (tokenSecret: string): string =>
  /^(ssm|secretsmanager):/.test(tokenSecret) ? tokenSecret : `secretsmanager:${tokenSecret}`;

/** `{"token": "..."}` or the bare token. Only what fits in a header goes on. */
export function tokenIn(secret: string, cluster: string): string {
  let token: unknown = secret;
  if (secret.startsWith("{")) {
    try {
      const parsed: unknown = JSON.parse(secret);
      token = typeof parsed === "object" && parsed !== null && "token" in parsed ? parsed.token : null;
    } catch {
      token = null;
    }
  }
  if (typeof token === "string" && /^[\x21-\x7e]+$/.test(token)) return token;
  throw new PipelineError("config_invalid", `the token secret of cluster ${cluster} holds neither {"token": "..."} nor a bare token`);
}
