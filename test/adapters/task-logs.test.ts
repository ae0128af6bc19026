import { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import { expect, test } from "vitest";
import { taskLogs } from "#shared/adapters/task-logs.ts";
import { ecsCluster, never } from "../playbooks/builders.ts";
import { type Answer, awsDouble, callsIn, failing, inTurn, json } from "./aws-double.ts";

const page = (lines: readonly number[], nextBackwardToken: string) =>
  json({ events: lines.map((n) => ({ timestamp: n, message: `line ${n}` })), nextBackwardToken, nextForwardToken: "f/0" });

async function logs(...answers: readonly Answer[]) {
  const double = await awsDouble(inTurn(...answers));
  const adapter = taskLogs(new CloudWatchLogsClient(double.config), ecsCluster);
  return Object.assign(double, { recent: (most: number) => adapter.recent("/ecs/web", "web/app/0123", most, never) });
}

test("the last lines are read, oldest first", async () => {
  await using double = await logs(page([1, 2], "b/1"));
  expect(await double.recent(2)).toEqual([
    { atMs: 1, line: "line 1" },
    { atMs: 2, line: "line 2" },
  ]);
  expect(callsIn(double.asked)).toEqual([
    ["GetLogEvents", { logGroupName: "/ecs/web", logStreamName: "web/app/0123", startFromHead: false, limit: 2 }],
  ]);
});

test("pages that are short or empty are followed backwards until the token repeats", async () => {
  await using double = await logs(page([5], "b/1"), page([], "b/2"), page([3, 4], "b/3"), page([], "b/3"));
  expect((await double.recent(10))?.map(({ atMs }) => atMs)).toEqual([3, 4, 5]);
  expect(callsIn(double.asked).map(([, { limit, nextToken }]) => [limit, nextToken])).toEqual([
    [10, undefined],
    [9, "b/1"],
    [9, "b/2"],
    [7, "b/3"],
  ]);
});

test("a short stream is asked for once more, to see that this is all", async () => {
  await using double = await logs(page([5], "b/1"), page([], "b/1"));
  expect(await double.recent(10)).toHaveLength(1);
  expect(double.asked).toHaveLength(2);
});

test("no more is asked for than was wanted, nor without end: evidence has seconds", async () => {
  await using enough = await logs(page([2], "b/1"), page([1], "b/2"));
  expect(await enough.recent(2)).toHaveLength(2);
  expect(enough.asked).toHaveLength(2);
  let token = 0;
  await using endless = await awsDouble(() => page([], `b/${++token}`));
  expect(await taskLogs(new CloudWatchLogsClient(endless.config), ecsCluster).recent("g", "s", 2, never)).toEqual([]);
  expect(endless.asked).toHaveLength(4);
});

test("no such group or stream is none", async () => {
  await using double = await logs(failing("ResourceNotFoundException"));
  expect(await double.recent(10)).toBeNull();
});

test.each([
  ["ThrottlingException", 400, "aws_throttled"],
  ["AccessDeniedException", 400, "aws_denied"],
  ["ServiceUnavailableException", 503, "aws_unreachable"],
  ["InvalidParameterException", 400, "aws_rejected"],
])("%s is %s", async (name, status, code) => {
  await using double = await logs(failing(name, status));
  const outcome = expect(double.recent(10)).rejects;
  await outcome.toMatchObject({ code, message: expect.stringContaining("CloudWatch Logs GetLogEvents for cluster shop-prod") });
});

test.each([0, 10_001, 1.5])("%d lines are never asked for", async (most) => {
  await using double = await logs(page([1], "b/1"));
  await expect(double.recent(most)).rejects.toThrow(RangeError);
  expect(double.asked).toEqual([]);
});
