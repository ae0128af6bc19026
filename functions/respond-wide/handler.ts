import middy from "@middy/core";
import type { Context, SQSBatchResponse, SQSEvent } from "aws-lambda";
import { liveRespondPorts } from "#shared/adapters/live-respond.ts";
import { wideOpeners } from "#shared/adapters/openers-wide.ts";
import { type BatchPorts, respondToBatch } from "#shared/pipeline/respond/batch.ts";

/** The widest rights by themselves: orders to isolate a machine or to revoke a role's sessions. What failed comes again. */
export const createHandler = (ports: BatchPorts) =>
  middy<SQSEvent, SQSBatchResponse, Error, Context>({ timeoutEarlyInMillis: 0 }).handler((event: SQSEvent, context: Context) =>
    respondToBatch(event.Records, ports, AbortSignal.timeout(Math.max(1, context.getRemainingTimeInMillis() - 2_000))),
  );

export const handler = createHandler(liveRespondPorts(process.env, "wide", wideOpeners()));
