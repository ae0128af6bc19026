import middy from "@middy/core";
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from "aws-lambda";
import { liveChatopsPorts } from "#shared/adapters/live-chatops.ts";
import { type ChatopsPorts, chatops } from "#shared/pipeline/chatops.ts";

/** Slack waits 3 s: https://docs.slack.dev/interactivity/handling-user-interaction */
const ANSWER_MS = 2_500;

/** Function URL without IAM: whoever calls is nobody until Slack's signature fits. */
export const createHandler = (ports: ChatopsPorts) =>
  middy<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Error, Context>({ timeoutEarlyInMillis: 0 }).handler(
    (event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> => chatops(event, ports, AbortSignal.timeout(ANSWER_MS)),
  );

export const handler = createHandler(liveChatopsPorts(process.env));
