import type { Sensor } from "#shared/domain/queue-entry.ts";
import { isRecord, type JsonObject } from "#shared/wire/record.ts";

export const NO_SENSOR: Sensor = Object.freeze({ taskArn: null, ecsCluster: null, ec2InstanceId: null, pod: null });

/** Longest ARN or name that is kept; AWS's are at most 1,011 characters. */
const MAX_CHARS = 1_024;

/**
 * Falco's own task, instance and pod, as FireLens and the kubernetes filter add them to the record.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/firelens-taskdef.html
 */
export function readSensor(record: JsonObject): Sensor {
  const taskArn = name(record["ecs_task_arn"]);
  const ecsCluster = name(record["ecs_cluster"]);
  const ec2InstanceId = name(record["ec2_instance_id"]);
  const kubernetes = record["kubernetes"];
  if (taskArn === null && ecsCluster === null && ec2InstanceId === null && kubernetes === undefined) return NO_SENSOR;
  return { taskArn, ecsCluster, ec2InstanceId, pod: isRecord(kubernetes) ? podOf(kubernetes) : null };
}

/** `namespace/name`, or the name alone. */
function podOf(kubernetes: JsonObject): string | null {
  const pod = name(kubernetes["pod_name"]);
  const namespace = name(kubernetes["namespace_name"]);
  return pod === null || namespace === null ? pod : `${namespace}/${pod}`;
}

const name = (value: unknown): string | null => (typeof value === "string" && value !== "" && value.length <= MAX_CHARS ? value : null);
