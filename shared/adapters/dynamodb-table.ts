import { setTimeout as sleep } from "node:timers/promises";
import { DynamoDBClient, TransactionCanceledException } from "@aws-sdk/client-dynamodb";
import {
  BatchWriteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  QueryCommand,
  type QueryCommandInput,
  TransactWriteCommand,
  type TransactWriteCommandInput,
} from "@aws-sdk/lib-dynamodb";
import { askAws } from "#shared/adapters/aws-error.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Condition, Item, Key, Table, TransactResult, Write } from "#shared/ports/table.ts";

type TransactItem = NonNullable<TransactWriteCommandInput["TransactItems"]>[number];

/** BatchWriteItem takes 25: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html */
const BATCH = 25;
const ATTEMPTS = 8;
/** The partition of every item in the sparse index. */
const DUE = "due";

/** The ledger's table in DynamoDB. The client keeps its connections; one per function is enough. */
export function dynamodbTable(tableName: string, client: DynamoDBDocumentClient = documentClient()): Table {
  return {
    async get(key, abortSignal) {
      const command = new GetCommand({ TableName: tableName, Key: { pk: key.pk, sk: key.sk }, ConsistentRead: true });
      const { Item: found } = await askAws("DynamoDB GetItem", () => client.send(command, { abortSignal }));
      return found === undefined ? null : toItem(found);
    },

    async query(pk, skPrefix, abortSignal, most) {
      // A key is never an empty text, and DynamoDB refuses to compare it with one.
      const isWhole = skPrefix === "";
      const input = {
        TableName: tableName,
        KeyConditionExpression: isWhole ? "pk = :pk" : "pk = :pk AND begins_with(sk, :sk)",
        ExpressionAttributeValues: isWhole ? { ":pk": pk } : { ":pk": pk, ":sk": skPrefix },
        ConsistentRead: true,
      };
      return await pages(input, abortSignal, most);
    },

    async due(untilIso, limit, abortSignal) {
      const input = {
        TableName: tableName,
        IndexName: "due",
        KeyConditionExpression: "gsi = :due AND due <= :until",
        ExpressionAttributeValues: { ":due": DUE, ":until": untilIso },
      };
      return await pages(input, abortSignal, limit);
    },

    async transact(writes, abortSignal, token) {
      const command = new TransactWriteCommand({
        TransactItems: writes.map((write) => transactItem(tableName, write)),
        ...(token === undefined ? {} : { ClientRequestToken: token }),
      });
      for (let attempt = 1; ; attempt++) {
        const verdict = await askAws("DynamoDB TransactWriteItems", async () => {
          try {
            await client.send(command, { abortSignal });
            return { ok: true } as const;
          } catch (thrown) {
            return verdictOf(thrown);
          }
        });
        if (verdict !== "conflict") return verdict;
        if (attempt === ATTEMPTS)
          throw new PipelineError("ledger_contention", `a transaction conflicted with others in ${ATTEMPTS} attempts`);
        await pause(attempt, abortSignal);
      }
    },

    async putAll(items, signal) {
      for (let from = 0; from < items.length; from += BATCH) await putBatch(items.slice(from, from + BATCH), signal);
    },
  };

  async function pages(input: QueryCommandInput, abortSignal: AbortSignal, limit = Number.POSITIVE_INFINITY): Promise<readonly Item[]> {
    const found: Item[] = [];
    let start: Record<string, unknown> | undefined;
    do {
      const command = new QueryCommand({
        ...input,
        ...(Number.isFinite(limit) ? { Limit: limit - found.length } : {}),
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      });
      const page = await askAws("DynamoDB Query", () => client.send(command, { abortSignal }));
      found.push(...(page.Items ?? []).map(toItem));
      start = page.LastEvaluatedKey;
    } while (start !== undefined && found.length < limit);
    return found;
  }

  async function putBatch(items: readonly Item[], abortSignal: AbortSignal): Promise<void> {
    let open = items.map((item) => ({ PutRequest: { Item: toRecord(item) } }));
    for (let attempt = 1; open.length > 0; attempt++) {
      if (attempt > ATTEMPTS) throw new PipelineError("aws_throttled", `DynamoDB left ${open.length} items unwritten`);
      if (attempt > 1) await pause(attempt, abortSignal);
      const command = new BatchWriteCommand({ RequestItems: { [tableName]: open } });
      const { UnprocessedItems } = await askAws("DynamoDB BatchWriteItem", () => client.send(command, { abortSignal }));
      open = (UnprocessedItems?.[tableName] ?? []).flatMap(({ PutRequest }) =>
        PutRequest?.Item === undefined ? [] : [{ PutRequest: { Item: PutRequest.Item } }],
      );
    }
  }
}

/** Bounded in time: a call that hangs must not outlive its message. */
export function documentClient(): DynamoDBDocumentClient {
  const client = new DynamoDBClient({
    maxAttempts: 4,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 5_000, throwOnRequestTimeout: true },
  });
  return DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
}

/** Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ */
const pause = (attempt: number, signal: AbortSignal): Promise<void> =>
  sleep(Math.random() * Math.min(1_000, 20 * 2 ** attempt), undefined, { signal });

/** The index needs a partition key of its own; nobody above knows of it. */
const toRecord = (item: Item): Record<string, unknown> => (item.due === undefined ? { ...item } : { ...item, gsi: DUE });

function toItem(record: Record<string, unknown>): Item {
  const { gsi: _partition, ...item } = record;
  return item as Item;
}

function transactItem(TableName: string, write: Write): TransactItem {
  const when = write.when === null ? {} : expression(write.when);
  if (write.op === "put") return { Put: { TableName, Item: toRecord(write.item), ...when } };
  const { pk, sk }: Key = write.key;
  if (write.op === "delete") return { Delete: { TableName, Key: { pk, sk }, ...when } };
  return { ConditionCheck: { TableName, Key: { pk, sk }, ...expression(write.when) } };
}

function expression(condition: Condition): {
  readonly ConditionExpression: string;
  readonly ExpressionAttributeNames?: Record<string, string>;
  readonly ExpressionAttributeValues?: Record<string, unknown>;
} {
  if (condition.kind === "absent") return { ConditionExpression: "attribute_not_exists(pk)" };
  if (condition.kind === "version")
    return {
      ConditionExpression: "#version = :version",
      ExpressionAttributeNames: { "#version": "version" },
      ExpressionAttributeValues: { ":version": condition.version },
    };
  return {
    ConditionExpression: "attribute_not_exists(pk) OR #paused = :no",
    ExpressionAttributeNames: { "#paused": "paused" },
    ExpressionAttributeValues: { ":no": false },
  };
}

/** Reasons stand in the order of the writes: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html */
function verdictOf(thrown: unknown): TransactResult | "conflict" {
  if (thrown instanceof Error && thrown.name === "TransactionInProgressException") return "conflict";
  if (!(thrown instanceof TransactionCanceledException)) throw thrown;
  const codes = (thrown.CancellationReasons ?? []).map(({ Code }) => Code ?? "None");
  const failed = codes.flatMap((code, position) => (code === "ConditionalCheckFailed" ? [position] : []));
  if (failed.length > 0) return { ok: false, failed };
  if (codes.some((code) => code === "TransactionConflict" || code === "ThrottlingError" || code === "ProvisionedThroughputExceeded"))
    return "conflict";
  throw thrown;
}
