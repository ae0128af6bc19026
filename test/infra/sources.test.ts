import { expect, test } from "vitest";
import { sourceId, sources } from "../../infra/sources.ts";
import { plan } from "./plan.ts";

const built = sources(plan);
const ids = (type: string) => Object.keys(built).filter((id) => built[id]?.Type === type);

test("each log group has one subscription filter, with an empty pattern, to ingest", () => {
  const filters = ids("AWS::Logs::SubscriptionFilter").map((id) => built[id]?.Properties);
  expect(filters.map((filter) => filter?.["LogGroupName"])).toEqual(["/falco/shop", "/falco/kube"]);
  for (const filter of filters) {
    expect(filter).toMatchObject({ FilterPattern: "", DestinationArn: { "Fn::GetAtt": ["IngestLambdaFunction", "Arn"] } });
  }
});

test("only that group of this account may call ingest, and may before its filter exists", () => {
  for (const id of ids("AWS::Logs::SubscriptionFilter")) {
    const permission = built[id]?.DependsOn?.[0] ?? "";
    expect(built[permission]).toMatchObject({
      Type: "AWS::Lambda::Permission",
      Properties: {
        Action: "lambda:InvokeFunction",
        SourceAccount: { Ref: "AWS::AccountId" },
        SourceArn: { "Fn::Sub": expect.stringContaining(`log-group:${String(built[id]?.Properties["LogGroupName"])}:*`) },
      },
    });
  }
});

test("a group to be created is encrypted, expires and outlives the stack; an existing one is left as it is", () => {
  expect(ids("AWS::Logs::LogGroup")).toEqual([`${sourceId("/falco/shop")}Group`]);
  expect(built[`${sourceId("/falco/shop")}Group`]).toMatchObject({
    DeletionPolicy: "Retain",
    Properties: { RetentionInDays: 30, KmsKeyId: { "Fn::GetAtt": ["Key", "Arn"] } },
  });
});

test("groups that differ only in punctuation have different ids", () => {
  expect(sourceId("/falco/a-b")).not.toBe(sourceId("/falco/ab"));
});
