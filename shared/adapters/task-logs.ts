import { CloudWatchLogsClient, GetLogEventsCommand, type OutputLogEvent } from "@aws-sdk/client-cloudwatch-logs";
import { askAws, isAws } from "#shared/adapters/aws-error.ts";
import type { ClientConfig } from "#shared/adapters/cluster-sessions.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { TaskLogs } from "#shared/ports/task-logs.ts";

export const logsClient = (config: ClientConfig): CloudWatchLogsClient => new CloudWatchLogsClient(config);

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html */
const EVENTS_MAX = 10_000;
/** A page holds at most 1 MB and may be short or empty before the end. Evidence has seconds: what came until then is what there is. */
const PAGES_MAX = 4;

export function taskLogs(client: Pick<CloudWatchLogsClient, "send">, cluster: Cluster): TaskLogs {
  return {
    async recent(logGroupName, logStreamName, most, abortSignal) {
      if (!Number.isInteger(most) || most < 1 || most > EVENTS_MAX) throw new RangeError(`1 to ${EVENTS_MAX} lines are read, not ${most}`);
      let events: readonly OutputLogEvent[] = [];
      let nextToken: string | undefined;
      try {
        for (let page = 0; page < PAGES_MAX && events.length < most; page++) {
          const input = { logGroupName, logStreamName, startFromHead: false, limit: most - events.length, nextToken };
          const answer = await client.send(new GetLogEventsCommand(input), { abortSignal });
          events = [...(answer.events ?? []), ...events];
          // The same token again: this is the beginning of the stream.
          if (answer.nextBackwardToken === undefined || answer.nextBackwardToken === nextToken) break;
          nextToken = answer.nextBackwardToken;
        }
      } catch (thrown) {
        if (isAws(thrown, "ResourceNotFoundException")) return null;
        return await askAws(`CloudWatch Logs GetLogEvents for cluster ${cluster.name}`, () => Promise.reject(thrown));
      }
      return events.map(({ timestamp, message }) => ({ atMs: timestamp ?? 0, line: message ?? "" }));
    },
  };
}
