import middy from "@middy/core";
import type { Context, ScheduledEvent } from "aws-lambda";
import { liveRefetchPorts } from "#shared/adapters/live-refetch.ts";
import { type RefetchPorts, type RefetchReport, refetch } from "#shared/pipeline/refetch.ts";

/** Every five minutes: what CloudWatch Logs received and never delivered. What it cannot do now, the next run does. */
export const createHandler = (ports: RefetchPorts) =>
  middy<ScheduledEvent, RefetchReport, Error, Context>({ timeoutEarlyInMillis: 0 }).handler((_event: ScheduledEvent, context: Context) =>
    refetch(ports, AbortSignal.timeout(Math.max(1, context.getRemainingTimeInMillis() - 5_000))),
  );

export const handler = createHandler(liveRefetchPorts(process.env));
