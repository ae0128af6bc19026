import { STSClient } from "@aws-sdk/client-sts";
import { askAws } from "#shared/adapters/aws-error.ts";
import type { ClientConfig } from "#shared/adapters/cluster-sessions.ts";
import { type Access, address } from "#shared/adapters/kubernetes/endpoint.ts";
import { iamToken, type SigningCredentials } from "#shared/adapters/kubernetes/iam-token.ts";
import { kept } from "#shared/adapters/kubernetes/kept.ts";
import type { Cluster, KubernetesAccess } from "#shared/domain/registry.ts";

type IamAccess = Extract<KubernetesAccess, { readonly by: "iam" }>;

/** A self-managed cluster with aws-iam-authenticator: the token of EKS, for the id by which the authenticator knows the cluster. */
export function iamAuthenticator(access: IamAccess, cluster: Cluster, config: ClientConfig, now: () => number = Date.now): Access {
  const { server, caData, clusterId } = access;
  const at = address(server, caData, `cluster ${cluster.name}: access.server and access.caData`);
  // Without a role to take the SDK's own chain is asked; a client of STS carries it, and asks nobody else.
  const credentials: () => Promise<SigningCredentials> = config.credentials ?? new STSClient(config).config.credentials;
  const token = kept(async () => {
    const given = await askAws(`credentials for cluster ${cluster.name}`, () => credentials());
    return await iamToken(clusterId, cluster.region, given, now());
  }, now);
  const role = cluster.roleArn ?? "the function's role";
  return {
    async endpoint(signal, again) {
      const was = again?.because === "refused" ? again.was.identity : null;
      const value = await token(signal, was?.by === "token" ? (current) => current === was.token : undefined);
      return { ...at, identity: { by: "token", token: value } };
    },
    advice: {
      unauthorized: `map ${role} (its ARN without the path) in aws-iam-authenticator's mapRoles, and compare access.clusterId "${clusterId}" with its clusterID`,
      forbidden: `give ${role} the group falco-responder in aws-iam-authenticator's mapRoles`,
      certificate: "it does not fit access.caData",
      unreachable: "is access.server right, and does the function's network reach it?",
    },
  };
}
