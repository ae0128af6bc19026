import { CreateTableCommand, DeleteTableCommand, DynamoDBClient, waitUntilTableExists } from "@aws-sdk/client-dynamodb";
import { afterAll, describe } from "vitest";
import { dynamodbTable } from "#shared/adapters/dynamodb-table.ts";
import { tableSuite } from "./table.suite.ts";

/** Set by the lab. */
const endpoint = process.env["AWS_ENDPOINT_URL"];
const TableName = `ledger-contract-${process.pid}`;

describe.skipIf(endpoint === undefined)("with AWS_ENDPOINT_URL set to the emulator's", () => {
  const client = new DynamoDBClient({});
  tableSuite("DynamoDB", async () => {
    const text = (AttributeName: string) => ({ AttributeName, AttributeType: "S" as const });
    await client.send(
      new CreateTableCommand({
        TableName,
        BillingMode: "PAY_PER_REQUEST",
        AttributeDefinitions: ["pk", "sk", "gsi", "due"].map(text),
        KeySchema: [
          { AttributeName: "pk", KeyType: "HASH" },
          { AttributeName: "sk", KeyType: "RANGE" },
        ],
        GlobalSecondaryIndexes: [
          {
            IndexName: "due",
            KeySchema: [
              { AttributeName: "gsi", KeyType: "HASH" },
              { AttributeName: "due", KeyType: "RANGE" },
            ],
            Projection: { ProjectionType: "ALL" },
          },
        ],
      }),
    );
    await waitUntilTableExists({ client, maxWaitTime: 30 }, { TableName });
    return dynamodbTable(TableName);
  });
  afterAll(async () => {
    await client.send(new DeleteTableCommand({ TableName }));
    client.destroy();
  });
});
