import type { GetLogEventsCommandOutput, GetLogEventsRequest } from "@aws-sdk/client-cloudwatch-logs";
import { AwsFailure } from "./failure.ts";
import type { Scope, State } from "./state.ts";

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html */
const PAGE = 10_000;

/**
 * https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html : the last lines first unless startFromHead, oldest
 * first within a page; a page may be empty though lines follow; at the end the token given comes back. Times within a page are as written.
 */
export function getLogEvents(state: State, scope: Scope, input: GetLogEventsRequest): Omit<GetLogEventsCommandOutput, "$metadata"> {
  const { limit = PAGE, startTime = 0, endTime = Number.POSITIVE_INFINITY, startFromHead = false } = input;
  if (limit < 1 || limit > PAGE) throw new AwsFailure("InvalidParameterException", `limit must be between 1 and ${PAGE}.`);
  const name = input.logGroupName ?? input.logGroupIdentifier?.split(":log-group:").at(-1)?.replace(/:\*$/, "");
  const here = state.logStreams.filter(
    (one) => one.group === name && one.scope.account === scope.account && one.scope.region === scope.region,
  );
  const stream = here.find((one) => one.name === input.logStreamName);
  if (stream === undefined)
    throw new AwsFailure("ResourceNotFoundException", `The specified log ${here.length === 0 ? "group" : "stream"} does not exist.`);
  const events = stream.events.filter(({ atMs }) => startTime <= atMs && atMs < endTime);
  const [direction, at, empty] = readToken(input.nextToken) ?? [
    startFromHead ? "f" : "b",
    startFromHead ? 0 : events.length,
    stream.emptyPages,
  ];
  const taken = empty > 0 ? 0 : limit;
  const [from, to] = direction === "f" ? [at, Math.min(at + taken, events.length)] : [Math.max(at - taken, 0), at];
  const left = Math.max(empty - 1, 0);
  return {
    events: events.slice(from, to).map(({ atMs, message }) => ({ timestamp: atMs, message, ingestionTime: atMs })),
    nextForwardToken: `f/${to}/${left}`,
    nextBackwardToken: `b/${from}/${left}`,
  };
}

function readToken(token: string | undefined): readonly [string, number, number] | null {
  if (token === undefined) return null;
  const [direction, at, empty] = token.split("/");
  if ((direction !== "f" && direction !== "b") || at === undefined || empty === undefined)
    throw new AwsFailure("InvalidParameterException", "The specified nextToken is invalid.");
  return [direction, Number(at), Number(empty)];
}
