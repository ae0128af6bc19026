import { DescribeClusterCommand, type Cluster as Described, EKSClient } from "@aws-sdk/client-eks";
import { askAws } from "#shared/adapters/aws-error.ts";
import type { ClientConfig } from "#shared/adapters/cluster-sessions.ts";
import { type Access, address, type Endpoint } from "#shared/adapters/kubernetes/endpoint.ts";
import { iamToken } from "#shared/adapters/kubernetes/iam-token.ts";
import { kept } from "#shared/adapters/kubernetes/kept.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Cluster } from "#shared/domain/registry.ts";

/** An endpoint and its CA live as long as the cluster; a cluster that was made anew under its name has others. */
const DESCRIBE_MS = 900_000;

export const eksClient = (config: ClientConfig): EKSClient => new EKSClient(config);

/** EKS by IAM: the server as EKS describes it, and a token that the client's own credentials sign. */
export function eksAccess(client: EKSClient, cluster: Cluster, now: () => number = Date.now): Access {
  const { name, awsName, region } = cluster;
  const what = `EKS DescribeCluster ${awsName} in ${region}`;
  const described = kept(async () => {
    const { cluster: found } = await askAws(what, () => client.send(new DescribeClusterCommand({ name: awsName })));
    return { value: addressOf(found, what), untilMs: now() + DESCRIBE_MS };
  }, now);
  const token = kept(async () => {
    const credentials = await askAws(`credentials for cluster ${name}`, () => client.config.credentials());
    return await iamToken(awsName, region, credentials, now());
  }, now);
  const role = cluster.roleArn ?? "the function's role";
  return {
    async endpoint(signal, again) {
      const old = again?.because === "unreachable" ? again.was : null;
      const was = again?.because === "refused" ? again.was.identity : null;
      const [at, value] = await Promise.all([
        described(signal, old === null ? undefined : ({ server, ca }) => server === old.server && ca === old.ca),
        token(signal, was?.by === "token" ? (current) => current === was.token : undefined),
      ]);
      return { ...at, identity: { by: "token", token: value } };
    },
    advice: {
      unauthorized: `EKS cluster ${awsName} in ${region} needs an access entry, type STANDARD, Kubernetes group falco-responder, for ${role}: its role ARN, not that of a session; a new one takes up to a minute`,
      forbidden: `give the access entry of ${role} in EKS cluster ${awsName} the Kubernetes group falco-responder`,
      certificate: `it does not fit the CA that EKS describes for ${awsName} in ${region}: something else answers at its address`,
      unreachable: `a private endpoint of ${awsName} needs this function in a VPC that reaches it, and port 443 open in the cluster's security group for the function's`,
    },
  };
}

/** While it is UPDATING, which takes long, the API server goes on answering. */
function addressOf(cluster: Described | undefined, what: string): Pick<Endpoint, "server" | "ca"> {
  const { status, endpoint, certificateAuthority } = cluster ?? {};
  if ((status !== "ACTIVE" && status !== "UPDATING") || !endpoint || !certificateAuthority?.data)
    throw new PipelineError("kube_unreachable", `${what}: the cluster is ${status ?? "not described"}: it has no API server to ask`);
  return address(endpoint, certificateAuthority.data, what);
}
