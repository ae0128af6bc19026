import { randomUUID } from "node:crypto";
import { s3Archive } from "#shared/adapters/archive.ts";
import { clusterAccess } from "#shared/adapters/cluster-access.ts";
import { readCompiled } from "#shared/adapters/compiled.ts";
import { liveNotifyPorts } from "#shared/adapters/live-notify.ts";
import { sweepOpeners } from "#shared/adapters/openers-sweep.ts";
import { laneUrls, sqsOrders } from "#shared/adapters/orders.ts";
import { secretReader } from "#shared/adapters/secrets.ts";
import { ssmSwitch } from "#shared/adapters/switch-parameter.ts";
import { liveTelemetry } from "#shared/adapters/telemetry.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { SweepPorts } from "#shared/pipeline/sweep.ts";

/** The world of sweep as deployed: notify's, and every cluster to look at. Throws as `liveNotifyPorts` does. */
export function liveSweepPorts(env: NodeJS.ProcessEnv): SweepPorts {
  return {
    ...liveNotifyPorts(env),
    audit: s3Archive(bucketIn(env)),
    telemetry: liveTelemetry("sweep"),
    access: clusterAccess(sweepOpeners(secretReader())),
    newId: randomUUID,
    orders: sqsOrders(laneUrls(env)),
    policy: readCompiled().policy,
    switchParameter: ssmSwitch(env["SWITCH_PARAMETER"]),
  };
}

function bucketIn({ AUDIT_BUCKET: bucket }: NodeJS.ProcessEnv): string {
  if (!bucket) throw new PipelineError("config_invalid", "the environment variable AUDIT_BUCKET is missing");
  return bucket;
}
