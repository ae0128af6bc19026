import type { Alert } from "#shared/domain/alert.ts";
import type { Accuser } from "#shared/domain/queue-entry.ts";
import type { Cluster, Registry } from "#shared/domain/registry.ts";
import type { LogBatch } from "#shared/wire/cloudwatch.ts";

/** On whose behalf the lines of one stream speak. */
export interface Origin {
  readonly cluster: Cluster | null;
  /** Why its lines accuse nobody; null when they may. */
  readonly because: string | null;
}

export const UNREGISTERED = "a line from a log stream that no cluster is registered for";

/** The cluster whose source names the log group and the longest prefix of the stream. */
export function originOf(registry: Registry, batch: LogBatch): Origin {
  let best: Cluster | null = null;
  let longest = -1;
  let twice = false;
  for (const cluster of registry.clusters) {
    for (const { logGroup, streamPrefix } of cluster.sources) {
      if (logGroup !== batch.logGroup || !batch.logStream.startsWith(streamPrefix) || streamPrefix.length < longest) continue;
      twice = streamPrefix.length === longest && (twice || best !== cluster);
      best = cluster;
      longest = streamPrefix.length;
    }
  }
  if (best === null) return { cluster: null, because: UNREGISTERED };
  if (twice) return { cluster: null, because: "two clusters are registered for the same log stream" };
  // Lambda reads log groups of its own account only; a document that says otherwise is not CloudWatch's.
  if (batch.account !== registry.account) return { cluster: null, because: "the log group belongs to an account that is not registered" };
  return { cluster: best, because: null };
}

/** Falco's static_fields say where it runs. One that disagrees with the registry is a forged or misrouted line. */
export function disagreement(alert: Alert, cluster: Cluster): string | null {
  const { fields } = alert;
  if ("static.cluster" in fields && fields["static.cluster"] !== cluster.name && fields["static.cluster"] !== cluster.awsName)
    return "static.cluster of the alert names another cluster";
  // An account of digits may have been written as a number.
  if ("static.account" in fields && String(fields["static.account"]) !== cluster.account)
    return "static.account of the alert names another account";
  if ("static.region" in fields && fields["static.region"] !== cluster.region) return "static.region of the alert names another region";
  return null;
}

/** The accuser of one event. */
export const accuserOf = (batch: LogBatch, eventId: string, eventTimeMs: number | null, because: string | null): Accuser => ({
  account: batch.account,
  logGroup: batch.logGroup,
  logStream: batch.logStream,
  eventId,
  ...(eventTimeMs === null ? {} : { eventTimeMs }),
  verified: because === null,
  because,
});
