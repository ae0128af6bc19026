import middy from "@middy/core";
import type { Context, ScheduledEvent } from "aws-lambda";
import { liveSweepPorts } from "#shared/adapters/live-sweep.ts";
import { type SweepPorts, type SweepReport, sweep } from "#shared/pipeline/sweep.ts";

/** Every minute: late verification, unsent notifications, closing incidents. Rejects when the ledger cannot be read. */
export const createHandler = (ports: SweepPorts) =>
  middy<ScheduledEvent, SweepReport, Error, Context>({ timeoutEarlyInMillis: 0 }).handler((_event: ScheduledEvent, context: Context) =>
    sweep(ports, AbortSignal.timeout(Math.max(1, context.getRemainingTimeInMillis() - 2_000))),
  );

export const handler = createHandler(liveSweepPorts(process.env));
