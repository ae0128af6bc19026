import middy from "@middy/core";
import type { CloudWatchLogsEvent, Context } from "aws-lambda";
import { liveIngestPorts } from "#shared/adapters/live-ingest.ts";
import { type IngestPorts, type IngestReport, ingest } from "#shared/pipeline/ingest.ts";

/** CloudWatch Logs -> alert queues. Rejects only when the world is broken: Lambda then delivers the same batch again. */
export const createHandler = (ports: IngestPorts) =>
  middy<CloudWatchLogsEvent, IngestReport, Error, Context>({ timeoutEarlyInMillis: 1_000 }).handler(
    (event: CloudWatchLogsEvent, _context: Context, { signal }): Promise<IngestReport> => ingest(event, ports, signal),
  );

export const handler = createHandler(liveIngestPorts(process.env));
