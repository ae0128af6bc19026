import { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { ECSClient } from "@aws-sdk/client-ecs";
import { S3Client } from "@aws-sdk/client-s3";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SNSClient } from "@aws-sdk/client-sns";
import { SQSClient } from "@aws-sdk/client-sqs";
import { SSMClient } from "@aws-sdk/client-ssm";
import type { Emulator } from "./emulator/emulator.ts";

/** Clients that can reach the emulator and nothing else. */
export interface Aws {
  readonly ecs: ECSClient;
  readonly logs: CloudWatchLogsClient;
  readonly dynamo: DynamoDBClient;
  readonly s3: S3Client;
  readonly secrets: SecretsManagerClient;
  readonly sns: SNSClient;
  readonly sqs: SQSClient;
  readonly ssm: SSMClient;
}

export function awsOf({ endpoint, region }: Pick<Emulator, "endpoint" | "region">): Aws {
  const shared = { endpoint, region, credentials: { accessKeyId: "test", secretAccessKey: "test" } };
  return {
    ecs: new ECSClient(shared),
    logs: new CloudWatchLogsClient(shared),
    dynamo: new DynamoDBClient(shared),
    s3: new S3Client({ ...shared, forcePathStyle: true }),
    secrets: new SecretsManagerClient(shared),
    sns: new SNSClient(shared),
    sqs: new SQSClient(shared),
    ssm: new SSMClient(shared),
  };
}

/** Outputs of a CloudFormation stack by name; null when there is no such stack. Asked without an SDK: it is the only call to this service. */
export async function stackOutputs(
  { endpoint, region }: Pick<Emulator, "endpoint" | "region">,
  stack: string,
): Promise<Record<string, string> | null> {
  const answer = await fetch(endpoint, {
    method: "POST",
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      // The emulator routes by the scope and verifies no signature.
      authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/${region}/cloudformation/aws4_request, SignedHeaders=host, Signature=0`,
    },
    body: new URLSearchParams({ Action: "DescribeStacks", Version: "2010-05-15", StackName: stack }),
  });
  if (!answer.ok) return null;
  const outputs: Record<string, string> = {};
  for (const [, member = ""] of (await answer.text()).matchAll(/<member>((?:(?!<\/member>)[\s\S])*<OutputKey>[\s\S]*?)<\/member>/g)) {
    const key = /<OutputKey>(.*?)<\/OutputKey>/s.exec(member)?.[1];
    const value = /<OutputValue>(.*?)<\/OutputValue>/s.exec(member)?.[1];
    if (key !== undefined && value !== undefined) outputs[key] = unescapeXml(value);
  }
  return outputs;
}

const unescapeXml = (text: string): string =>
  text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&apos;", "'").replaceAll("&amp;", "&");
