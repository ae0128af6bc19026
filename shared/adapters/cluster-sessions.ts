import type { Credentials } from "#shared/adapters/assume-role.ts";
import type { Cluster } from "#shared/domain/registry.ts";

/** What every client of a cluster is made with; without `credentials` it uses the function's own role. */
export interface ClientConfig {
  readonly region: string;
  readonly maxAttempts: number;
  readonly retryMode: string;
  readonly requestHandler: { readonly connectionTimeout: number; readonly requestTimeout: number; readonly throwOnRequestTimeout: true };
  readonly credentials?: () => Promise<Credentials>;
}

// AWS throttles per account and region, and the customer's deploys share the bucket: adaptive retries slow us down, not them.
// Without `throwOnRequestTimeout` the SDK only warns, and waits on.
const BOUNDS = {
  maxAttempts: 5,
  retryMode: "adaptive",
  requestHandler: { connectionTimeout: 2_000, requestTimeout: 5_000, throwOnRequestTimeout: true },
} as const;

/** When so much is left of them the SDK asks for new credentials (`EXPIRATION_MS` in @smithy/core). */
const RENEW_MS = 300_000;

export type Sessions = (cluster: Cluster) => ClientConfig;

/** One session per role, region and external id, whatever clients use it and however many clusters are reached by it. */
export function clusterSessions(now: () => number = Date.now): Sessions {
  const configs = new Map<string, ClientConfig>();
  return (cluster) => {
    const { region, roleArn, externalId } = cluster;
    const key = JSON.stringify([region, roleArn, externalId]);
    const config = configs.get(key) ?? { ...BOUNDS, region, ...(roleArn === null ? {} : { credentials: session(cluster, roleArn, now) }) };
    configs.set(key, config);
    return config;
  };
}

/** Asked once however many wait for it, and kept until shortly before its end. A failure is not kept. STS is loaded when a role is taken. */
function session(cluster: Cluster, roleArn: string, now: () => number): () => Promise<Credentials> {
  let assume: Promise<() => Promise<Credentials>> | undefined;
  let current: Promise<Credentials> | undefined;
  let renewAtMs = 0;
  const take = async (): Promise<Credentials> => {
    try {
      assume ??= import("#shared/adapters/assume-role.ts").then(({ roleSessions }) => roleSessions(cluster, roleArn, BOUNDS));
      const given = await (await assume)();
      renewAtMs = given.expiration.getTime() - RENEW_MS;
      return given;
    } catch (thrown) {
      current = undefined;
      throw thrown;
    }
  };
  return () => {
    if (current === undefined || now() >= renewAtMs) {
      renewAtMs = Number.POSITIVE_INFINITY;
      current = take();
    }
    return current;
  };
}

/** One client per session, made at its first use: what limits its requests and keeps its connections is shared by all who ask there. */
export function perSession<T extends object>(sessions: Sessions, make: (config: ClientConfig) => T): (cluster: Cluster) => T {
  const made = new Map<ClientConfig, T>();
  return (cluster) => {
    const config = sessions(cluster);
    const client = made.get(config) ?? make(config);
    made.set(config, client);
    return client;
  };
}

/** One object per cluster: what is asked of it at the same time is joined there. */
export function perCluster<T>(open: (cluster: Cluster) => T | Promise<T>): (cluster: Cluster) => Promise<T> {
  const opened = new Map<Cluster, Promise<T>>();
  return (cluster) => {
    const there = opened.get(cluster) ?? Promise.resolve(open(cluster));
    opened.set(cluster, there);
    return there;
  };
}
