import { ECSClient } from "@aws-sdk/client-ecs";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { askAws } from "#shared/adapters/aws-error.ts";
import { ecsTasks } from "#shared/adapters/tasks.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";
import type { Tasks } from "#shared/ports/tasks.ts";

// ECS throttles per account and region, and the customer's deploys share the bucket: adaptive retries slow us down, not them.
const RESILIENCE = {
  maxAttempts: 5,
  retryMode: "adaptive",
  requestHandler: { connectionTimeout: 2_000, requestTimeout: 5_000 },
} as const;

/** ECS in the cluster's own region, with the role and external id that stand in the registry. One client, and one session, per role and region. */
export function ecsTasksOpener(): ClusterAccess["tasks"] {
  const clients = new Map<string, ECSClient>();
  const opened = new Map<Cluster, Tasks>();
  return (cluster) => {
    // What is asked of a cluster at the same time is joined there: one object for all who ask.
    const there = opened.get(cluster);
    if (there !== undefined) return Promise.resolve(there);
    const key = JSON.stringify([cluster.region, cluster.roleArn, cluster.externalId]);
    let client = clients.get(key);
    if (client === undefined) {
      client = new ECSClient({
        ...RESILIENCE,
        region: cluster.region,
        ...(cluster.roleArn === null ? {} : { credentials: session(cluster, cluster.roleArn) }),
      });
      clients.set(key, client);
    }
    const tasks = ecsTasks(client, cluster);
    opened.set(cluster, tasks);
    return Promise.resolve(tasks);
  };
}

/** The SDK keeps what this gives until shortly before `expiration`, and asks once however many requests wait for it. */
function session({ name, region, externalId }: Cluster, RoleArn: string) {
  const sts = new STSClient({ ...RESILIENCE, region });
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
