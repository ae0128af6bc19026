import { CreateTableCommand, DeleteTableCommand, DynamoDBClient, waitUntilTableExists } from "@aws-sdk/client-dynamodb";

/** A ledger of its own on the emulator, keyed and indexed as infra/cloudformation/ledger.yml says. Returns what removes it. */
export async function makeLedger(TableName: string): Promise<() => Promise<void>> {
  const client = new DynamoDBClient({});
  const text = (AttributeName: string) => ({ AttributeName, AttributeType: "S" as const });
  const keyed = (hash: string, range: string) => [
    { AttributeName: hash, KeyType: "HASH" as const },
    { AttributeName: range, KeyType: "RANGE" as const },
  ];
  await client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: ["pk", "sk", "gsi", "due"].map(text),
      KeySchema: keyed("pk", "sk"),
      GlobalSecondaryIndexes: [{ IndexName: "due", KeySchema: keyed("gsi", "due"), Projection: { ProjectionType: "ALL" } }],
    }),
  );
  await waitUntilTableExists({ client, maxWaitTime: 30 }, { TableName });
  return async () => {
    await client.send(new DeleteTableCommand({ TableName }));
    client.destroy();
  };
}
