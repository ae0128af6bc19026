import { type ClientConfig, perCluster, perSession, type Sessions } from "#shared/adapters/cluster-sessions.ts";
import type { Access } from "#shared/adapters/kubernetes/endpoint.ts";
import type { SecretReader } from "#shared/adapters/secrets.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";

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
