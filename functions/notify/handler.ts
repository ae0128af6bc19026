import middy from "@middy/core";
import type { Context, DynamoDBBatchResponse, DynamoDBStreamEvent } from "aws-lambda";
import { liveNotifyPorts } from "#shared/adapters/live-notify.ts";
import { deliverNotes, type NotifyPorts } from "#shared/pipeline/notify.ts";
import type { Key } from "#shared/ports/table.ts";

/** The stream only wakes: of a record no more than the key is taken, and the ledger is read again. */
const noteKeys = ({ Records }: DynamoDBStreamEvent): readonly Key[] =>
  Records.flatMap(({ dynamodb }) => {
    const pk = dynamodb?.Keys?.["pk"]?.S;
    const sk = dynamodb?.Keys?.["sk"]?.S;
    return pk !== undefined && sk?.startsWith("NOTE#") ? [{ pk, sk }] : [];
  });

/** The ledger's stream -> channels. Channel trouble is success here (sweep sends it again); ledger trouble rejects: the stream tries again. */
export const createHandler = (ports: NotifyPorts) =>
  middy<DynamoDBStreamEvent, DynamoDBBatchResponse, Error, Context>({ timeoutEarlyInMillis: 1_000 }).handler(
    async (event: DynamoDBStreamEvent, _context: Context, { signal }): Promise<DynamoDBBatchResponse> => {
      await deliverNotes(noteKeys(event), ports, signal);
      return { batchItemFailures: [] };
    },
  );

export const handler = createHandler(liveNotifyPorts(process.env));
