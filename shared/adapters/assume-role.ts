import { AssumeRoleCommand, STSClient, type STSClientConfig } from "@aws-sdk/client-sts";
import { askAws } from "#shared/adapters/aws-error.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Cluster } from "#shared/domain/registry.ts";

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: Date;
}

/** Sessions of a role in the cluster's account, by the regional endpoint. The external id is the other account's condition for it. */
export function roleSessions({ name, region, externalId }: Cluster, RoleArn: string, bounds: STSClientConfig): () => Promise<Credentials> {
  const sts = new STSClient({ ...bounds, region });
  return async () => {
    const input = { RoleArn, RoleSessionName: "falco-responder", ...(externalId === null ? {} : { ExternalId: externalId }) };
    const { Credentials: given } = await askAws(`STS AssumeRole ${RoleArn} for cluster ${name}`, () =>
      sts.send(new AssumeRoleCommand(input)),
    );
    if (!given?.AccessKeyId || !given.SecretAccessKey || !given.SessionToken || !given.Expiration)
      throw new PipelineError("aws_rejected", `STS AssumeRole ${RoleArn}: an answer without credentials`);
    return {
      accessKeyId: given.AccessKeyId,
      secretAccessKey: given.SecretAccessKey,
      sessionToken: given.SessionToken,
      expiration: given.Expiration,
    };
  };
}
