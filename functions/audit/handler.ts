import middy from "@middy/core";
import type { Context, DynamoDBStreamEvent, EventBridgeEvent } from "aws-lambda";
import { liveAuditPorts } from "#shared/adapters/live-audit.ts";
import { itemOfImage } from "#shared/adapters/stream-image.ts";
import type { Change } from "#shared/audit/record.ts";
import { digestHours } from "#shared/pipeline/audit/digest.ts";
import { type AuditPorts, audit } from "#shared/pipeline/audit.ts";

type Event = DynamoDBStreamEvent | EventBridgeEvent<"Scheduled Event", unknown>;

const changesOf = ({ Records }: DynamoDBStreamEvent): readonly Change[] =>
  Records.flatMap(({ eventName, dynamodb, userIdentity }): Change[] => {
    const pk = dynamodb?.Keys?.["pk"]?.S;
    const sk = dynamodb?.Keys?.["sk"]?.S;
    if (pk === undefined || sk === undefined) return [];
    const changedAt = new Date((dynamodb?.ApproximateCreationDateTime ?? 0) * 1_000).toISOString();
    const image = eventName === "REMOVE" ? undefined : dynamodb?.NewImage;
    // Set by DynamoDB alone: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html
    const by = (userIdentity as { readonly principalId?: string } | undefined)?.principalId === "dynamodb.amazonaws.com";
    return [{ key: { pk, sk }, item: image === undefined ? null : itemOfImage(image), changedAt, by: by ? "service" : "somebody" }];
  });

/** The ledger's stream -> the locked bucket; every hour the digest of the hours before. Rejects when either is broken: the service tries again. */
export const createHandler = (ports: AuditPorts) =>
  middy<Event, { readonly batchItemFailures: readonly never[] }, Error, Context>({ timeoutEarlyInMillis: 1_000 }).handler(
    async (event: Event, _context: Context, { signal }) => {
      if ("Records" in event) await audit(changesOf(event), ports, signal);
      else await digestHours(ports, signal);
      return { batchItemFailures: [] };
    },
  );

export const handler = createHandler(liveAuditPorts(process.env));
