import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, ScanCommand } from "@aws-sdk/lib-dynamodb";
import type { AlertBody, IncidentBody, ReceiptBody } from "#shared/ledger/incident.ts";
import type { Item } from "#shared/ports/table.ts";

/** What stands in the ledger, unpacked. */
export interface Ledger {
  readonly items: readonly Item[];
  readonly alerts: readonly AlertBody[];
  readonly incidents: readonly IncidentBody[];
  readonly receipts: readonly ReceiptBody[];
}

export async function readLedger(client: DynamoDBClient, TableName: string): Promise<Ledger> {
  const documents = DynamoDBDocumentClient.from(client);
  const items: Item[] = [];
  let from: Record<string, unknown> | undefined;
  do {
    const page = await documents.send(new ScanCommand({ TableName, ConsistentRead: true, ...(from ? { ExclusiveStartKey: from } : {}) }));
    items.push(...((page.Items ?? []) as Item[]));
    from = page.LastEvaluatedKey;
  } while (from);
  const bodies = <T>(type: string): T[] => items.filter((item) => item.type === type).map((item) => JSON.parse(String(item["body"])) as T);
  return { items, alerts: bodies("alert"), incidents: bodies("incident"), receipts: bodies("receipt") };
}
