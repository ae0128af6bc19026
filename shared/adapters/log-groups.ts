import { CloudWatchClient, GetMetricDataCommand } from "@aws-sdk/client-cloudwatch";
import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { askAws, isAws } from "#shared/adapters/aws-error.ts";
import { everyPage } from "#shared/adapters/pages.ts";
import type { ListedEvent, LogGroups } from "#shared/ports/log-groups.ts";

const BOUNDS = {
  maxAttempts: 4,
  requestHandler: { connectionTimeout: 2_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
} as const;
const MINUTE_S = 60;

export interface LogGroupClients {
  readonly logs: Pick<CloudWatchLogsClient, "send">;
  readonly metrics: Pick<CloudWatchClient, "send">;
}

const clientsHere = (): LogGroupClients => ({ logs: new CloudWatchLogsClient(BOUNDS), metrics: new CloudWatchClient(BOUNDS) });

export function logGroups({ logs, metrics }: LogGroupClients = clientsHere()): LogGroups {
  return {
    async received(logGroup, fromMs, toMs, abortSignal) {
      const named = `CloudWatch GetMetricData of ${logGroup}`;
      const Metric = { Namespace: "AWS/Logs", MetricName: "IncomingLogEvents", Dimensions: [{ Name: "LogGroupName", Value: logGroup }] };
      const results = await everyPage(named, async (NextToken) => {
        const input = {
          StartTime: new Date(fromMs),
          EndTime: new Date(toMs),
          ScanBy: "TimestampAscending" as const,
          MetricDataQueries: [{ Id: "received", MetricStat: { Metric, Period: MINUTE_S, Stat: "Sum" } }],
          NextToken,
        };
        const answer = await askAws(named, () => metrics.send(new GetMetricDataCommand(input), { abortSignal }));
        return { items: answer.MetricDataResults, next: answer.NextToken };
      });
      const minutes = new Map<number, number>();
      for (const { Timestamps = [], Values = [] } of results)
        Timestamps.forEach((at, n) => {
          const minute = Math.floor(at.getTime() / (MINUTE_S * 1_000));
          minutes.set(minute, (minutes.get(minute) ?? 0) + (Values[n] ?? 0));
        });
      return minutes;
    },

    async list(logGroupName, startTime, toMs, next, abortSignal) {
      // Its end is included, ours is not.
      const input = { logGroupName, startTime, endTime: toMs - 1, ...(next === null ? {} : { nextToken: next }) };
      try {
        const answer = await logs.send(new FilterLogEventsCommand(input), { abortSignal });
        const events = (answer.events ?? []).flatMap((one): readonly ListedEvent[] => {
          const { eventId: id, logStreamName: logStream, timestamp, ingestionTime: ingestedMs, message } = one;
          if (!id || logStream === undefined || timestamp === undefined || ingestedMs === undefined) return [];
          return [{ id, logStream, timestamp, ingestedMs, message: message ?? "" }];
        });
        return { events, next: answer.nextToken ?? null };
      } catch (thrown) {
        if (isAws(thrown, "ResourceNotFoundException")) return null;
        return await askAws(`CloudWatch Logs FilterLogEvents of ${logGroupName}`, () => Promise.reject(thrown));
      }
    },
  };
}
