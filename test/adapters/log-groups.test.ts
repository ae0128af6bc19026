import { ResourceNotFoundException, ThrottlingException } from "@aws-sdk/client-cloudwatch-logs";
import { describe, expect, test } from "vitest";
import { type LogGroupClients, logGroups } from "#shared/adapters/log-groups.ts";
import { PipelineError } from "#shared/domain/error.ts";

const signal = new AbortController().signal;
const AT = Date.parse("2026-11-23T19:00:00Z");

/** Clients that answer in turn, and what they were asked. */
function clients(...answers: readonly (object | Error)[]) {
  const asked: object[] = [];
  const left = [...answers];
  const send = (command: { readonly input: object }) => {
    asked.push(command.input);
    const answer = left.shift();
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  return { asked, groups: logGroups({ logs: { send }, metrics: { send } } as unknown as LogGroupClients) };
}

describe("what a group received", () => {
  test("is counted by minute, all pages, from its own metric", async () => {
    const point = (minutes: number, value: number) => ({ Timestamps: [new Date(AT + minutes * 60_000)], Values: [value] });
    const { groups, asked } = clients({ MetricDataResults: [point(0, 3)], NextToken: "more" }, { MetricDataResults: [point(2, 4)] });
    expect([...(await groups.received("/falco/shop", AT, AT + 300_000, signal))]).toEqual([
      [AT / 60_000, 3],
      [AT / 60_000 + 2, 4],
    ]);
    expect(asked[0]).toMatchObject({
      StartTime: new Date(AT),
      EndTime: new Date(AT + 300_000),
      MetricDataQueries: [
        {
          MetricStat: {
            Metric: {
              Namespace: "AWS/Logs",
              MetricName: "IncomingLogEvents",
              Dimensions: [{ Name: "LogGroupName", Value: "/falco/shop" }],
            },
            Period: 60,
            Stat: "Sum",
          },
        },
      ],
    });
    expect(asked[1]).toMatchObject({ NextToken: "more" });
  });
});

describe("the events of a group", () => {
  const event = { eventId: "1", logStreamName: "s", timestamp: AT, ingestionTime: AT + 5, message: "m" };

  test("are listed by their own time, the end not included; an event without id is left out", async () => {
    const { groups, asked } = clients({ events: [event, { ...event, eventId: undefined }], nextToken: "next" }, { events: [] });
    expect(await groups.list("/falco/shop", AT, AT + 1_000, null, signal)).toEqual({
      events: [{ id: "1", logStream: "s", timestamp: AT, ingestedMs: AT + 5, message: "m" }],
      next: "next",
    });
    expect(await groups.list("/falco/shop", AT, AT + 1_000, "next", signal)).toEqual({ events: [], next: null });
    expect(asked).toEqual([
      { logGroupName: "/falco/shop", startTime: AT, endTime: AT + 999 },
      { logGroupName: "/falco/shop", startTime: AT, endTime: AT + 999, nextToken: "next" },
    ]);
  });

  test("of a group that is not there are none; another failure is an error", async () => {
    const gone = new ResourceNotFoundException({ message: "no such group", $metadata: {} });
    const slow = new ThrottlingException({ message: "slow down", $metadata: {} });
    expect(await clients(gone).groups.list("/falco/shop", AT, AT + 1, null, signal)).toBeNull();
    await expect(clients(slow).groups.list("/falco/shop", AT, AT + 1, null, signal)).rejects.toBeInstanceOf(PipelineError);
  });
});
