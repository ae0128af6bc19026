import { type CloudWatchLogsClient, CreateLogStreamCommand, PutLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";

/** At most this many bytes (each event costs 26 more) and events in one PutLogEvents; the API takes 1,048,576 and 10,000. */
const BATCH_BYTES = 1_000_000;
const BATCH_EVENTS = 10_000;

const unlessThere = async (create: Promise<unknown>): Promise<void> => {
  await create.catch((thrown: unknown) => {
    if (!(thrown instanceof Error) || thrown.name !== "ResourceAlreadyExistsException") throw thrown;
  });
};

/** Writes lines as a shipper does, into a stream that is made when it is missing. The group must exist. */
export async function putLogEvents(
  logs: CloudWatchLogsClient,
  where: { readonly group: string; readonly stream: string },
  messages: readonly string[],
): Promise<void> {
  await unlessThere(logs.send(new CreateLogStreamCommand({ logGroupName: where.group, logStreamName: where.stream })));
  let batch: string[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return;
    const timestamp = Date.now();
    const logEvents = batch.map((message) => ({ timestamp, message }));
    await logs.send(new PutLogEventsCommand({ logGroupName: where.group, logStreamName: where.stream, logEvents }));
    batch = [];
    bytes = 0;
  };
  for (const message of messages) {
    const size = Buffer.byteLength(message) + 26;
    if (batch.length === BATCH_EVENTS || bytes + size > BATCH_BYTES) await flush();
    batch.push(message);
    bytes += size;
  }
  await flush();
}
