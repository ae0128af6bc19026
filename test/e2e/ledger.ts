import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, ScanCommand } from "@aws-sdk/lib-dynamodb";
import { dynamodbTable } from "#shared/adapters/dynamodb-table.ts";
import type { ClaimBody } from "#shared/ledger/claim.ts";
import type { AlertBody, IncidentBody, ReceiptBody } from "#shared/ledger/incident.ts";
import type { Item } from "#shared/ports/table.ts";

/** What stands in the ledger, unpacked. */
export interface Ledger {
  readonly items: readonly Item[];
  readonly alerts: readonly AlertBody[];
  readonly incidents: readonly IncidentBody[];
  readonly receipts: readonly ReceiptBody[];
}

/** `only`: items of that type. */
export async function readLedger(client: DynamoDBClient, TableName: string, only?: string): Promise<Ledger> {
  const documents = DynamoDBDocumentClient.from(client);
  const items: Item[] = [];
  const filter =
    only === undefined
      ? {}
      : { FilterExpression: "#type = :type", ExpressionAttributeNames: { "#type": "type" }, ExpressionAttributeValues: { ":type": only } };
  let from: Record<string, unknown> | undefined;
  do {
    const page = await documents.send(
      new ScanCommand({ TableName, ConsistentRead: true, ...filter, ...(from ? { ExclusiveStartKey: from } : {}) }),
    );
    items.push(...((page.Items ?? []) as Item[]));
    from = page.LastEvaluatedKey;
  } while (from);
  const bodies = <T>(type: string): T[] => items.filter((item) => item.type === type).map((item) => JSON.parse(String(item["body"])) as T);
  return { items, alerts: bodies("alert"), incidents: bodies("incident"), receipts: bodies("receipt") };
}

export const claimsOf = ({ items }: Pick<Ledger, "items">): readonly ClaimBody<unknown>[] =>
  items.filter(({ type }) => type === "claim").map((item) => JSON.parse(String(item["body"])) as ClaimBody<unknown>);

/**
 * The ledger as if so much time had passed since a claim was made or an order given, and as if nobody had seen what was done or told: confirmed
 * claims are requested again and due, one notification that was sent is owed again.
 */
export async function age(client: DynamoDBClient, tableName: string, ms: number): Promise<void> {
  const table = dynamodbTable(tableName, DynamoDBDocumentClient.from(client));
  const { items } = await readLedger(client, tableName);
  const due = new Date().toISOString();
  const note = items.find(({ type, state }) => type === "note" && state === "sent");
  const changed: Item[] = note === undefined ? [] : [{ ...without(note), version: note.version + 1, state: "pending", due }];
  for (const item of items) {
    if (item.type !== "claim" && item.type !== "order") continue;
    const body = JSON.parse(String(item["body"])) as Record<string, unknown>;
    const earlier = Object.entries(body).map(([key, value]) => [key, isTime(key) && typeof value === "number" ? value - ms : value]);
    const state = item.type === "claim" && body["state"] === "done" ? "requested" : String(body["state"]);
    const next = { ...without(item), version: item.version + 1, state, body: JSON.stringify({ ...Object.fromEntries(earlier), state }) };
    changed.push(state === "requested" || state === "given" ? { ...next, due } : next);
  }
  await table.putAll(changed, AbortSignal.timeout(20_000));
}

const isTime = (key: string): boolean => key === "atMs" || key.endsWith("AtMs");

/** Out of sweep's index. */
function without({ due: _due, gsi: _gsi, ...rest }: Item): Item {
  return rest as Item;
}
