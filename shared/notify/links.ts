import type { Accuser } from "#shared/domain/queue-entry.ts";
import { redact } from "#shared/domain/redact.ts";
import type { TaskWorkload } from "#shared/domain/workload.ts";

/** Slack cuts nothing inside a link, and mail clients break long ones. A longer link is left out; the names stand in the text. */
const LONGEST = 1_500;

/** The console of the region's partition. */
function consoleOf(region: string): string | null {
  if (!/^[a-z]{2}(-[a-z]+)+-\d{1,2}$/.test(region)) return null;
  if (region.startsWith("cn-")) return `https://${region}.console.amazonaws.cn`;
  if (region.startsWith("us-gov-")) return `https://${region}.console.amazonaws-us-gov.com`;
  return `https://${region}.console.aws.amazon.com`;
}

const encode = (text: string): string =>
  encodeURIComponent(text.toWellFormed()).replace(/[!'()*~|]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
/** The console's fragment is encoded twice, with "$" for the second "%". */
const encodeTwice = (text: string): string => encode(encode(text)).replace(/%/g, "$");

/** The log event in CloudWatch's console; null when it cannot be linked. */
export function logEventLink(accuser: Accuser, region: string): string | null {
  const base = consoleOf(region);
  if (base === null || !/^\d{1,64}$/.test(accuser.eventId)) return null;
  const path = `log-group/${encodeTwice(accuser.logGroup)}/log-events/${encodeTwice(accuser.logStream)}`;
  if ([accuser.logGroup, accuser.logStream].some((name) => redact(name) !== name)) return null;
  const url = `${base}/cloudwatch/home?region=${region}#logsV2:log-groups/${path}$3FrefEventId$3D${accuser.eventId}`;
  return url.length > LONGEST ? null : url;
}

/** The task in the ECS console (stopped tasks stay about an hour); null when it cannot be linked. */
export function taskLink(task: TaskWorkload): string | null {
  const [, , , region = "", , resource = ""] = task.taskArn.split(":");
  const [, cluster = "", id = ""] = resource.split("/");
  const base = consoleOf(region);
  if (base === null || cluster === "" || id === "" || redact(resource) !== resource) return null;
  const url = `${base}/ecs/v2/clusters/${encode(cluster)}/tasks/${encode(id)}/configuration?region=${region}`;
  return url.length > LONGEST ? null : url;
}

/** The service in the ECS console; null when the task has none or it cannot be linked. */
export function serviceLink(task: TaskWorkload): string | null {
  const [, , , region = "", , resource = ""] = task.taskArn.split(":");
  const cluster = resource.split("/")[1] ?? "";
  const base = consoleOf(region);
  if (base === null || cluster === "" || task.service === null || redact(`${resource} ${task.service}`) !== `${resource} ${task.service}`)
    return null;
  const url = `${base}/ecs/v2/clusters/${encode(cluster)}/services/${encode(task.service)}/health?region=${region}`;
  return url.length > LONGEST ? null : url;
}
