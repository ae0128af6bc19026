import middy from "@middy/core";
import type { Context, SQSBatchResponse, SQSEvent } from "aws-lambda";
import { liveRespondPorts } from "#shared/adapters/live-respond.ts";
import { kubernetesOpeners } from "#shared/adapters/openers-kubernetes.ts";
import { secretReader } from "#shared/adapters/secrets.ts";
import { type BatchPorts, respondToBatch } from "#shared/pipeline/respond/batch.ts";

/** Alert queue of Kubernetes -> decisions, actions, receipts. What failed or was cut off by the end of time comes again; the rest is done. */
export const createHandler = (ports: BatchPorts) =>
  middy<SQSEvent, SQSBatchResponse, Error, Context>({ timeoutEarlyInMillis: 0 }).handler((event: SQSEvent, context: Context) =>
    respondToBatch(event.Records, ports, AbortSignal.timeout(Math.max(1, context.getRemainingTimeInMillis() - 2_000))),
  );

export const handler = createHandler(liveRespondPorts(process.env, "kubernetes", kubernetesOpeners(secretReader())));
